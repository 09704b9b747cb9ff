// Package plainjson writes JSON without the escapes that only HTML needs. It is not a stable API.
//
// All JSON that leaves the program is encoded here, so that it is escaped in
// one way: "<" stays "<". No function writes a line end after the value.
package plainjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
)

// keepBuffer is the largest buffer, in bytes, that is kept for the next call.
const keepBuffer = 256 << 10

// encoder is an encoder of the standard library with the buffer it writes to.
type encoder struct {
	buffer bytes.Buffer
	json   *json.Encoder
}

var encoders = sync.Pool{New: func() any {
	e := new(encoder)
	e.json = json.NewEncoder(&e.buffer)
	e.json.SetEscapeHTML(false)
	return e
}}

// Append appends v as compact JSON. On an error it returns to unchanged.
func Append(to []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return AppendString(to, v), nil
	case nil:
		return append(to, "null"...), nil
	}
	e := encoders.Get().(*encoder)
	e.buffer.Reset()
	err := e.json.Encode(v)
	if err == nil {
		to = append(to, bytes.TrimSuffix(e.buffer.Bytes(), []byte("\n"))...)
	}
	if e.buffer.Cap() <= keepBuffer {
		encoders.Put(e)
	}
	return to, err
}

// Marshal returns v as compact JSON.
func Marshal(v any) ([]byte, error) { return Append(nil, v) }

// Indent returns v as JSON on several lines, indented with the given text.
func Indent(v any, indent string) ([]byte, error) {
	raw, err := Append(nil, v)
	if err != nil {
		return nil, err
	}
	var lines bytes.Buffer
	if err := json.Indent(&lines, raw, "", indent); err != nil {
		return nil, err
	}
	return lines.Bytes(), nil
}

// Must is Marshal for a value that can't fail to be encoded, such as a decoded
// JSON value. It panics on an error, which is a defect of the program.
func Must(v any) json.RawMessage {
	raw, err := Append(nil, v)
	if err != nil {
		panic(fmt.Errorf("encoding %T as JSON: %w", v, err))
	}
	return raw
}
