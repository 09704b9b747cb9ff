package planner

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors/lazyregexp"
)

// placeForm is a place in an address that is to be filled in: {id}.
var placeForm = lazyregexp.New(`\{(\w+)\}`)

// places fills the places in a step's address from the element that it is done
// for, or else from the run's inputs; and where each element is itself what is
// fetched or read, takes that.
func (p *planner) places(s *step) {
	for _, name := range []string{"url", "file_path", "host", "to"} {
		text, ok := s.inputs[name].(string)
		switch {
		case ok && placeForm().MatchString(text):
			s.inputs[name] = placeForm().ReplaceAllStringFunc(text, func(place string) string { return p.place(s, place[1:len(place)-1]) })
		case (!ok || name == "file_path") && s.each != nil && s.def.Input.HasProperty(name) && s.isElement(name):
			field := asKey(s.each.noun)
			if name == "to" {
				field = "email"
			}
			s.inputs[name] = reference("item." + field + "? // item")
			delete(s.inputs, "stdin")
		}
	}
}

func (p *planner) place(s *step, name string) string {
	if s.each != nil {
		return reference("item." + name + "? // item | tostring | @uri")
	}
	p.asked[name] = map[string]any{"type": []any{"string", "number"}, "description": "In the address of: " + s.name}
	p.warn("the requirement does not say the %s of %s: the run's input %s is to give it", name, s.id, name)
	return reference("inputs." + name + " | tostring | @uri")
}

// isElement: each element is an address to fetch, or a file to read.
func (s *step) isElement(name string) bool {
	nouns := []string{"url", "link", "address", "endpoint", "site", "website", "page"}
	switch {
	case name == "file_path" && s.class == "read":
		nouns = []string{"file", "path", "document", "log"}
	case name == "host" && s.topic == "ssh":
		nouns = []string{"server", "host", "machine", "node"}
	case name == "to" && s.topic == "email":
		nouns = []string{"user", "customer", "person", "member", "subscriber", "recipient", "address", "contact", "employee", "client"}
	case name != "url":
		return false
	}
	words := strings.Fields(s.each.noun)
	return len(words) > 0 && slices.Contains(nouns, words[len(words)-1])
}

// unused warns of what a requirement names and no task has: nothing is left
// out in silence.
func (p *planner) unused(clauses []*clause) {
	var all []any
	for _, s := range p.graph.steps {
		all = append(all, s.inputs, s.condition)
	}
	raw, err := json.Marshal(all)
	if err != nil {
		return // finish tells of it
	}
	written := string(raw)
	for _, c := range clauses {
		if c.class == noClass {
			continue // told of already
		}
		tokens := slices.Concat(append([][]token{c.tokens, c.each}, c.detail...)...)
		for _, t := range tokens {
			if !t.literal() || t.kind == quoted {
				continue
			}
			text, err := json.Marshal(escape(t.text))
			if err != nil || strings.Contains(written, strings.Trim(string(text), `"`)) || p.takenApart(t, written) {
				continue
			}
			p.warn("not used: %q, of %q", t.text, trimmed(c.text))
		}
	}
}

// takenApart: the parts of a literal are in the plan.
func (p *planner) takenApart(t token, written string) bool {
	switch t.kind {
	case email: // ops@web01
		user, machine, _ := strings.Cut(t.text, "@")
		return strings.Contains(written, `"`+user+`"`) && strings.Contains(written, `"`+machine+`"`)
	case service:
		full, method, _ := strings.Cut(t.text, "/")
		return strings.Contains(written, `"`+full+`"`) && strings.Contains(written, `"`+method+`"`)
	case url, path: // {id}
		return placeForm().MatchString(t.text)
	}
	return false
}
