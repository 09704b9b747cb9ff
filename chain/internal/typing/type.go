// Package typing finds what kinds of values an expression can have, from what is
// known of the values that it reads. It is not a stable API.
//
// It walks the syntax tree of jq. What it can't decide has the type Any, and
// nothing is ever reported about Any: a finding is about an expression that fails
// for every value, or that reads a field which no value has.
package typing

import (
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
