// Package strictjson reads JSON strictly. It is not a stable API.
// It accepts what RFC 8259 allows and nothing else: one value, valid UTF-8, no
// lone surrogates, no key twice in one object. It also bounds what the standard
// decoder accepts and later readers can't handle: depth, and the length and the
// exponent of numbers.
//
// Text is read once, and checked while the value is built. Numbers are kept as
// they were written, as json.Number.
//
// YAML is converted from yaml.Node by hand: the library's decoder drops the
// positions that errors need, and reads more kinds of values than JSON has.
package strictjson

import (
	"fmt"
)

// The limits of a text.
const (
	// MaxDepth is the deepest nesting of arrays and objects.
	MaxDepth = 64
	// MaxNumber is the largest number of characters of a number.
	MaxNumber = 100
	// MaxExponent is the largest exponent of a number, and its negative the
	// smallest.
	MaxExponent = 400
	// shared is the largest text, in bytes, whose memory is shared by the
	// strings of its value. In longer texts each string has its own memory, so
	// that a short string does not keep a long text alive.
	shared = 64 << 10
)

// SyntaxError is what is wrong with a text, and where.
type SyntaxError struct {
	Offset       int // in bytes, from 0
	Line, Column int // from 1; columns count characters, and are 0 where only the line is known
	Message      string
}

// Error returns the place and the reason.
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

// DecodeObject reads one JSON object. Empty text is the empty object.
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

// Check reads a text as Decode does, without building a value.
func Check(raw []byte) error {
	p := newParser(raw, false)
	_, err := p.document()
	return err
}

// Depth returns how deeply arrays and objects are nested in v: 0 for a scalar,
// 1 for an empty array.
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

// Kind names the type of a decoded value for a message: "an array".
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
