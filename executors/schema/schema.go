// Package schema compiles JSON Schemas (2020-12) and holds values to them.
//
// Formats are asserted, defaults are filled in, and nothing is ever loaded: a
// reference to another document is an error. A value may have holes (Unknown),
// which excuse whatever depends on them. Refusals are for people: each names
// the field, what came and what is allowed.
//
// A schema is read twice. The common keywords become nodes that answer yes or
// no in a fraction of a microsecond. The validator's library compiles the
// whole of it, knows every keyword and is asked where a schema has others than
// the nodes know. It costs more than a start can bear for all the built-in
// definitions, so it compiles a schema that nodes cover only when the first
// refusal has to be explained. Tests hold the two to the same answers.
package schema

import (
	"bytes"
	"encoding/json"
	"slices"
	"sync"

	v5 "github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/chainwright/chainwright/executors/strictjson"
)

// Schema is a compiled schema. It is safe for concurrent use.
type Schema struct {
	name   string
	raw    json.RawMessage
	fast   *node // nil where it has keywords that nodes don't know
	filler *filler

	object     bool
	properties map[string]property

	once sync.Once
	full *v5.Schema // use validator
}

// Violation is one reason why a value does not fit. Path is the field at
// fault ("headers.accept", "data[3]"), empty for the value itself. Message
// goes on from it: `must be one of "GET", "POST"; got "get"`.
type Violation struct {
	Path    string `json:"path"`
	Message string `json:"message"`
}

// String is the path and the message.
func (v Violation) String() string {
	if v.Path == "" {
		return v.Message
	}
	return v.Path + " " + v.Message
}

// Unknown stands in a value for a part that is not known yet. Text says that
// it will be a string, whatever is in it.
type Unknown struct{ Text bool }

// Compile compiles a schema. Errors are of type *CompileError and begin with
// the name.
func Compile(name string, raw json.RawMessage) (*Schema, error) {
	doc, err := strictjson.Decode(raw)
	if err != nil {
		return nil, &CompileError{Name: name, Message: err.Error(), cause: err}
	}
	var compact bytes.Buffer
	compact.Grow(len(raw))
	if err := json.Compact(&compact, raw); err != nil {
		return nil, &CompileError{Name: name, Message: err.Error(), cause: err}
	}
	defaults := fillers{root: doc, left: 20_000}
	s := &Schema{name: name, raw: compact.Bytes(), fast: build(doc), filler: defaults.of(doc, 0)}
	s.properties, s.object = properties(doc)
	if s.fast == nil {
		if s.full, err = compile(name, s.raw); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// JSON is the schema as its author wrote it, keys in their order.
func (s *Schema) JSON() json.RawMessage { return s.raw }

// validator gives what the library has compiled. It is nil where that failed,
// which the nodes of a schema rule out.
func (s *Schema) validator() *v5.Schema {
	if s.fast != nil {
		s.once.Do(func() { s.full, _ = compile(s.name, s.raw) })
	}
	return s.full
}

// Validate gives all the reasons why v does not fit, nil where it does. What
// depends on a hole in v is no reason.
func (s *Schema) Validate(v any) []Violation {
	if s.fast != nil && s.fast.check(v) != No {
		return nil
	}
	return s.explain(v)
}

// Apply fills in defaults, also those of objects inside, and validates the
// result. It does not change v.
func (s *Schema) Apply(v map[string]any) (map[string]any, []Violation) {
	return s.apply(v, false)
}

// ApplyOwned is Apply for a value that nobody else holds: v itself may be
// changed.
func (s *Schema) ApplyOwned(v map[string]any) (map[string]any, []Violation) {
	return s.apply(v, true)
}

func (s *Schema) apply(v map[string]any, owned bool) (map[string]any, []Violation) {
	filled, changed := s.filler.fill(v, owned)
	if changed {
		v = filled.(map[string]any)
	} else if v == nil {
		v = map[string]any{}
	}
	return v, s.Validate(v)
}

// IsObject reports whether the root takes objects alone and has properties.
func (s *Schema) IsObject() bool { return s.object }

// Properties are the names of the root's properties, in order.
func (s *Schema) Properties() []string { return sortedKeys(s.properties) }

// HasProperty reports whether the root has a property of that name.
func (s *Schema) HasProperty(name string) bool {
	_, ok := s.properties[name]
	return ok
}

// Default is the default of one of the root's properties, nil without one.
func (s *Schema) Default(name string) any { return clone(s.properties[name].otherwise) }

// Enum is what one of the root's properties is limited to, nil where its
// schema has no enum.
func (s *Schema) Enum(name string) []any { return slices.Clone(s.properties[name].enum) }

// property is what is asked about one of the root's properties.
type property struct {
	otherwise any // the default
	enum      []any
}

// properties reads what is kept of the schema as a document: the whole of it
// would be held for as long as the program runs.
func properties(doc any) (all map[string]property, object bool) {
	root, _ := doc.(map[string]any)
	found, ok := root["properties"].(map[string]any)
	all = make(map[string]property, len(found))
	for name, each := range found {
		schema, _ := each.(map[string]any)
		enum, _ := schema["enum"].([]any)
		all[name] = property{otherwise: schema["default"], enum: enum}
	}
	return all, ok && root["type"] == "object"
}

// Quick reports whether nodes cover the whole schema, so that the library need
// not compile it before a refusal has to be explained.
func (s *Schema) Quick() bool { return s.fast != nil }
