package backend

import (
	"strings"
	"unicode/utf8"
)

// Dialect is the SQL dialect.
type Dialect int

// The dialects.
const (
	PostgreSQL Dialect = iota
	SQLite
	MySQL
)

// Kind is the kind of a piece of SQL.
type Kind int

// The kinds of pieces.
const (
	Space   Kind = iota // white space and comments
	Quoted              // a string or a quoted name
	Word                // a name or a keyword
	Named               // a named parameter, with its sign: :id
	Numeral             // a number
	Other               // one character of anything else
)

// Piece is one piece of a query. All pieces in a row are the query.
type Piece struct {
	Kind Kind
	Text string
}

// Split splits a query into strings, quoted names, comments and the rest, so that
// named parameters can be numbered and statements counted. An unterminated string
// or comment extends to the end of the query. It is not a protection: the
// database decides what a query may do.
//
// It is written by hand: SQL parsers know one dialect each, and refuse
// statements that the database takes.
func Split(query string, dialect Dialect) []Piece {
	var pieces []Piece
	for rest := query; rest != ""; {
		kind, n := next(rest, dialect, last(pieces))
		pieces = append(pieces, Piece{kind, rest[:n]})
		rest = rest[n:]
	}
	return pieces
}

func last(pieces []Piece) Piece {
	if len(pieces) == 0 {
		return Piece{Kind: Space}
	}
	return pieces[len(pieces)-1]
}

func next(s string, d Dialect, before Piece) (Kind, int) {
	c := s[0]
	switch {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
		return Space, 1
	case strings.HasPrefix(s, "--") && (d != MySQL || len(s) == 2 || s[2] <= ' '), d == MySQL && c == '#':
		return Space, through(s, "\n", 1)
	case strings.HasPrefix(s, "/*"):
		return Space, comment(s, d == PostgreSQL)
	case c == '\'':
		escapes := d == MySQL || d == PostgreSQL && before.Kind == Word && strings.EqualFold(before.Text, "e")
		return Quoted, quoted(s, '\'', escapes)
	case c == '"', c == '`' && d != PostgreSQL:
		return Quoted, quoted(s, c, d == MySQL && c == '"')
	case c == '[' && d == SQLite:
		return Quoted, through(s, "]", 1)
	case c == '$' && d == PostgreSQL:
		if n := dollar(s); n > 0 {
			return Quoted, n
		}
		return Other, 1
	case c >= '0' && c <= '9':
		return Numeral, word(s)
	case nameStart(c):
		return Word, word(s)
	case c == ':' && strings.HasPrefix(s, "::"):
		return Other, 2
	case c == ':' || d == SQLite && (c == '@' || c == '$'):
		if len(s) > 1 && nameStart(s[1]) {
			return Named, 1 + word(s[1:])
		}
		return Other, 1
	}
	_, n := utf8.DecodeRuneInString(s)
	return Other, n
}

func nameStart(c byte) bool {
	return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
}

// word returns the length of the name or number at the start of s.
func word(s string) int {
	n := 1
	for n < len(s) && (nameStart(s[n]) || s[n] >= '0' && s[n] <= '9' || s[n] == '$') {
		n++
	}
	return n
}

func through(s, end string, from int) int {
	if i := strings.Index(s[from:], end); i >= 0 {
		return from + i + len(end)
	}
	return len(s)
}

func comment(s string, nests bool) int {
	if !nests {
		return through(s, "*/", 2)
	}
	depth := 0
	for i := 0; i+1 < len(s); i++ {
		switch s[i : i+2] {
		case "/*":
			depth++
			i++
		case "*/":
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// quoted returns the length of a quoted text, in which quotes are doubled.
func quoted(s string, quote byte, escapes bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case escapes && s[i] == '\\':
			i++
		case s[i] == quote:
			if i+1 < len(s) && s[i+1] == quote {
				i++
				continue
			}
			return i + 1
		}
	}
	return len(s)
}

// dollar returns the length of a dollar-quoted string ($$…$$, $tag$…$tag$), or
// 0 if there is none.
func dollar(s string) int {
	end := 1
	for end < len(s) && (nameStart(s[end]) || end > 1 && s[end] >= '0' && s[end] <= '9') {
		end++
	}
	if end == len(s) || s[end] != '$' {
		return 0
	}
	return through(s, s[:end+1], end+1)
}

// Statements returns the number of statements of a query. Empty statements do
// not count. The body of a trigger, which contains semicolons, is part of its
// statement.
func Statements(query string, dialect Dialect) int {
	count, content := 0, false
	var words []string
	for _, p := range Split(query, dialect) {
		switch {
		case p.Kind == Space:
		case p.Text == ";":
			if content {
				count++
			}
			content = false
		default:
			content = true
			if p.Kind == Word && len(words) < 3 {
				words = append(words, strings.ToLower(p.Text))
			}
		}
	}
	if content {
		count++
	}
	if trigger(words) {
		return 1
	}
	return count
}

func trigger(words []string) bool {
	return len(words) > 1 && words[0] == "create" &&
		(words[1] == "trigger" || len(words) > 2 && strings.HasPrefix(words[1], "temp") && words[2] == "trigger")
}

// FirstWord returns the first word of a query in lower case, after comments and
// opening parentheses; empty if the query starts with something else.
func FirstWord(query string, dialect Dialect) string {
	for _, p := range Split(query, dialect) {
		switch {
		case p.Kind == Word:
			return strings.ToLower(p.Text)
		case p.Kind != Space && p.Text != "(":
			return ""
		}
	}
	return ""
}
