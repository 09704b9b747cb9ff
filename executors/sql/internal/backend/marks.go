package backend

import (
	"strconv"
	"strings"
)

// use is what a query does with a value.
type use int

const (
	asValue   use = iota // one value
	asElement            // an element of IN (…)
	asJSON               // a value that may be JSON
)

// mark is a placeholder.
type mark struct {
	use      use
	from, to int    // its pieces
	text     string // the first of them
	name     string // of a named placeholder
	index    int    // of any other: the index of its value
}

// marksOf returns the placeholders of a query, and the highest number of those
// without a name. SQLite numbers names too if they are not wanted by name.
func marksOf(pieces []Piece, dialect Dialect, named bool) (marks []mark, highest int) {
	var at place
	numbers := map[string]int{}
	for i := 0; i < len(pieces); i++ {
		p := pieces[i]
		m := mark{from: i, text: p.Text}
		number := 0
		if i+1 < len(pieces) && pieces[i+1].Kind == Numeral {
			number, _ = strconv.Atoi(pieces[i+1].Text)
		}
		switch {
		case p.Kind == Named && named:
			m.name = p.Text[1:]
		case p.Kind == Named && dialect == SQLite:
			if numbers[p.Text] == 0 {
				numbers[p.Text] = highest + 1
			}
			m.index = numbers[p.Text] - 1
		case p.Text == "$" && dialect == PostgreSQL && number > 0, p.Text == "?" && dialect == SQLite && number > 0:
			m.index = number - 1
			i++
		case p.Text == "?" && dialect != PostgreSQL:
			m.index = highest
		default:
			at.pass(p)
			continue
		}
		if m.name == "" {
			highest = max(highest, m.index+1)
		}
		m.to = i + 1
		m.use = at.use(following(pieces[m.to:]))
		marks = append(marks, m)
		at.pass(p)
	}
	return marks, highest
}

// following returns the next word or sign in lower case, or "" at the end.
func following(pieces []Piece) string {
	for _, p := range pieces {
		if p.Kind != Space {
			return strings.ToLower(p.Text)
		}
	}
	return ""
}

// place is where in a query a piece is.
type place struct {
	open   []string // what precedes each open parenthesis
	last   string
	insert bool // after INSERT or REPLACE
	rows   bool // after its VALUES
	set    bool // after SET
	target bool // a column to set comes next
	value  bool // the last = sets a column
}

// ends are the words after which neither VALUES nor SET goes on.
var ends = map[string]bool{"where": true, "from": true, "returning": true, "order": true, "limit": true, "on": true, "select": true}

// pass moves behind a piece.
func (a *place) pass(p Piece) {
	if p.Kind == Space {
		return
	}
	word := strings.ToLower(p.Text)
	switch {
	case word == "(":
		before := a.last
		if len(a.open) == 0 && a.rows && before == "," {
			before = "values"
		}
		a.open = append(a.open, before)
	case word == ")":
		a.open = a.open[:max(0, len(a.open)-1)]
	case len(a.open) > 0:
	case word == "insert" || word == "replace":
		a.insert = true
	case word == "values" || word == "value":
		a.rows = a.insert
	case word == "set", word == "update" && a.last == "key":
		a.rows, a.set, a.target = false, true, true
	case word == ",":
		a.target = a.set
	case word == "=":
		a.value, a.target = a.target, false
	case ends[word]:
		a.rows, a.set, a.target = false, false, false
	}
	a.last = word
}

// use returns what the query does with a placeholder here, which next follows.
func (a *place) use(next string) use {
	if len(a.open) == 0 {
		if a.set && a.last == "=" && a.value && (next == "" || next == "," || next == ";" || ends[next]) {
			return asJSON
		}
		return asValue
	}
	before := strings.Trim(a.open[len(a.open)-1], "`\"")
	switch {
	case a.last != "(" && a.last != "," || next != ")" && next != ",":
	case before == "in":
		return asElement
	case strings.HasPrefix(before, "json"), before == "values" && a.rows && len(a.open) == 1:
		return asJSON
	}
	return asValue
}
