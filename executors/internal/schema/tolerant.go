package schema

import (
	"encoding/json"
	"slices"
	"strings"

	v5 "github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// Tolerate reads a JSON object as clients and models mean it that fill in every
// property, or write an array as text. It is for objects that the schema
// refuses; what the schema accepts is never changed. raw must be valid JSON.
//
//   - null is absent if the property is optional, or has a default, and its
//     schema does not allow null.
//   - "" is absent if the property is optional and its schema refuses "" because
//     it is a name: see isName. Free text keeps "".
//   - An object of an optional property is absent if its schema refuses it and
//     everything in it is null, "" or a default.
//   - A string is read as JSON, strictly and once, if the schema accepts no
//     string but what the text has.
//
// This holds inside declared properties and items. Values of undeclared
// properties and values without a type stay as they are, as do [] and {}.
//
// It returns raw itself if nothing changes. The violations are texts that look
// like JSON and are not.
func (s *Schema) Tolerate(raw json.RawMessage) (json.RawMessage, []Violation) {
	full := s.validator()
	if full == nil {
		return raw, nil
	}
	t := &tolerance{left: 100_000}
	read := t.inside(full, raw, path{})
	if t.left < 0 || strictjson.Check(read) != nil { // too costly, or too deep
		return raw, nil
	}
	return read, violations(t.found)
}

// tolerance is one call of Tolerate.
type tolerance struct {
	left  int // steps: forms of forms multiply
	depth int
	found []reason
}

// value reads a value that is not to be absent.
func (t *tolerance) value(s *v5.Schema, raw json.RawMessage, at path) json.RawMessage {
	return t.inside(s, t.unquoted(s, raw, at), at)
}

// unquoted returns the JSON that a string has, if the schema accepts no string.
func (t *tolerance) unquoted(s *v5.Schema, raw json.RawMessage, at path) json.RawMessage {
	if raw[0] != '"' || accepts(s, "", 0) {
		return raw
	}
	text := strings.TrimSpace(strictjson.Text(raw))
	v, err := strictjson.Decode([]byte(text))
	switch {
	case err == nil && v != nil && !isText(v) && accepts(s, v, 0):
		return json.RawMessage(text)
	case err != nil && (strings.HasPrefix(text, "[") || strings.HasPrefix(text, "{")):
		t.found = append(t.found, reason{at, "must be %s; got text that is not JSON: %s", []any{kindList(accepted(s)), err}})
	}
	return raw
}

// inside reads the members of an object and the elements of an array.
func (t *tolerance) inside(s *v5.Schema, raw json.RawMessage, at path) json.RawMessage {
	t.depth++
	defer func() { t.depth-- }()
	if t.left--; t.left < 0 || t.depth > deepestTolerance || raw[0] != '{' && raw[0] != '[' {
		return raw
	}
	switch {
	case raw[0] == '[':
		raw = t.array(s, raw, at)
	case len(s.Properties) > 0:
		raw = t.object(s, raw, at)
	}
	if s.Ref != nil {
		raw = t.inside(s.Ref, raw, at)
	}
	for _, each := range s.AllOf {
		raw = t.inside(each, raw, at)
	}
	for _, forms := range [][]*v5.Schema{s.AnyOf, s.OneOf} {
		raw = t.form(forms, raw, at)
	}
	if s.If != nil {
		branch := s.Else
		if fits(s.If, raw) {
			branch = s.Then
		}
		if branch != nil {
			raw = t.inside(branch, raw, at)
		}
	}
	return raw
}

// deepestTolerance is the deepest nesting of schemas. JSON itself is at most
// strictjson.MaxDepth deep, so what is deeper refers to itself.
const deepestTolerance = 8 * strictjson.MaxDepth

// form reads a value as the first of several forms that it has then. If it has
// none, it is read as the only form for its type, so that what is wrong in it
// can be explained.
func (t *tolerance) form(forms []*v5.Schema, raw json.RawMessage, at path) json.RawMessage {
	if slices.ContainsFunc(forms, func(s *v5.Schema) bool { return fits(s, raw) }) {
		return raw
	}
	v, err := strictjson.Decode(raw)
	if err != nil {
		return raw
	}
	only, near := raw, 0
	for _, each := range forms {
		if !accepts(each, v, 0) {
			continue
		}
		before := len(t.found)
		read := t.inside(each, raw, at)
		if fits(each, read) {
			return read
		}
		if near++; near > 1 {
			t.found = t.found[:before]
		}
		only = read
	}
	if near != 1 {
		return raw
	}
	return only
}

func (t *tolerance) array(s *v5.Schema, raw json.RawMessage, at path) json.RawMessage {
	prefix, items := s.PrefixItems, s.Items2020
	switch older := s.Items.(type) {
	case *v5.Schema:
		items = older
	case []*v5.Schema:
		prefix = older
	}
	if len(prefix) == 0 && items == nil {
		return raw
	}
	changed, read, i := false, []byte{'['}, 0
	for element := range strictjson.Elements(raw) {
		of := items
		if i < len(prefix) {
			of = prefix[i]
		}
		now := element
		if of != nil {
			now = t.value(of, element, at.index(i))
		}
		changed = changed || !same(now, element)
		if i++; i > 1 {
			read = append(read, ',')
		}
		read = append(read, now...)
	}
	if !changed {
		return raw
	}
	return append(read, ']')
}

func (t *tolerance) object(s *v5.Schema, raw json.RawMessage, at path) json.RawMessage {
	changed, read := false, []byte{'{'}
	for name, value := range strictjson.Members(raw) {
		now := value
		if property := s.Properties[name]; property != nil {
			optional := !slices.Contains(s.Required, name)
			if t.absent(property, optional, value) {
				changed = true
				continue
			}
			now = t.unquoted(property, value, at.key(name))
			if optional && isNothing(property, now, 0) && !fits(property, now) {
				changed = true
				continue
			}
			now = t.inside(property, now, at.key(name))
		}
		changed = changed || !same(now, value)
		if len(read) > 1 {
			read = append(read, ',')
		}
		read = append(append(plainjson.AppendString(read, name), ':'), now...)
	}
	if !changed {
		return raw
	}
	return append(read, '}')
}

// absent reports whether null or "" stands for an absent property.
func (t *tolerance) absent(s *v5.Schema, optional bool, raw json.RawMessage) bool {
	switch string(raw) {
	case "null":
		return (optional || s.Default != nil) && !fits(s, raw)
	case `""`:
		return optional && isName(s, 0) && !fits(s, raw)
	}
	return false
}

// longestName is the longest text that is a name: an id, a cursor, a path.
const longestName = 4096

// isName reports whether a string of the schema is a name and not free text: it
// has an enum or a format, or it must not be empty and has at most longestName
// characters.
func isName(s *v5.Schema, depth int) bool {
	if depth > deepestCompared {
		return false
	}
	depth++
	if s.Enum != nil || len(s.Constant) > 0 || s.Format != "" {
		return true
	}
	if s.MinLength >= 1 && s.MaxLength >= 1 && s.MaxLength <= longestName {
		return true
	}
	if s.Ref != nil && isName(s.Ref, depth) {
		return true
	}
	if slices.ContainsFunc(s.AllOf, func(each *v5.Schema) bool { return isName(each, depth) }) {
		return true
	}
	named := false
	for _, each := range slices.Concat(s.AnyOf, s.OneOf) {
		if accepts(each, "", depth) {
			if !isName(each, depth) {
				return false
			}
			named = true
		}
	}
	return named
}

// isNothing reports whether an object has declared properties only, at least
// one, and each is null, "", its default, or an object of that kind.
func isNothing(s *v5.Schema, raw json.RawMessage, depth int) bool {
	if raw[0] != '{' || depth > deepestCompared {
		return false
	}
	some := false
	for name, value := range strictjson.Members(raw) {
		some = true
		property := declared(s, name, 0)
		if property == nil {
			return false
		}
		switch string(value) {
		case "null", `""`:
			continue
		}
		if isNothing(property, value, depth+1) {
			continue
		}
		v, err := strictjson.Decode(value)
		if err != nil || property.Default == nil || Equal(v, property.Default) != Yes {
			return false
		}
	}
	return some
}

// declared returns the schema of a property, also of the only form that has it;
// nil without one.
func declared(s *v5.Schema, name string, depth int) *v5.Schema {
	if depth > deepestCompared {
		return nil
	}
	if found := s.Properties[name]; found != nil {
		return found
	}
	if s.Ref != nil {
		if found := declared(s.Ref, name, depth+1); found != nil {
			return found
		}
	}
	for _, each := range slices.Concat(s.AllOf, s.AnyOf, s.OneOf) {
		if found := declared(each, name, depth+1); found != nil {
			return found
		}
	}
	return nil
}

// deepestCompared is how many schemas that refer to each other are looked
// through for one property.
const deepestCompared = 16

// accepts reports whether a schema accepts values of the type of v.
func accepts(s *v5.Schema, v any, depth int) bool {
	if depth > deepestCompared {
		return true
	}
	depth++
	is := func(each *v5.Schema) bool { return accepts(each, v, depth) }
	switch {
	case s.Always != nil && !*s.Always,
		len(s.Types) > 0 && !slices.ContainsFunc(s.Types, func(name string) bool { return isKind(name, v) }),
		s.Enum != nil && !slices.ContainsFunc(s.Enum, func(each any) bool { return alike(each, v) }),
		len(s.Constant) > 0 && !alike(s.Constant[0], v),
		s.Ref != nil && !is(s.Ref),
		slices.ContainsFunc(s.AllOf, func(each *v5.Schema) bool { return !is(each) }),
		len(s.AnyOf) > 0 && !slices.ContainsFunc(s.AnyOf, is),
		len(s.OneOf) > 0 && !slices.ContainsFunc(s.OneOf, is):
		return false
	}
	return true
}

// accepted returns the types that a schema accepts and text can have.
func accepted(s *v5.Schema) (names []string) {
	for _, each := range []struct {
		name  string
		value any
	}{{"array", []any{}}, {"object", map[string]any{}}, {"number", json.Number("0")}, {"boolean", false}} {
		if accepts(s, each.value, 0) {
			names = append(names, each.name)
		}
	}
	return names
}

// alike reports whether two values have the same type.
func alike(a, b any) bool { return strictjson.Kind(a) == strictjson.Kind(b) }

func isText(v any) bool {
	_, ok := v.(string)
	return ok
}

// fits reports whether a schema accepts a value.
func fits(s *v5.Schema, raw json.RawMessage) bool {
	v, err := strictjson.Decode(raw)
	if err != nil {
		return false
	}
	e := newExplainer()
	if e.numbers(v, path{}); len(e.found) > 0 {
		return false
	}
	return e.check(s, v, path{}) != No
}

func same(a, b json.RawMessage) bool { return len(a) == len(b) && &a[0] == &b[0] }
