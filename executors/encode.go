package executors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors/strictjson"
)

// buffers are kept from one call to the next, but for those that have grown
// past what most results need.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const keepBuffer = 256 << 10

// Writer is an output that writes itself as JSON, since it holds JSON that was
// checked already.
type Writer interface {
	AppendJSON(to []byte) ([]byte, error)
}

// encodeValue writes a value as JSON, without the escapes that are for HTML.
func encodeValue(v any) (json.RawMessage, error) {
	buffer := buffers.Get().(*bytes.Buffer)
	buffer.Reset()
	if err := writeValue(buffer, v); err != nil {
		return nil, fmt.Errorf("encoding a result: %w", err)
	}
	raw := bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))
	if utf8.Valid(raw) {
		raw = bytes.Clone(raw)
	} else { // from a json.RawMessage, whose texts are not looked at
		raw = bytes.ToValidUTF8(raw, []byte("\uFFFD"))
	}
	if buffer.Cap() <= keepBuffer {
		buffers.Put(buffer)
	}
	return raw, nil
}

func writeValue(to *bytes.Buffer, v any) error {
	if w, ok := v.(Writer); ok && !isNil(v) {
		text, err := w.AppendJSON(to.AvailableBuffer())
		_, _ = to.Write(text)
		return err
	}
	encoder := json.NewEncoder(to)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// encode writes a value that came out of JSON, which can't fail.
func encode(v any) json.RawMessage {
	raw, err := encodeValue(v)
	if err != nil {
		panic(err)
	}
	return raw
}

// decode reads JSON that was checked before; it gives nil for anything else.
func decode(raw json.RawMessage) any {
	v, err := strictjson.Decode(raw)
	if err != nil {
		return nil
	}
	return v
}
