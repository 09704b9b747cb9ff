package planner

import (
	"slices"
	"strings"
)

// openers reads what stands before a clause.
func (s *splitter) openers() {
	for s.at < len(s.tokens) {
		if t := s.peek(0); t.kind == mark {
			s.marked(t)
			continue
		}
		kind, n := s.longestOpener()
		switch kind {
		case "":
			return
		case "then":
			s.next.join = joinThen
			s.inGroup = 0
		case "together":
			s.opensGroup()
		case "beside":
			if _, v := s.verbAt(s.at + n); v == 0 && s.tokens[s.at].low == "while" {
				return
			}
			s.next.beside = true
		case "otherwise":
			s.next.when = s.contrary()
		case "condition", "unless":
			s.at += n
			s.next.when = s.condition(kind == "unless", true)
			if s.next.when.isOver() {
				s.next.when, s.last, s.next.join = nil, nil, joinThen
			}
			continue
		case "each":
			s.at += n
			s.scopes++
			s.inEach, s.scope = s.upTo(true, false), s.scopes
			continue
		case "before", "after":
			if _, v := s.verbAt(s.at + n); v > 0 {
				s.next.before = kind == "before"
			} else {
				s.skipToComma()
				s.next.join = joinThen
				continue
			}
		}
		s.at += n
	}
}

// longestOpener finds what the words here open; skipping goes last.
func (s *splitter) longestOpener() (kind string, n int) {
	for _, each := range []string{"then", "together", "beside", "otherwise", "unless", "condition", "each", "before", "after", "skip"} {
		if length := s.opener(each); length > n {
			kind, n = each, length
		}
	}
	if _, v := s.verb(); v > 0 && kind == "skip" && v >= n {
		return "", 0
	}
	return kind, n
}

func (s *splitter) marked(t token) {
	s.at++
	switch t.text {
	case "→":
		s.next.join = joinThen
	case ".", ";", "!", "?", "\n":
		s.sentence()
	}
}

// opensGroup reads "in parallel" before a clause: what follows is beside each
// other, or, after an "and", beside what went before.
func (s *splitter) opensGroup() {
	if s.next.join == joinAnd || s.next.join == joinComma && len(s.clauses) > 0 && s.next.when == nil {
		s.next.beside = true
		return
	}
	s.groups++
	s.inGroup = s.groups
}

// isOver: the condition only says that the work before has ended.
func (c *condition) isOver() bool {
	return c != nil && !slices.ContainsFunc(c.tokens, func(t token) bool { return !slices.Contains(words().Finished, t.low) })
}

func (s *splitter) contrary() *condition {
	if s.last == nil { // "check it; if not, …"
		return &condition{tokens: []token{{kind: word, text: "it", low: "it"}, {kind: word, text: "fails", low: "fails"}}, prefix: true}
	}
	return &condition{tokens: s.last.tokens, negate: !s.last.negate, prefix: true}
}

func (s *splitter) skipToComma() {
	for s.at < len(s.tokens) {
		t := s.peek(0)
		if t.kind == mark && strings.Contains(",.;\n", t.text) {
			return
		}
		s.at++
	}
}

// condition reads up to where the condition ends; nil where there is none.
func (s *splitter) condition(unless, prefix bool) *condition {
	c := &condition{tokens: s.upTo(prefix, prefix && s.commaAhead()), negate: unless, prefix: prefix}
	if len(c.tokens) == 0 {
		return nil
	}
	s.last = c
	return c
}

// upTo reads words up to a mark, a "then", or, before a clause, its verb.
// With a comma ahead a verb ends it only where the condition can be over.
func (s *splitter) upTo(prefix, comma bool) []token {
	start := s.at
	for s.at < len(s.tokens) {
		t := s.peek(0)
		if t.kind == mark && t.text != "(" && t.text != ")" || t.low == "then" || phrase(s.tokens, s.at, words().Openers["otherwise"]) > 0 && s.at > start {
			break
		}
		ends := !comma || s.at > start && (saidAll(s.tokens[s.at-1]) || s.at > start+1 && s.tokens[s.at-2].kind == number)
		if _, n := s.verb(); n > 0 && ends && s.at > start && (prefix && s.objectFollows(n) && !s.afterSubject() || s.tokens[s.at-1].low == "and" && !prefix) {
			break
		}
		s.at++
	}
	list := s.tokens[start:s.at]
	if n := len(list); n > 0 && list[n-1].low == "and" {
		list = list[:n-1]
	}
	return list
}

// saidAll: a condition can end with this word.
func saidAll(t token) bool {
	l := words()
	return t.kind == number || t.low == "full" || strings.HasSuffix(t.low, "ed") ||
		slices.Contains(l.Failed, t.low) || slices.Contains(l.Succeeded, t.low) || slices.Contains(l.Empty, t.low)
}

// commaAhead: a comma or a "then" ends what begins here, within the sentence.
func (s *splitter) commaAhead() bool {
	for _, t := range s.tokens[s.at:] {
		switch {
		case t.low == "then" || t.kind == mark && (t.text == "," || t.text == ":"):
			return true
		case t.kind == mark && strings.Contains(".;!?\n→", t.text):
			return false
		}
	}
	return false
}

// afterSubject: the word here goes on from "the", "of" or the like, so it is
// no verb of a clause.
func (s *splitter) afterSubject() bool {
	return slices.Contains([]string{"the", "a", "an", "of", "is", "are", "to", "more", "less", "than", "no"}, s.tokens[s.at-1].low)
}

func (s *splitter) objectFollows(n int) bool {
	t := s.peek(n)
	return t.kind != "" && t.kind != mark && t.low != "and" && t.low != "or"
}
