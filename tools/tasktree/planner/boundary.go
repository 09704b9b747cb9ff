package planner

import (
	"slices"
	"strings"
)

// Where one clause ends and another may begin.

// boundary looks whether a clause begins after a comma or an "and". If none
// does, what stands there belongs to the clause at hand.
func (s *splitter) boundary(c *clause, join string) bool {
	from, strong := s.at, s.peek(0).kind == mark && strings.Contains(".;!?\n", s.peek(0).text)
	if strong {
		s.at++
		s.sentence()
		return true
	}
	saved := *s
	s.at++
	s.next = clause{join: join}
	if s.peek(0).low == "and" {
		s.at++
		s.next.join = joinAnd
	}
	s.openers()
	verb, n := s.verb()
	opened := s.next.join == joinThen || s.next.join == joinStart || s.next.when != nil || s.next.beside || s.next.before || s.inEach != nil && saved.inEach == nil
	if n > 0 && (opened || s.plausible(c, verb, n)) || n == 0 && opened {
		return true
	}
	if n == 0 && s.unknownVerb() {
		s.next.join = joinThen // on its own, so that it is told of
		return true
	}
	*s = saved
	if t := s.tokens[from]; t.kind != mark || t.text != ")" {
		c.tokens = append(c.tokens, t)
	}
	s.at = from + 1
	return false
}

// heads: what comes before a colon is a heading where work without an object
// of its own is told in clauses after it: "Back up the database: run …".
func (s *splitter) heads(c *clause) bool {
	_, n := s.verbAt(s.at + 1)
	family := words().Classes[c.guess()].Family
	return n > 0 && (family == sink || family == work) && !slices.ContainsFunc(c.tokens, token.literal)
}

// unknownVerb: the word after a comma or an "and" has an object, as verbs
// have, and is none that is known: "compress the output".
func (s *splitter) unknownVerb() bool {
	t, object := s.peek(0), s.peek(1)
	if t.kind != word || len(t.text) < 3 || slices.Contains(noVerbs, t.low) || slices.Contains(prepositions, t.low) || slices.Contains(empties, t.low) || strings.Trim(t.text, "abcdefghijklmnopqrstuvwxyz") != "" {
		return false
	}
	return object.kind == word && slices.Contains(strings.Fields("the a an me us it them its their this these those my our your every each"), object.low)
}

// noVerbs come before an object and are no verbs.
var noVerbs = strings.Fields("who whom whose which that where when while if unless until than then or but not nor so as only also even both plus minus including excluding except without within between against like once twice just before after during are was were has have had does did can could may might must should will would because since though although")

// plausible reports whether a word after a comma or an "and" is the verb of a
// clause, and not a noun or an "-ing" that goes on from the one before.
func (s *splitter) plausible(c *clause, verb string, n int) bool {
	form := s.tokens[s.at].low
	head, _, _ := strings.Cut(verb, " ")
	switch {
	case form == head:
		return !slices.Contains([]string{"total", "average", "sum", "count", "label", "rank"}, form) || !slices.Contains([]string{"from", "of", "for", "in", "per"}, s.peek(1).low)
	case strings.HasSuffix(form, "ing"):
		return c.gerund && !c.goesOn()
	}
	return s.objectFollows(n) // "and reports" is a noun, "and reports the sum" is not
}

// goesOn: a clause says how by an "-ing": "by filtering", "including sorting".
func (c *clause) goesOn() bool {
	for i, t := range c.tokens[:max(0, len(c.tokens)-1)] {
		if slices.Contains([]string{"by", "including", "involving"}, t.low) && strings.HasSuffix(c.tokens[i+1].low, "ing") {
			return true
		}
	}
	return false
}
