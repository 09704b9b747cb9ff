// Package strictjson reads JSON as RFC 8259 has it and nothing beyond: one
// value, valid UTF-8, no lone surrogates, no key twice in one object. It also
// bounds what the standard decoder lets through and later readers choke on:
// depth, and the length and the exponent of numbers.
//
// Text is read once, and checked while the value is built. Numbers are kept as
// they were written, as json.Number.
package strictjson

import (
	"fmt"
)

// The limits of what is read.
const (
	// MaxDepth is how many arrays and objects may be inside each other.
	MaxDepth = 64
	// MaxNumber is how many characters a number may have.
	MaxNumber = 100
	// MaxExponent is how large a number's exponent may be, either way.
	MaxExponent = 400
	// shared is the size up to which the strings of a value share the memory
	// of the whole text. Past it each has its own, so that a small string does
	// not keep a large text alive.
	shared = 64 << 10
)

// SyntaxError says what is wrong with a text, and where.
type SyntaxError struct {
	Offset       int // in bytes, from 0
	Line, Column int // from 1; columns count bytes, and are 0 where only the line is known
	Message      string
}

// Error gives the place and the reason.
func (e *SyntaxError) Error() string {
	if e.Column == 0 {
		return fmt.Sprintf("line %d: %s", e.Line, e.Message)
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// Decode reads one JSON value: nil, bool, string, json.Number, []any or
// map[string]any.
func Decode(raw []byte) (any, error) {
	p := newParser(raw, true)
	return p.document()
}

// DecodeObject reads one JSON object. No text at all is the empty object.
func DecodeObject(raw []byte) (map[string]any, error) {
	if len(raw) == 0 {
		return map[string]any{}, nil
	}
	value, err := Decode(raw)
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, &SyntaxError{Line: 1, Column: 1, Message: "must be an object; got " + Kind(value)}
	}
	return object, nil
}

// Check reads a text as Decode does, and builds nothing.
func Check(raw []byte) error {
	p := newParser(raw, false)
	_, err := p.document()
	return err
}

// Depth is how many arrays and objects are inside each other in v: 0 for a
// scalar, 1 for an empty array.
func Depth(v any) int {
	deepest := 0
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			deepest = max(deepest, Depth(element))
		}
	case map[string]any:
		for _, element := range v {
			deepest = max(deepest, Depth(element))
		}
	default:
		return 0
	}
	return deepest + 1
}

// Kind says what a decoded value is, as a message to people does: "an array".
func Kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "a string"
	case []any:
		return "an array"
	case map[string]any:
		return "an object"
	}
	return "a number"
}
