package schema

import (
	"encoding/json"
	"errors"

	v5 "github.com/santhosh-tekuri/jsonschema/v5"
)

// most is how many violations one value may have: a list of a million wrong
// elements is explained by its first ones.
const most = 100

// explain gives the reasons why v does not fit. The library judges values
// without holes where there are no nodes to do so.
func (s *Schema) explain(v any) (found []Violation) {
	defer func() {
		if trouble := recover(); trouble != nil {
			found = []Violation{{Message: "can't be held to its schema; it has a value that is no JSON"}}
		}
	}()
	e := newExplainer()
	if e.numbers(v, path{}); len(e.found) > 0 {
		return violations(e.found)
	}
	full := s.validator()
	if full == nil {
		return []Violation{{Message: "does not fit its schema"}}
	}
	answer := e.check(full, v, path{})
	if *e.left < 0 {
		return []Violation{{Message: "takes too long to be held to its schema, whose references multiply"}}
	}
	judged := error(nil)
	if s.fast == nil && !holes(v) {
		if judged = full.Validate(v); judged == nil {
			return nil
		}
	}
	if answer == No && len(e.found) > 0 {
		return violations(e.found)
	}
	if s.fast == nil && judged == nil {
		return nil // with holes
	}
	return leaves(judged)
}

// leaves are the library's own reasons, for what the explainer has none for.
func leaves(err error) []Violation {
	var invalid *v5.ValidationError
	if !errors.As(err, &invalid) {
		return []Violation{{Message: "does not fit its schema"}}
	}
	var found []Violation
	var walk func(*v5.ValidationError)
	walk = func(each *v5.ValidationError) {
		if len(each.Causes) == 0 && len(found) < most {
			at := path{}
			for _, token := range tokens(each.InstanceLocation) {
				at = at.key(token)
			}
			message := each.Message
			if message == "not allowed" {
				message = "is not known here"
			}
			found = append(found, Violation{at.String(), message})
		}
		for _, cause := range each.Causes {
			walk(cause)
		}
	}
	walk(invalid)
	return found
}

// explainer goes over a value with what the library has compiled, and collects
// the reasons. Its answers are those of the library, but for keywords that
// depend on what others have seen (unevaluated…, $dynamicRef): to those it
// says maybe, and the library's own reasons are given.
type explainer struct {
	found []reason
	depth int
	left  *int // steps: references can make few keywords cost without a bound
}

func newExplainer() *explainer { return &explainer{left: new(300_000)} }

// deepestCheck is how many schemas may be inside each other. What is deeper
// leads back to itself.
const deepestCheck = 10_000

// step takes one of the steps that are left, and goes one schema down.
func (e *explainer) step() bool {
	*e.left--
	e.depth++
	return *e.left >= 0 && e.depth <= deepestCheck
}

func (e *explainer) add(at path, format string, args ...any) Answer {
	if len(e.found) < most {
		e.found = append(e.found, reason{at, format, args})
	}
	return No
}

// quiet answers without adding to the reasons; these are given apart.
func (e *explainer) quiet(s *v5.Schema, v any, at path) (Answer, []reason) {
	inside := &explainer{left: e.left, depth: e.depth}
	answer := inside.check(s, v, at)
	return answer, inside.found
}

// numbers refuses numbers that no reader of ours would have let through. Each
// value that it sees gives steps to check it with.
func (e *explainer) numbers(v any, at path) {
	*e.left += 16
	switch v := v.(type) {
	case []any:
		for i, element := range v {
			e.numbers(element, at.index(i))
		}
	case map[string]any:
		for key, element := range v {
			e.numbers(element, at.key(key))
		}
	case nil, bool, string, Unknown:
	default:
		text, ok := numeral(v)
		if !ok {
			e.add(at, "is no JSON value; got a %T", v)
		} else if !sane(text) {
			e.add(at, "is a number out of range; got %s", shown{json.Number(text)})
		}
	}
}
