package postgres

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/chainwright/chainwright/executors/sql/internal/backend"
)

// appendValue appends a value in the server's text form as JSON.
func (c catalog) appendValue(to []byte, v []byte, oid uint32) []byte {
	if v == nil {
		return append(to, "null"...)
	}
	text := string(v)
	switch oid = c.base(oid); oid {
	case pgtype.BoolOID:
		return strconv.AppendBool(to, text == "t")
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID, pgtype.NumericOID, pgtype.Float4OID, pgtype.Float8OID:
		return backend.AppendNumber(to, text)
	case pgtype.JSONOID, pgtype.JSONBOID:
		if s, isText := jsonString(v); isText && isJSON(s) {
			return backend.AppendString(to, text) // as a parameter, the string alone would be read as JSON
		}
		return backend.AppendJSON(to, v)
	case pgtype.ByteaOID:
		if b, err := hex.DecodeString(strings.TrimPrefix(text, `\x`)); err == nil {
			return backend.AppendBytes(to, b)
		}
	case pgtype.TimestampOID, pgtype.TimestamptzOID:
		return backend.AppendTimestamp(to, text)
	}
	if appended, ok := c.appendArray(to, text, oid); ok {
		return appended
	}
	return backend.AppendString(to, text)
}

// jsonString returns a JSON string.
func jsonString(raw []byte) (s string, ok bool) {
	if raw = bytes.TrimSpace(raw); len(raw) > 0 && raw[0] == '"' {
		ok = json.Unmarshal(raw, &s) == nil
	}
	return s, ok
}

// isJSON reports whether a string that is given for the types json and jsonb is
// read as JSON: an object, an array or a quoted string.
func isJSON(s string) bool {
	s = strings.TrimSpace(s)
	return s != "" && strings.IndexByte(`{["`, s[0]) >= 0 && json.Valid([]byte(s))
}

// appendArray appends an array as JSON. The server writes {1,NULL,"a b"}, with
// the bounds in front if they don't start at 1. It returns false for a value
// that is better left as text: one of another type, or with several dimensions
// of JSON, whose own arrays would look the same.
func (c catalog) appendArray(to []byte, text string, oid uint32) ([]byte, bool) {
	element, comma, ok := c.array(oid)
	if !ok {
		return nil, false
	}
	if strings.HasPrefix(text, "[") {
		_, text, _ = strings.Cut(text, "=")
	}
	p := arrayParser{catalog: c, text: text, element: element, comma: comma, out: to}
	if isJSONType(c.base(element)) && strings.HasPrefix(text, "{{") {
		return nil, false
	}
	ok = p.array(0)
	return p.out, ok && p.text == ""
}

func isJSONType(oid uint32) bool { return oid == pgtype.JSONOID || oid == pgtype.JSONBOID }

type arrayParser struct {
	catalog
	text    string
	element uint32
	comma   byte
	out     []byte
}

// maxDimensions is the server's own limit.
const maxDimensions = 6

func (p *arrayParser) array(depth int) bool {
	if !p.take('{') || depth > maxDimensions {
		return false
	}
	p.out = append(p.out, '[')
	for first := true; !p.take('}'); first = false {
		if !first {
			if !p.take(p.comma) {
				return false
			}
			p.out = append(p.out, ',')
		}
		if !p.value(depth) {
			return false
		}
	}
	p.out = append(p.out, ']')
	return true
}

func (p *arrayParser) take(c byte) bool {
	if p.text == "" || p.text[0] != c {
		return false
	}
	p.text = p.text[1:]
	return true
}

func (p *arrayParser) value(depth int) bool {
	switch {
	case p.text == "":
		return false
	case p.text[0] == '{':
		return p.array(depth + 1)
	case p.take('"'):
		var v []byte
		for !p.take('"') {
			p.take('\\')
			if p.text == "" {
				return false
			}
			v = append(v, p.text[0])
			p.text = p.text[1:]
		}
		if v == nil {
			v = []byte{}
		}
		p.out = p.appendValue(p.out, v, p.element)
		return true
	}
	end := strings.IndexAny(p.text, string(p.comma)+"}")
	if end <= 0 {
		return false
	}
	v := p.text[:end]
	p.text = p.text[end:]
	if v == "NULL" {
		p.out = append(p.out, "null"...)
	} else {
		p.out = p.appendValue(p.out, []byte(v), p.element)
	}
	return true
}
