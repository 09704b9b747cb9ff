package executors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// Writer is an output that encodes itself, because it holds JSON that was
// checked before.
type Writer interface {
	AppendJSON(to []byte) ([]byte, error)
}

// encodeValue encodes an output as JSON. Text in a json.RawMessage that is not
// UTF-8 is replaced by U+FFFD.
func encodeValue(v any) (raw json.RawMessage, err error) {
	if w, ok := v.(Writer); ok && !isNil(v) {
		raw, err = w.AppendJSON(nil)
	} else {
		raw, err = plainjson.Marshal(v)
	}
	if err != nil {
		return nil, fmt.Errorf("encoding a result: %w", err)
	}
	if !utf8.Valid(raw) {
		raw = bytes.ToValidUTF8(raw, []byte("\uFFFD"))
	}
	return raw, nil
}

// decode decodes JSON that was checked before; nil for other text.
func decode(raw json.RawMessage) any {
	v, err := strictjson.Decode(raw)
	if err != nil {
		return nil
	}
	return v
}
