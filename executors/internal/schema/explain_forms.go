package schema

import (
	"slices"

	v5 "github.com/santhosh-tekuri/jsonschema/v5"
)

// composed checks the keywords that apply other schemas.
func (e *explainer) composed(s *v5.Schema, v any, at path) Answer {
	answer := Yes
	if s.Ref != nil {
		answer = min(answer, e.check(s.Ref, v, at))
	}
	for _, each := range s.AllOf {
		answer = min(answer, e.check(each, v, at))
	}
	if len(s.AnyOf) > 0 {
		answer = min(answer, e.any(s.AnyOf, v, at))
	}
	if len(s.OneOf) > 0 {
		answer = min(answer, e.one(s.OneOf, v, at))
	}
	if s.Not != nil {
		inside, _ := e.quiet(s.Not, v, at)
		if answer = min(answer, inside.not()); inside == Yes {
			e.add(at, "matches a schema that is not allowed here; got %s", shown{v})
		}
	}
	if s.If != nil {
		answer = min(answer, e.whether(s, v, at))
	}
	return answer
}

func (e *explainer) whether(s *v5.Schema, v any, at path) Answer {
	test, _ := e.quiet(s.If, v, at)
	var reasons []reason
	branch := func(s *v5.Schema) func() Answer {
		return func() Answer {
			if s == nil {
				return Yes
			}
			answer, found := e.quiet(s, v, at)
			reasons = found
			return answer
		}
	}
	answer := whether(test, branch(s.Then), branch(s.Else))
	if answer == No {
		e.take(reasons)
	}
	return answer
}

// form is one of several forms that a value may have.
type form struct {
	schema  *v5.Schema
	answer  Answer
	reasons []reason
}

func (e *explainer) forms(schemas []*v5.Schema, v any, at path) []form {
	forms := make([]form, len(schemas))
	for i, each := range schemas {
		answer, reasons := e.quiet(each, v, at)
		forms[i] = form{each, answer, reasons}
	}
	return forms
}

func (e *explainer) one(schemas []*v5.Schema, v any, at path) Answer {
	fits, may := 0, 0
	forms := e.forms(schemas, v, at)
	for _, each := range forms {
		switch each.answer {
		case Yes:
			fits++
		case Maybe:
			may++
		}
	}
	answer := exactlyOne(fits, may)
	switch {
	case answer == No && fits > 1:
		e.add(at, "matches %d of the allowed forms, and must match exactly one; got %s", fits, shown{v})
	case answer == No:
		e.none(forms, v, at)
	}
	return answer
}

func (e *explainer) any(schemas []*v5.Schema, v any, at path) Answer {
	any := No
	forms := e.forms(schemas, v, at)
	for _, each := range forms {
		any = max(any, each.answer)
	}
	if any == No {
		e.none(forms, v, at)
	}
	return any
}

// none explains that a value has none of several forms: with the reasons of
// the only form for its type, with the types if no form has its type, or else
// with what each form requires.
func (e *explainer) none(forms []form, v any, at path) {
	var near []form
	var types []string
	for _, each := range forms {
		own := typesOf(each.schema)
		if len(own) == 0 || slices.ContainsFunc(own, func(name string) bool { return isKind(name, v) }) {
			near = append(near, each)
		}
		for _, name := range own {
			if !slices.Contains(types, name) {
				types = append(types, name)
			}
		}
	}
	switch len(near) {
	case 0:
		e.add(at, "must be %s; got %s", kindList(types), shown{v})
	case 1:
		e.take(near[0].reasons)
	default:
		wants := wanted{at: at}
		for _, each := range near {
			if len(each.reasons) > 0 {
				wants.reasons = append(wants.reasons, each.reasons[0])
			}
		}
		e.add(at, "matches none of the allowed forms: %s", wants)
	}
}

// take adds reasons that quiet returned.
func (e *explainer) take(reasons []reason) {
	e.found = append(e.found, reasons[:min(len(reasons), max(0, most-len(e.found)))]...)
}

// typesOf returns the types of a form, none if it does not name them.
func typesOf(s *v5.Schema) []string {
	for range 10 {
		if len(s.Types) > 0 || s.Ref == nil {
			break
		}
		s = s.Ref
	}
	return s.Types
}
