package planner

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors"
)

// shape is one form of a clause, behind its verb. Its pattern is made of words
// (a|b), slots (<kind> or <name:kind>) and both with a question mark where they
// can be left out. The options follow in any order, each at most once. Make is
// what the inputs of a data_processor are; a shape without it has a function.
type shape struct {
	Read    string
	Options []string
	Make    map[string]any
	Noun    string // what the data is called that it makes
	Scalar  bool   // it makes one number
	Whole   bool   // it works on the data as it is, not on the list in it
}

// found is what a pattern has found.
type found struct {
	subject subject
	values  map[string]string // by the names of slots
	emails  map[string][]string
	dests   []*place
	object  json.RawMessage
	command any
}

// clauseOf reads the clause of a verb: the first of its shapes that fits.
func (p *planner) clauseOf(verb string, start int) {
	farthest := start
	var refused *executors.Error
	p.verb = verb
	for _, name := range words().Verbs[verb] {
		p.at = start
		s := words().Shapes[name]
		f := &found{values: map[string]string{}, emails: map[string][]string{}}
		if p.match(s.Read, f) && p.options(s.Options, f) && p.err == nil {
			if p.looped && !p.joined.sentence && !slices.Contains([]string{"save", "gather", "merge"}, name) {
				p.refuse("the built-in planner does not know whether %q is done for each element or once: begin a new sentence if it is done once", p.said(p.begin, p.at))
				return
			}
			made := len(p.steps)
			if s.Make != nil && p.make(s, f) || s.Make == nil && functions[name](p, f) || p.err != nil {
				p.verbs = append(p.verbs, verb)
				return
			}
			if len(p.steps) > made {
				break // no other shape can take it back
			}
		}
		if refused == nil {
			refused = p.err
		}
		p.err = nil // another shape may fit
		farthest = max(farthest, p.at)
	}
	p.at, p.err = farthest, refused
	p.unread()
}

// match_ reads options in any order.
func (p *planner) options(options []string, f *found) bool {
	for left := slices.Clone(options); ; {
		i := slices.IndexFunc(left, func(option string) bool {
			start := p.at
			return p.try(func() bool { return p.match(option, f) && p.at > start })
		})
		if i < 0 {
			return true
		}
		left = slices.Delete(left, i, i+1)
	}
}

// match reads a pattern. Where it does not fit, at is where it stopped.
func (p *planner) match(pattern string, f *found) bool {
	for part := range strings.FieldsSeq(pattern) {
		part, optional := strings.CutSuffix(part, "?")
		var ok bool
		if slot, is := strings.CutPrefix(part, "<"); is {
			slot = strings.TrimSuffix(slot, ">")
			name, kind, named := strings.Cut(slot, ":")
			if !named {
				kind = name
			}
			start := p.at
			if ok = p.slot(name, kind, f); !ok && optional {
				p.at = start
			}
		} else {
			ok = p.eat(strings.Split(part, "|")...)
		}
		if !ok && !optional {
			return false
		}
	}
	return true
}

// slot reads a value of some kind.
func (p *planner) slot(name, kind string, f *found) (ok bool) {
	t := p.peek(0)
	value, single := t.text, true
	switch kind {
	case "data", "this", "thing": // data, also not read before, only implied, or named
		s, ok := p.subject(kind == "data")
		if ok = ok && (s.said || kind != "thing"); ok {
			f.subject = s
		}
		return ok
	case "words": // a list of the lexicon, by its name
		return p.phrase(words().lists[name]) != ""
	case "field":
		value, ok = p.field()
		single = false
	case "amount":
		value, ok = p.amount()
		single = false
	case "fields":
		value, ok = p.fields()
		single = false
	case "tests":
		value = p.tests()
		ok, single = value != "", false
	case "op":
		value, ok = operations[t.low], operations[t.low] != ""
	case "name":
		ok = plainWord(t)
	case "url":
		ok = t.kind == address
	case "text":
		ok = t.kind == quoted
	case "body":
		if ok = t.kind == quoted; t.kind == object {
			f.object = json.RawMessage(t.text)
			p.at++
			return true
		}
	case "method":
		value = strings.ToUpper(t.low)
		ok = value == "POST" || value == "PUT" || value == "PATCH"
	case "emails":
		return p.emailList(name, f)
	case "destination":
		d := p.destination()
		if d != nil {
			f.dests = append(f.dests, d)
		}
		return d != nil
	case "command":
		f.command = p.scriptName()
		return f.command != nil
	}
	if ok = ok && f.values[name] == ""; ok { // a second text is not read
		f.values[name] = value
	}
	if ok && single {
		p.at++
	}
	return ok
}

func (p *planner) emailList(name string, f *found) bool {
	for first := true; first || p.try(func() bool { return p.more() && p.peek(0).kind == email }); first = false {
		t, ok := p.kind(email)
		if !ok {
			return false
		}
		f.emails[name] = append(f.emails[name], t.text)
	}
	return true
}

// functions are of the shapes that make more than a data_processor. Each
// returns false where the clause does not fit after all.
var functions map[string]func(*planner, *found) bool

func init() {
	functions = map[string]func(*planner, *found) bool{
		"measure": (*planner).measure, "source": (*planner).fetch, "literals": (*planner).literals, "join": (*planner).join, "merge": (*planner).merge,
		"ways": (*planner).ways, "script": (*planner).script, "script open": (*planner).script, "loop": (*planner).inLoop, "program": (*planner).program,
		"gather": (*planner).gather, "command": (*planner).command, "report": (*planner).report, "save text": (*planner).save, "save": (*planner).save,
		"post body": (*planner).post, "post request": (*planner).post, "post message": (*planner).post, "post": (*planner).post, "notify": (*planner).post,
		"send mail": (*planner).mail, "mail me": (*planner).mail, "mail to": (*planner).mail, "mail ask": (*planner).mail, "mail text": (*planner).mail, "mail": (*planner).mail, "notify mail": (*planner).mail,
		"print data": (*planner).print, "print": (*planner).print,
	}
}
