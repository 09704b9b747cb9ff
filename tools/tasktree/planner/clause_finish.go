package planner

import (
	"slices"
	"strings"
)

func hasMeta(tokens []token) bool { return has(tokens, words().Meta) }

// finish reads what a clause says about itself, and settles its class.
func (c *clause) finish() {
	l := words()
	c.class = c.guess()
	if c.heading {
		c.class = metaClass
	}
	if c.verb == "use" && c.class == metaClass && !hasMeta(c.tokens) {
		c.class = noClass // so that it is told of
	}
	if at, n := find(c.tokens, l.Openers["together"]); at >= 0 {
		c.together = true
		c.tokens = cut(c.tokens, at, n)
	}
	if at, n := find(c.tokens, l.Own); at >= 0 {
		c.own = true
		c.tokens = cut(c.tokens, at, n)
	}
	if at, _ := find(c.tokens, l.Each); at >= 0 && c.each == nil {
		c.each = nounAfter(c.tokens, at+1)
	}
	if c.scope > 0 && c.each != nil && c.leavesScope() {
		c.each, c.scope = nil, 0
	}
}

func cut(list []token, at, n int) []token {
	return append(slices.Clone(list[:at]), list[at+n:]...)
}

// nounAfter is the noun of "each NOUN": up to the first preposition, mark or
// literal.
func nounAfter(tokens []token, at int) []token {
	end := at
	for end < len(tokens) && tokens[end].kind == word && !slices.Contains(prepositions, tokens[end].low) && tokens[end].low != "and" && end-at < 3 {
		end++
	}
	if end == at {
		return []token{{kind: word, text: "element", low: "element"}}
	}
	return tokens[at:end]
}

// leavesScope: what puts all together is not done for each.
func (c *clause) leavesScope() bool {
	switch c.class {
	case "merge", "aggregate", "report":
		return true
	case "save":
		if len(literalsOf(c.tokens, path)) > 0 { // one file, which each would write over
			return true
		}
	}
	return has(c.tokens, []string{"all", "overall", "everything", "combined", "final"})
}

// guess settles the class of a clause by its verb and its words.
func (c *clause) guess() string {
	l := words()
	if c.verb == "" {
		if hasMeta(c.tokens) {
			return metaClass
		}
		return ""
	}
	all := slices.Concat(append([][]token{c.tokens}, c.detail...)...)
	for _, sense := range l.senses[c.verb] {
		if sense.holds(all) {
			return c.fit(sense.Class)
		}
	}
	return ""
}

// fit turns "create a workflow" into no work, whatever else the verb may mean.
func (c *clause) fit(class string) string {
	if class == "model" || class == "report" || class == "process" || class == "run" {
		rest := c.substance()
		if len(rest) > 0 && !slices.ContainsFunc(rest, func(t token) bool { return !slices.Contains(words().Meta, t.low) }) && rest[0].kind == word {
			return metaClass
		}
	}
	return class
}

// substance are the words of a clause that name something.
func (c *clause) substance() []token {
	var list []token
	for _, t := range c.tokens {
		if t.kind == mark || slices.Contains(empties, t.low) || slices.Contains(prepositions, t.low) {
			continue
		}
		list = append(list, t)
	}
	return list
}

var empties = strings.Fields("a an the some any my our your this that these those me us him her and or all of is are new good great nice useful simple complete small big it them both")

func (s sense) holds(tokens []token) bool {
	if len(s.Without) > 0 {
		rest, ok := destination(tokens)
		if ok && len(rest) > 0 && s.Without[0] == "to" {
			return false
		}
	}
	if s.To != nil {
		rest, ok := destination(tokens)
		if !ok {
			return false
		}
		return len(*s.To) == 0 || has(rest, *s.To)
	}
	return len(s.With)+len(s.Literals) == 0 || has(tokens, s.With) || len(literalsOf(tokens, s.Literals...)) > 0
}

// destination is what comes after "to", "into" and the like.
func destination(tokens []token) ([]token, bool) {
	for i, t := range tokens {
		if slices.Contains([]string{"to", "into", "in", "as"}, t.low) {
			return tokens[i+1:], true
		}
	}
	return nil, false
}

// origin is what comes after "from", "on" and the like.
func origin(tokens []token) ([]token, bool) {
	for i, t := range tokens {
		if slices.Contains([]string{"from", "on", "at", "via", "using", "through", "with", "against"}, t.low) {
			return tokens[i+1:], true
		}
	}
	return nil, false
}

// reorder puts the clauses into the order in which they are to be done.
func reorder(list []*clause) []*clause {
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case c.before && i+1 < len(list):
			c.before = false
			next := list[i+1]
			next.join, c.join = c.join, joinThen
			list[i], list[i+1] = next, c
		case c.prior && i > 0:
			c.prior = false
			last := list[i-1]
			c.join, last.join = last.join, joinThen
			list[i-1], list[i] = c, last
		}
	}
	return list
}
