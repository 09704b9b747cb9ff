package planner

import (
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors"
)

// missing asks the run for what must be there and is not.
func (p *planner) missing(s *step) {
	for _, name := range requiredOf(s.def) {
		if _, done := s.inputs[name]; done {
			continue
		}
		if numbers := numbersIn(s); slices.Contains(offers().Flows, name) && len(numbers) > 1 {
			s.inputs[name] = numbers // "the sum of 1, 2 and 3"
			continue
		}
		p.require(s, name)
	}
}

// require makes an input of a task an input of the run.
func (p *planner) require(s *step, name string) {
	schema := property(s.def, name)
	if schema == nil {
		schema = map[string]any{}
	}
	delete(schema, "default")
	if _, ok := offers().Asks[name]; ok {
		s.inputs[name] = p.ask(s, name)
		return
	}
	about, _ := schema["description"].(string)
	schema["description"] = strings.TrimSpace(strings.TrimSuffix(about, ".") + ". For: " + s.name)
	if about == "" {
		schema["description"] = "For: " + s.name
	}
	input := s.id + "_" + name
	p.asked[input] = schema
	p.warn("the requirement does not say the %s of %s: the run's input %s is to give it", name, s.id, input)
	s.inputs[name] = reference("inputs." + input)
	if s.each != nil && name == "url" {
		s.inputs[name] = reference("inputs."+input) + "/" + reference("item.id? // item | tostring | @uri")
		p.warn("%s adds each %s, or its id, to the end of %s", s.id, s.each.noun, input)
	}
}

// ask makes an input of the run of what an offer needs.
func (p *planner) ask(s *step, place string) any {
	a := offers().Asks[place]
	input := s.id + "_" + place
	if place == "connection" {
		input = place // one for all
	}
	schema := a.schema()
	if place != "connection" {
		schema["description"] = a.Description + ". For: " + s.name
	}
	p.asked[input] = schema
	if a.Default == nil {
		p.warn("the requirement does not say the %s of %s: the run's input %s is to give it", place, s.id, input)
	} else {
		p.warn("the requirement does not say the %s of %s: the run's input %s gives it, and is %v until then", place, s.id, input, a.Default)
	}
	return reference("inputs." + input)
}

func requiredOf(def *executors.Definition) []string {
	var required []string
	list, _ := decoded(def.Input)["required"].([]any)
	for _, each := range list {
		if name, ok := each.(string); ok {
			required = append(required, name)
		}
	}
	return required
}
