// Package typing finds what kinds of values an expression can have, from what is
// known of the values that it reads. It is not a stable API.
//
// It walks the syntax tree of jq. What it can't decide has the type Any, and
// nothing is ever reported about Any: a finding is about an expression that fails
// for every value, or that reads a field which no value has.
package typing

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Kinds is a set of kinds of JSON values.
type Kinds uint8

// The kinds.
const (
	Null Kinds = 1 << iota
	Bool
	Number
	String
	Array
	Object
	every = Null | Bool | Number | String | Array | Object
)

var kindNames = []string{"null", "true or false", "a number", "a string", "an array", "an object"}

// String names the kinds: "a number or a string".
func (k Kinds) String() string {
	var names []string
	for i, name := range kindNames {
		if k&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " or ")
}

// Type is a set of JSON values, not smaller than the set of the values that occur.
// It never changes.
type Type struct {
	kinds  Kinds
	items  *Type            // the elements of an array; nil: anything
	fields map[string]*Type // the fields of an object; null if they may be missing
	rest   *Type            // its other fields; nil: anything
	closed bool             // it has no other fields
	lookup func(name string) *Type

	soft bool   // from a schema that nothing holds an executor to
	of   string // what it is, for messages; may be empty
}

// Any is the type of what is not known.
var Any = &Type{kinds: every}

var never = &Type{} // of a value that there is not

// Of returns the type of values of some kinds.
func Of(kinds Kinds) *Type { return &Type{kinds: kinds} }

// ArrayOf returns the type of arrays.
func ArrayOf(items *Type) *Type { return &Type{kinds: Array, items: items} }

// ObjectOf returns the type of objects with these fields and no others. of says
// what the object is: "a task".
func ObjectOf(of string, fields map[string]*Type) *Type {
	return &Type{kinds: Object, fields: fields, closed: true, of: of}
}

// Fields returns the type of an object whose fields are looked up by name.
func Fields(lookup func(name string) *Type) *Type { return &Type{kinds: Object, lookup: lookup} }

// With returns the type with another type of a field.
func (t *Type) With(name string, field *Type) *Type {
	changed := *t
	if changed.fields = maps.Clone(t.fields); changed.fields == nil {
		changed.fields = map[string]*Type{}
	}
	changed.fields[name] = field
	return &changed
}

// Open returns the type with any other fields.
func (t *Type) Open() *Type {
	open := *t
	open.closed = false
	return &open
}

// Named returns the type with words for what it is.
func (t *Type) Named(of string) *Type {
	if t == Any {
		return t
	}
	named := *t
	named.of = of
	return &named
}

// OrNull returns the type with null.
func (t *Type) OrNull() *Type {
	if t.kinds&Null != 0 {
		return t
	}
	return t.only(t.kinds | Null)
}

func (t *Type) only(kinds Kinds) *Type {
	if kinds == t.kinds {
		return t
	}
	changed := *t
	changed.kinds = kinds
	return &changed
}

// Kinds returns the kinds of the values.
func (t *Type) Kinds() Kinds { return t.kinds }

// Soft reports whether the type comes from a schema that may be wrong.
func (t *Type) Soft() bool { return t.soft }

// What says what the value is: "rows in the result of db_query".
func (t *Type) What() string {
	if t.of == "" {
		return "the value"
	}
	return t.of
}

// Items returns the type of the elements.
func (t *Type) Items() *Type {
	if t.kinds&Array == 0 {
		return never
	}
	if t.items == nil {
		return Any
	}
	return t.items
}

// Closed reports whether an object has no other fields than those that are known.
func (t *Type) Closed() bool { return t.closed }

// Arrays returns the sorted names of the fields that are arrays, without warnings.
func (t *Type) Arrays() []string {
	var names []string
	for name, field := range t.fields {
		if field.kinds&^Null == Array && name != "warnings" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// field returns the type of a field of an object. It returns false if no value has
// the field.
func (t *Type) field(name string) (*Type, bool) {
	if t.lookup != nil {
		return t.lookup(name), true
	}
	if field, ok := t.fields[name]; ok {
		return field, true
	}
	switch {
	case t.closed:
		return never, false
	case t.rest != nil:
		return t.rest.OrNull(), true
	}
	return Any, true
}

// values returns the type of all fields of an object together.
func (t *Type) values(left *int) *Type {
	if t.lookup != nil || !t.closed && t.rest == nil {
		return Any
	}
	all := never
	if !t.closed {
		all = t.rest
	}
	for _, name := range slices.Sorted(maps.Keys(t.fields)) {
		all = union(all, t.fields[name], left)
	}
	return all
}

// union returns the type of the values of both. left bounds the work.
func union(a, b *Type, left *int) *Type {
	*left--
	switch {
	case a == b || b.kinds == 0:
		return a
	case a.kinds == 0:
		return b
	case *left < 0 || a == Any || b == Any || a.lookup != nil || b.lookup != nil:
		return Any
	}
	u := &Type{kinds: a.kinds | b.kinds, soft: a.soft || b.soft}
	if a.of == b.of {
		u.of = a.of
	}
	switch {
	case a.kinds&Array == 0:
		u.items = b.items
	case b.kinds&Array == 0:
		u.items = a.items
	case a.items != nil && b.items != nil:
		u.items = union(a.items, b.items, left)
	}
	switch {
	case a.kinds&Object == 0:
		u.fields, u.rest, u.closed = b.fields, b.rest, b.closed
	case b.kinds&Object == 0:
		u.fields, u.rest, u.closed = a.fields, a.rest, a.closed
	default:
		u.mix(a, b, left)
	}
	return u
}

// mix sets the fields of the union of two types of objects.
func (t *Type) mix(a, b *Type, left *int) {
	switch t.closed = a.closed && b.closed; {
	case t.closed:
	case a.closed:
		t.rest = b.rest
	case b.closed:
		t.rest = a.rest
	case a.rest != nil && b.rest != nil:
		t.rest = union(a.rest, b.rest, left)
	}
	t.fields = map[string]*Type{}
	for _, pair := range [][2]*Type{{a, b}, {b, a}} {
		for name, field := range pair[0].fields {
			if t.fields[name] != nil {
				continue
			}
			other, ok := pair[1].field(name)
			if !ok {
				other = Of(Null)
			}
			t.fields[name] = union(field, other, left)
		}
	}
}

// FromValue returns the type of the values that are like v: of the same kind, with
// elements of the same kinds.
func FromValue(v any) *Type {
	t := Of(kindOf(v))
	if list, ok := v.([]any); ok {
		left := 1000
		t.items = never
		for _, each := range list {
			t.items = union(t.items, FromValue(each), &left)
		}
	}
	return t
}

// FromSchema returns the type of the values that a JSON Schema accepts. of says
// what they are. soft says that the values may be others.
func FromSchema(schema any, of string, soft bool) *Type {
	left := 100_000
	return fromSchema(schema, of, soft, &left)
}

func fromSchema(schema any, of string, soft bool, left *int) *Type {
	object, _ := schema.(map[string]any)
	kinds := accepts(object)
	if *left--; *left < 0 || kinds == every {
		return Any
	}
	t := &Type{kinds: kinds, soft: soft, of: of}
	if object["type"] == nil {
		if len(alternatives(object)) == 0 {
			return t // of an enum
		}
		t = never
		for _, part := range alternatives(object) {
			t = union(t, fromSchema(part, of, soft, left), left)
		}
		return t
	}
	if items, ok := object["items"].(map[string]any); ok && object["prefixItems"] == nil {
		t.items = fromSchema(items, "an element of "+of, soft, left)
	}
	properties, _ := object["properties"].(map[string]any)
	required, _ := object["required"].([]any)
	t.fields = make(map[string]*Type, len(properties))
	for name, property := range properties {
		field := fromSchema(property, name+" in "+of, soft, left)
		if !slices.Contains(required, any(name)) {
			field = field.OrNull()
		}
		t.fields[name] = field
	}
	if object["patternProperties"] != nil {
		return t
	}
	switch others := object["additionalProperties"].(type) {
	case bool:
		t.closed = !others
	case map[string]any:
		t.rest = fromSchema(others, "a field of "+of, soft, left)
	}
	return t
}

var schemaKinds = map[string]Kinds{
	"null": Null, "boolean": Bool, "number": Number, "integer": Number, "string": String, "array": Array, "object": Object,
}

// accepts returns the kinds that a schema can accept, perhaps more.
func accepts(schema map[string]any) Kinds {
	if schema == nil || schema["$ref"] != nil || schema["$dynamicRef"] != nil {
		return every
	}
	kinds := Kinds(0)
	switch list, _ := schema["enum"].([]any); names := schema["type"].(type) {
	case string:
		kinds = schemaKinds[names]
	case []any:
		for _, name := range names {
			text, _ := name.(string)
			kinds |= schemaKinds[text]
		}
	default:
		for _, v := range list {
			kinds |= kindOf(v)
		}
		if v, ok := schema["const"]; ok {
			kinds = kindOf(v)
		} else if list == nil {
			for _, part := range alternatives(schema) {
				object, _ := part.(map[string]any)
				kinds |= accepts(object)
			}
		}
	}
	if kinds == 0 {
		return every
	}
	return kinds
}

func alternatives(schema map[string]any) []any {
	if list, ok := schema["anyOf"].([]any); ok {
		return list
	}
	list, _ := schema["oneOf"].([]any)
	return list
}

func kindOf(v any) Kinds {
	switch v.(type) {
	case nil:
		return Null
	case bool:
		return Bool
	case json.Number:
		return Number
	case string:
		return String
	case []any:
		return Array
	}
	return Object
}

// Accepts returns the kinds that a schema can accept at a path of keys and
// indexes, perhaps more. A text may hold JSON where an array or an object is
// wanted.
func Accepts(schema any, path []any) Kinds {
	kinds := acceptsAt(schema, path)
	if kinds == 0 {
		return every
	}
	if kinds&(Array|Object) != 0 {
		kinds |= String
	}
	return kinds
}

// acceptsAt returns 0 where a schema accepts nothing that has the path.
func acceptsAt(schema any, path []any) Kinds {
	object, ok := schema.(map[string]any)
	switch {
	case !ok || object["$ref"] != nil || object["$dynamicRef"] != nil:
		return every
	case len(path) == 0:
		return accepts(object)
	}
	wanted := Array
	if _, ok := path[0].(string); ok {
		wanted = Object
	}
	if accepts(object)&wanted == 0 {
		return 0
	}
	if part := under(object, path[0]); part != nil {
		return acceptsAt(part, path[1:])
	}
	parts := alternatives(object)
	if len(parts) == 0 || object["properties"] != nil || object["items"] != nil || object["additionalProperties"] != nil {
		return every
	}
	kinds := Kinds(0)
	for _, part := range parts {
		kinds |= acceptsAt(part, path)
	}
	return kinds
}

// under returns the schema of a field or of the elements, nil if there is none.
func under(schema map[string]any, step any) any {
	name, isField := step.(string)
	if !isField {
		if schema["prefixItems"] != nil {
			return nil
		}
		return schema["items"]
	}
	properties, _ := schema["properties"].(map[string]any)
	if property, ok := properties[name]; ok {
		return property
	}
	if schema["patternProperties"] != nil {
		return nil
	}
	return schema["additionalProperties"]
}
