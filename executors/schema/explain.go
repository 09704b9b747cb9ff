package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

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
		return e.found
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
		return e.found
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
	found []Violation
	depth int
	left  *int // steps: references can make few keywords cost without a bound
}

func newExplainer() *explainer { return &explainer{left: new(1_000_000)} }

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
		e.found = append(e.found, Violation{at.String(), fmt.Sprintf(format, args...)})
	}
	return No
}

// quiet answers without adding to the reasons; these are given apart.
func (e *explainer) quiet(s *v5.Schema, v any, at path) (Answer, []Violation) {
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
			e.add(at, "is a number out of range; got %s", show(json.Number(text)))
		}
	}
}

func (e *explainer) check(s *v5.Schema, v any, at path) Answer {
	defer func() { e.depth-- }()
	if !e.step() {
		return Maybe
	}
	if s.Always != nil {
		if *s.Always {
			return Yes
		}
		return e.add(at, "is not allowed here; got %s", show(v))
	}
	if answer := e.kind(s, v, at); answer == No {
		return No
	}
	answer := e.values(s, v, at)
	switch v := v.(type) {
	case map[string]any:
		answer = min(answer, e.object(s, v, at))
	case []any:
		answer = min(answer, e.array(s, v, at))
	case string:
		answer = min(answer, e.text(s, v, at))
	case Unknown:
		answer = min(answer, Maybe)
	case nil, bool:
	default:
		text, _ := numeral(v)
		answer = min(answer, e.number(s, text, at))
	}
	answer = min(answer, e.composed(s, v, at))
	if s.UnevaluatedProperties != nil || s.UnevaluatedItems != nil || s.DynamicRef != nil || s.RecursiveRef != nil {
		answer = min(answer, Maybe)
	}
	return answer
}

// kind is the keyword type.
func (e *explainer) kind(s *v5.Schema, v any, at path) Answer {
	if len(s.Types) == 0 {
		return Yes
	}
	for _, name := range s.Types {
		if isKind(name, v) {
			return Yes
		}
	}
	if unknown, ok := v.(Unknown); ok {
		return e.add(at, "must be %s; got a text with references in it%s", kindList(s.Types), unknown.hint())
	}
	return e.add(at, "must be %s; got %s", kindList(s.Types), show(v))
}

func (Unknown) hint() string { return ": write the reference alone to keep its type" }

func isKind(name string, v any) bool {
	kind := kindNames[name]
	switch v := v.(type) {
	case nil:
		return kind == kindNull
	case bool:
		return kind == kindBoolean
	case string:
		return kind == kindString
	case []any:
		return kind == kindArray
	case map[string]any:
		return kind == kindObject
	case Unknown:
		return !v.Text || kind == kindString
	}
	text, _ := numeral(v)
	return kind == kindNumber || kind == kindInteger && isWhole(text)
}

// values are the keywords const, enum and format.
func (e *explainer) values(s *v5.Schema, v any, at path) Answer {
	answer := Yes
	if len(s.Constant) > 0 {
		if answer = min(answer, Equal(v, s.Constant[0])); answer == No {
			e.add(at, "must be %s; got %s", show(s.Constant[0]), show(v))
		}
	}
	if s.Enum != nil {
		any := No
		for _, each := range s.Enum {
			any = max(any, Equal(v, each))
		}
		if any == No && len(s.Enum) == 0 {
			e.add(at, "is not allowed here: its schema lists no value")
		} else if any == No {
			e.add(at, "must be one of %s; got %s%s", showList(s.Enum), show(v), meant(v, s.Enum))
		}
		answer = min(answer, any)
	}
	if text, ok := v.(string); ok && s.Format != "" && !fitsFormat(s, text) {
		answer = e.add(at, "must be a valid %s; got %s", s.Format, show(v))
	}
	return answer
}

// fitsFormat asks the library for the format alone, since it knows whether its
// dialect asserts formats.
func fitsFormat(s *v5.Schema, text string) bool {
	format, ok := v5.Formats[s.Format]
	return !ok || format(text)
}

func (e *explainer) text(s *v5.Schema, v string, at path) Answer {
	answer := Yes
	length := len([]rune(v))
	switch {
	case s.MinLength == 1 && length == 0:
		answer = e.add(at, "must not be empty")
	case s.MinLength != -1 && length < s.MinLength:
		answer = e.add(at, "must have at least %s; got %d", count(s.MinLength, "character"), length)
	case s.MaxLength != -1 && length > s.MaxLength:
		answer = e.add(at, "must have at most %s; got %d", count(s.MaxLength, "character"), length)
	}
	if s.Pattern != nil && !s.Pattern.MatchString(v) {
		answer = e.add(at, "must match the pattern %s; got %s", s.Pattern, show(v))
	}
	return answer
}

func (e *explainer) number(s *v5.Schema, text string, at path) Answer {
	answer := Yes
	got := show(json.Number(text))
	if s.Minimum != nil && compare(text, limit{rat: s.Minimum}) < 0 {
		answer = e.add(at, "must be at least %s; got %s", decimal(s.Minimum), got)
	}
	if s.ExclusiveMinimum != nil && compare(text, limit{rat: s.ExclusiveMinimum}) <= 0 {
		answer = e.add(at, "must be more than %s; got %s", decimal(s.ExclusiveMinimum), got)
	}
	if s.Maximum != nil && compare(text, limit{rat: s.Maximum}) > 0 {
		answer = e.add(at, "must be at most %s; got %s", decimal(s.Maximum), got)
	}
	if s.ExclusiveMaximum != nil && compare(text, limit{rat: s.ExclusiveMaximum}) >= 0 {
		answer = e.add(at, "must be less than %s; got %s", decimal(s.ExclusiveMaximum), got)
	}
	if s.MultipleOf != nil && !isMultiple(text, limit{text: s.MultipleOf.RatString(), rat: s.MultipleOf}) {
		answer = e.add(at, "must be a multiple of %s; got %s", decimal(s.MultipleOf), got)
	}
	return answer
}

// composed are the keywords that hold a value to other schemas.
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
			e.add(at, "has a form that is not allowed here; got %s", show(v))
		}
	}
	if s.If != nil {
		answer = min(answer, e.whether(s, v, at))
	}
	return answer
}

func (e *explainer) whether(s *v5.Schema, v any, at path) Answer {
	test, _ := e.quiet(s.If, v, at)
	var reasons []Violation
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

// form is one of several that a value may have.
type form struct {
	schema  *v5.Schema
	answer  Answer
	reasons []Violation
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
		e.add(at, "fits %d of the forms allowed here and must fit exactly one; got %s", fits, show(v))
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

// none explains that a value has none of several forms: by the reasons of the
// one form that is for its type, by the types where none is, and else by what
// each form asks for.
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
		e.add(at, "must be %s; got %s", kindList(types), show(v))
	case 1:
		e.take(near[0].reasons)
	default:
		var wants []string
		for _, each := range near {
			if len(each.reasons) > 0 {
				wants = append(wants, each.reasons[0].below(at))
			}
		}
		e.add(at, "fits none of the forms allowed here: %s", alternatives(wants))
	}
}

// take adds reasons that were found apart.
func (e *explainer) take(reasons []Violation) {
	e.found = append(e.found, reasons[:min(len(reasons), max(0, most-len(e.found)))]...)
}

// typesOf is the types that a form is for, none where it does not say.
func typesOf(s *v5.Schema) []string {
	for range 10 {
		if len(s.Types) > 0 || s.Ref == nil {
			break
		}
		s = s.Ref
	}
	return s.Types
}
