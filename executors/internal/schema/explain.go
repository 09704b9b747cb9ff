package schema

import (
	"encoding/json"
	"errors"

	v5 "github.com/santhosh-tekuri/jsonschema/v5"
)

// most is the largest number of violations of one value.
const most = 100

// explain returns the violations of v. If the schema has no nodes, v5
// validates v here, unless v has unknown parts.
func (s *Schema) explain(v any) (found []Violation) {
	defer func() {
		if trouble := recover(); trouble != nil {
			found = []Violation{{Message: "can't be checked: it has a value that is not JSON"}}
		}
	}()
	e := newExplainer()
	if e.numbers(v, path{}); len(e.found) > 0 {
		return violations(e.found)
	}
	full := s.validator()
	if full == nil {
		return []Violation{{Message: "does not match its schema"}}
	}
	answer := e.check(full, v, path{})
	if *e.left < 0 {
		return []Violation{{Message: "takes too long to check: the references of its schema multiply"}}
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
		return nil // v has unknown parts
	}
	return leaves(judged)
}

// leaves returns the reasons of v5, for keywords that the explainer does not
// explain.
func leaves(err error) []Violation {
	var invalid *v5.ValidationError
	if !errors.As(err, &invalid) {
		return []Violation{{Message: "does not match its schema"}}
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
				message = "is not a known field"
			}
			found = append(found, Violation{Path: at.String(), Message: message})
		}
		for _, cause := range each.Causes {
			walk(cause)
		}
	}
	walk(invalid)
	return found
}

// explainer compares a value with a schema that v5 compiled, and collects the
// reasons. Its answers are those of v5, except for keywords that depend on
// other keywords (unevaluated…, $dynamicRef): for these it answers Maybe, and
// the reasons of v5 are shown.
type explainer struct {
	found []reason
	depth int
	left  *int // steps: with references, few keywords can cost any amount of time
}

func newExplainer() *explainer { return &explainer{left: new(300_000)} }

// deepestCheck is the deepest nesting of schemas. What is deeper refers to
// itself.
const deepestCheck = 10_000

// step uses one of the steps that are left, and goes one schema down.
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

// quiet answers without adding reasons; it returns them instead.
func (e *explainer) quiet(s *v5.Schema, v any, at path) (Answer, []reason) {
	inside := &explainer{left: e.left, depth: e.depth}
	answer := inside.check(s, v, at)
	return answer, inside.found
}

// numbers refuses numbers that Decode would refuse. Each value adds steps for
// its own check.
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
			e.add(at, "is not a JSON value; got %T", v)
		} else if !sane(text) {
			e.add(at, "is a number out of range; got %s", shown{json.Number(text)})
		}
	}
}
