package planner

import (
	"slices"
	"strings"
)

// How a clause is joined to the one before it.
const (
	joinStart = "start" // a sentence of its own
	joinThen  = "then"
	joinComma = "comma"
	joinAnd   = "and"
)

// clause is one piece of work as a requirement states it: a verb, and what it
// is about.
type clause struct {
	verb   string // its base form; empty where no verb is known
	class  string
	tokens []token // after the verb, without what the fields below say
	detail [][]token
	text   string // as it was written
	// written is the verb as it begins the text, empty where it is not said.
	written string
	join    string

	gerund   bool
	together bool       // "in parallel", of itself
	group    int        // all clauses of one group are beside each other
	beside   bool       // beside the clause before it
	own      bool       // for each branch on its own
	each     []token    // what it is done for each of; nil: not
	scope    int        // of a "for each" that governs several clauses
	when     *condition // nil: always
	heading  bool       // it only says what the clauses after it are for
	before   bool       // to be done after the clause that follows
	prior    bool       // to be done before the clause that comes first
}

// condition is when a clause is done, in the requirement's words.
type condition struct {
	tokens []token
	negate bool
	prefix bool // it stood before the clause, so it may govern several
}

// contradicts: both are of the same words, and one of them says no.
func (c *condition) contradicts(other *condition) bool {
	return len(c.tokens) > 0 && len(other.tokens) > 0 && &c.tokens[0] == &other.tokens[0] && c.negate != other.negate
}

// splitter reads clauses from tokens.
type splitter struct {
	tokens  []token
	at      int
	clauses []*clause
	known   func(string) bool // a word that some executor goes by
	// stray are stretches without a verb at places where a clause begins.
	stray []string

	next    clause // what the openers have said of the clause to come
	scopes  int
	groups  int
	inGroup int
	inEach  []token
	scope   int
	last    *condition
}

// split reads the clauses of a requirement.
func split(tokens []token, known func(string) bool) (clauses []*clause, stray []string) {
	s := &splitter{tokens: tokens, known: known, next: clause{join: joinStart}}
	s.sentence()
	for s.at < len(s.tokens) {
		before := s.at
		if s.step(); s.at == before {
			s.at++ // whatever the words, reading goes on
		}
	}
	for _, c := range s.clauses {
		c.finish()
	}
	return reorder(s.clauses), s.stray
}

func (s *splitter) peek(offset int) token {
	if i := s.at + offset; i < len(s.tokens) {
		return s.tokens[i]
	}
	return token{}
}

func (s *splitter) opener(kind string) int { return phrase(s.tokens, s.at, words().Openers[kind]) }

// sentence forgets what only holds within one.
func (s *splitter) sentence() {
	s.inGroup, s.inEach, s.scope = 0, nil, 0
	s.next = clause{join: joinStart}
}

// step reads the openers of a clause and then the clause, or what stands in
// its place.
func (s *splitter) step() {
	s.openers()
	if s.at >= len(s.tokens) {
		return
	}
	if verb, n := s.verb(); n > 0 {
		gerund := strings.HasSuffix(strings.Fields(s.tokens[s.at].low)[0], "ing") && s.tokens[s.at].low != verb
		s.begin(verb, n, gerund)
		return
	}
	if before := s.previous(); s.next.beside && before != nil && words().Classes[before.guess()].Family == source && s.peek(0).kind != mark {
		s.begin(before.verb, 0, before.gerund) // "fetch this and at the same time that"
		return
	}
	strong := s.next.join == joinStart || s.next.join == joinThen || s.next.when != nil
	if !strong && len(s.clauses) > 0 {
		s.body(s.clauses[len(s.clauses)-1])
		return
	}
	if word := s.peek(0); word.kind == "word" && s.known(word.low) {
		s.begin("", 0, false)
		return
	}
	s.begin("", 0, false)
	c := s.clauses[len(s.clauses)-1]
	if !hasMeta(c.tokens) {
		s.clauses = s.clauses[:len(s.clauses)-1]
		s.stray = append(s.stray, c.text)
	}
}

// verb finds the verb that begins here, by its base form.
func (s *splitter) verb() (base string, n int) { return s.verbAt(s.at) }

func (s *splitter) verbAt(at int) (base string, n int) {
	l := words()
	for length := min(l.longer, len(s.tokens)-at); length > 0; length-- {
		form := make([]string, 0, length)
		for _, t := range s.tokens[at : at+length] {
			if t.kind != word {
				form = nil
				break
			}
			form = append(form, t.low)
		}
		base, ok := l.forms[strings.Join(form, " ")]
		if form == nil || !ok {
			continue
		}
		if at+length < len(s.tokens) && slices.Contains(l.Compound[base], s.tokens[at+length].low) {
			continue
		}
		return base, length
	}
	return "", 0
}

// begin starts a clause, and reads it.
func (s *splitter) begin(verb string, n int, gerund bool) {
	c := s.next
	c.verb, c.gerund, c.group, c.scope = verb, gerund, s.inGroup, s.scope
	if c.each == nil {
		c.each = s.inEach
	}
	if previous := s.previous(); c.when == nil && previous != nil && previous.when != nil && previous.when.prefix && c.join == joinAnd {
		c.when = previous.when
	}
	c.written = content(s.tokens[s.at : s.at+n])
	c.text = c.written
	if n == 0 {
		c.text = verb
	}
	s.at += n
	s.clauses = append(s.clauses, &c)
	s.next = clause{}
	s.body(&c)
}

func (s *splitter) previous() *clause {
	if len(s.clauses) == 0 {
		return nil
	}
	return s.clauses[len(s.clauses)-1]
}

// body reads the words of a clause up to where another may begin.
func (s *splitter) body(c *clause) {
	start, end := s.at, s.at
	defer func() { c.text = strings.TrimSpace(c.text + " " + content(s.tokens[start:end])) }()
	for ; s.at < len(s.tokens); end = s.at {
		t := s.peek(0)
		end = s.at
		switch {
		case t.kind == mark && t.text == "(":
			s.parentheses(c)
			continue
		case t.kind == mark && t.text == ":" && has(c.tokens, []string{"ways"}):
			s.at++
			from := s.at
			for s.at < len(s.tokens) && !(s.peek(0).kind == mark && strings.Contains(".;\n", s.peek(0).text)) && s.peek(0).low != "then" {
				s.at++
			}
			c.detail = append(c.detail, s.tokens[from:s.at])
			continue
		case t.kind == mark && t.text == ":" && s.heads(c):
			s.at++
			c.heading = true
			s.sentence()
			return
		case t.kind == mark:
			if s.boundary(c, joinComma) {
				return
			}
			continue
		case t.low == "and":
			if s.boundary(c, joinAnd) {
				return
			}
			continue
		case t.low == "but":
			s.at++
			s.next = clause{join: joinThen}
			return
		case t.low == "then", s.opener("then") > 1:
			s.next = clause{join: joinThen}
			return
		case s.opensInside(c, t):
			return
		}
		if n := s.opener("condition"); n > 0 && s.opener("then") == 0 {
			s.at += n
			c.when = s.condition(false, false)
			continue
		}
		if n := s.opener("unless"); n > 0 {
			s.at += n
			c.when = s.condition(true, false)
			continue
		}
		if n := s.opener("each"); n > 0 {
			s.at += n
			c.each = s.eachNoun()
			continue
		}
		c.tokens = append(c.tokens, t)
		s.at++
	}
}

// opensInside reports whether a clause begins in the middle of another one:
// "… while reading", "… before saving", "a pipeline that fetches".
func (s *splitter) opensInside(c *clause, t token) bool {
	verb, n := s.verbAt(s.at + 1)
	if n == 0 {
		return false
	}
	switch t.low {
	case "while":
		s.at++
		s.next = clause{join: joinAnd, beside: true}
	case "before":
		s.at++
		s.next = clause{join: joinThen}
	case "after":
		s.at++
		s.next = clause{join: joinThen, prior: true}
	case "that", "which", "to", "for", "where":
		if t.low == "to" && c.verb == "use" && c.guess() == metaClass { // "use the token to fetch"
			s.at++
			s.next = clause{join: joinThen}
			return true
		}
		if c.guess() == "model" { // "ask the model to write a poem"
			return false
		}
		if !hasMeta(c.tokens) && !(t.low == "to" && c.leadsTo(verb)) {
			return false
		}
		s.at++
		s.next = clause{join: joinThen}
	default:
		return false
	}
	return true
}

// leadsTo: "fetch it to save it" is two pieces of work, "call the API to get
// it" is one.
func (c *clause) leadsTo(verb string) bool {
	l := words()
	senses := l.senses[verb]
	from := l.Classes[c.guess()].Family
	return l.Classes[senses[len(senses)-1].Class].Family == sink && (from == source || from == transform)
}

func (s *splitter) parentheses(c *clause) {
	s.at++
	from := s.at
	for s.at < len(s.tokens) && !(s.peek(0).kind == mark && s.peek(0).text == ")") {
		s.at++
	}
	c.detail = append(c.detail, s.tokens[from:s.at])
	s.at = min(s.at+1, len(s.tokens))
}

// eachNoun reads what something is done for each of, inside a clause: up to
// the next preposition.
func (s *splitter) eachNoun() []token {
	from := s.at
	for s.at < len(s.tokens) {
		t := s.peek(0)
		if t.kind != word || slices.Contains(append([]string{"and", "then", "if", "when"}, prepositions...), t.low) || phrase(s.tokens, s.at, words().Openers["together"]) > 0 {
			break
		}
		s.at++
	}
	return s.tokens[from:s.at]
}

var prepositions = strings.Fields("from to into in on at by with using via of about for as through per over within")
