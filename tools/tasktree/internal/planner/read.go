package planner

import (
	"slices"
	"strings"
)

// clause is what is known of the clause that is being read.
type clause struct {
	begin  int        // its first token
	made   int        // its first step
	verb   string     // as the lexicon has it
	cond   *condition // under which it happens
	loop   *loop      // for each element of which it happens
	fresh  []string   // the run inputs that it asks for
	joined joint
}

// joint is how a clause is joined to the one before.
type joint struct {
	any, sentence, comma, and, then, beside bool
}

// flow is what the clauses before have left.
type flow struct {
	before   []int   // the steps that the current stage waits for
	stage    []int   // the steps of the current stage
	sources  bool    // the stage has sources only
	heads    []*data // the data at hand
	last     []*data // the data that "it" stands for
	verbs    []string
	leading  *condition // a condition that began the sentence
	negated  *condition // what "otherwise" stands for
	recent   []int      // the steps of the clause before
	acted    bool       // the clause before changed something
	looped   bool       // the clause before was for each element
	measured []*data    // the measurements of this machine
	answered []*data    // the replies of requests that sent something
}

// read reads the whole requirement.
func (p *planner) read() {
	p.wish()
	for first := true; p.err == nil; first = false {
		p.joined = p.joint()
		if p.peek(0).kind == end {
			break
		}
		if !first && !p.joined.any {
			p.unread()
			return
		}
		p.readClause(first)
	}
	if p.err == nil && len(p.steps) == 0 {
		p.refuse("the requirement is too vague to plan: it does not say what is to be done")
		p.err.Hint = "say where the data comes from, what is done with it and where the result goes. " + p.err.Hint
	}
	for _, d := range p.heads {
		if !d.used && d.kind != raw && d.step < p.made {
			p.refuse("the requirement does not say what is done with the result of %q", p.steps[d.step].name)
		}
	}
}

// wish consumes "create a workflow that".
func (p *planner) wish() {
	p.phrase(words().Polite)
	start := p.at
	if p.phrase(words().Wish) == "" {
		return
	}
	p.eat("me")
	p.phrase(words().Determiners)
	if p.phrase(words().Plans) == "" {
		p.at = start
		return
	}
	if p.eat("that", "which", "to", "for") {
		p.eat("can", "will", "should")
	}
}

// joint consumes what stands between two clauses.
func (p *planner) joint() (j joint) {
	for ; ; j.any = true {
		t := p.peek(0)
		switch {
		case t.kind == mark && strings.Contains(".;!\n", t.text):
			j.sentence = true
			p.at++
		case t.kind == mark && t.text == ",":
			j.comma = true
			p.at++
		case t.kind == mark && t.text == "->", p.phrase(words().Then) != "":
			j.then = true
			if t.text == "->" {
				p.at++
			}
		case p.eat("and"):
			j.and = true
		case p.phrase(words().Beside) != "":
			j.beside = true
		case p.phrase(words().Polite) != "":
		default:
			return j
		}
	}
}

// readClause reads one clause with its condition, and names its steps.
func (p *planner) readClause(first bool) {
	j, before := p.joined, p.clause
	p.clause = clause{begin: p.at, made: len(p.steps), joined: j}
	if j.sentence || first {
		p.leading, p.looped = nil, false
	}
	if !p.leads(before) || p.err != nil {
		return
	}
	if p.peek(0).kind == mark && p.peek(0).text == "," {
		p.at++
	}
	p.eat("then")
	start := p.at
	p.shape()
	if p.err != nil {
		return
	}
	p.trails(before)
	for _, s := range p.steps[p.made:] {
		if s.name == "" {
			s.name = title(p.said(start, p.at))
		}
	}
	for _, name := range p.fresh {
		schema, _ := p.asked[name].(map[string]any)
		about, _ := schema["description"].(string)
		schema["description"] = about + " (" + p.said(start, p.at) + ")"
	}
	p.recent = nil
	for i := p.made; i < len(p.steps); i++ {
		p.recent = append(p.recent, i)
	}
	p.acted = slices.ContainsFunc(p.steps[p.made:], func(s *step) bool { return s.acts })
	p.looped = p.loop != nil
}

// leads reads what stands before the verb: a condition, or "for each".
func (p *planner) leads(before clause) bool {
	ambiguous := p.leading != nil && (p.joined.comma || p.joined.then || p.joined.beside)
	switch {
	case p.eat("otherwise", "else"):
		if p.negated == nil {
			p.at--
			p.unread()
			return false
		}
		p.cond, p.leading, p.negated = p.negated, p.negated, nil
		p.joined.beside = true // of the two one runs
		return true
	case ambiguous:
		p.refuse("the built-in planner does not know whether %q belongs to the condition before it: begin a new sentence if it does not, join it with \"and\" if it does", p.said(p.at, p.at+8))
		return false
	case p.conditional():
		p.cond = p.condition()
		p.leading = p.cond
	case p.eachWord():
		p.loop = p.loopOver()
	case p.leading != nil:
		p.cond = before.cond
	}
	if p.cond == nil {
		p.negated = nil
	}
	return p.err == nil
}

// trails reads a condition behind a clause, and applies the clause's condition
// to its steps.
func (p *planner) trails(before clause) {
	start := p.at
	if p.peek(0).text == "," {
		p.at++
	}
	p.eat("but")
	if p.conditional() {
		switch {
		case p.cond != nil:
			p.refuse("%q has two conditions: the built-in planner reads one", p.said(p.begin, p.at))
		case p.acted && p.joined.and && !p.joined.comma && !p.joined.sentence && !p.joined.then:
			p.refuse("the built-in planner does not know whether the condition of %q belongs to %q as well: begin a new sentence", p.said(p.begin, p.at), p.said(before.begin, p.begin))
		}
		p.cond = p.condition()
	} else {
		p.at = start
	}
	if p.cond == nil || p.err != nil {
		return
	}
	p.negated = p.cond.otherwise()
	p.cond.apply(p)
}

// conditional consumes the word that begins a condition.
func (p *planner) conditional() bool {
	start := p.at
	p.eat("only")
	if p.eat("if", "when", "unless") {
		p.at--
		return true
	}
	p.at = start
	return false
}

func (p *planner) eachWord() bool {
	start := p.at
	if p.eat("for") && p.eat("each", "every") {
		return true
	}
	p.at = start
	return false
}

// shape reads a verb and what belongs to it.
func (p *planner) shape() {
	for n := 2; n > 0; n-- {
		t := p.peek(0)
		low := t.low
		if n == 2 {
			low += " " + p.peek(1).low
		}
		verb, known := words().forms[low]
		if t.kind != word || !known {
			continue
		}
		p.clauseOf(verb, p.at+n)
		return
	}
	p.unread()
}

// peek returns the token n ahead; behind the last one, a token of kind end.
func (p *planner) peek(n int) token {
	if p.at+n < len(p.tokens) {
		return p.tokens[p.at+n]
	}
	return token{}
}

// eat consumes one of some words.
func (p *planner) eat(options ...string) bool {
	if t := p.peek(0); t.kind == word && slices.Contains(options, t.low) {
		p.at++
		return true
	}
	return false
}

// kind consumes a token of one of some kinds.
func (p *planner) kind(kinds ...kind) (token, bool) {
	t := p.peek(0)
	if !slices.Contains(kinds, t.kind) {
		return t, false
	}
	p.at++
	return t, true
}

// mark consumes a mark.
func (p *planner) mark(text string) bool {
	if t := p.peek(0); t.kind == mark && t.text == text {
		p.at++
		return true
	}
	return false
}

// phrase consumes the first phrase of a list that is here, and returns it.
func (p *planner) phrase(list []string) string {
	for _, phrase := range list {
		n := 0
		for each := range strings.FieldsSeq(phrase) {
			if t := p.peek(n); t.kind == mark || t.low != each && t.text != each {
				n = -1
				break
			}
			n++
		}
		if n > 0 {
			p.at += n
			return phrase
		}
	}
	return ""
}

// more consumes a comma, an "and" or both, between the items of a list.
func (p *planner) more() bool {
	comma := p.mark(",")
	return p.eat("and") || comma
}

// try reads something that may be there. If it is not, nothing is consumed.
func (p *planner) try(read func() bool) bool {
	start, err := p.at, p.err
	if read() {
		return true
	}
	p.at, p.err = start, err
	return false
}

// enter begins the clause's stage. Sources that follow each other, and clauses
// that are said to run beside the one before, share a stage: they start
// together. Every other clause waits for the stage before. What only works on
// data (beside is false) waits for its data alone.
func (p *planner) enter(sources, beside bool) {
	if p.joined.beside && !beside {
		p.refuse("the built-in planner does not know what %q works on while the clause before it runs", p.said(p.begin, p.at))
	}
	if len(p.stage) > 0 && beside && !p.joined.beside && !(sources && p.sources && !p.joined.then) {
		p.before, p.stage = p.stage, nil
	}
	p.sources = sources
}

// ends reports whether the clause can end here.
func (p *planner) ends() bool {
	t := p.peek(0)
	return t.kind == end || t.kind == mark || t.low == "and" || t.low == "then"
}
