package postgres

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/sql/internal/backend"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// bind returns the query with numbered placeholders and their values.
func bind(request backend.Request) (backend.Bound, error) {
	if backend.FirstWord(request.Query, backend.PostgreSQL) == "copy" {
		return backend.Bound{}, backend.Invalid("query", "COPY is not possible here; use SELECT or INSERT")
	}
	return backend.Bind(request, backend.PostgreSQL)
}

// encode returns the parameters as the texts that the server reads for their
// types.
func (c catalog) encode(bound backend.Bound, types []uint32) ([][]byte, error) {
	if len(bound.Values) != len(types) {
		return nil, backend.Unbound(len(types), len(bound.Values))
	}
	encoded := make([][]byte, len(bound.Values))
	for i, v := range bound.Values {
		text, ok, err := c.encodeOne(v, types[i])
		if err != nil {
			return nil, backend.Invalid(bound.Fields[i], "%v", err)
		}
		if ok {
			encoded[i] = []byte(text)
		}
	}
	return encoded, nil
}

func (c catalog) encodeOne(v any, oid uint32) (text string, ok bool, err error) {
	if v == nil {
		return "", false, nil
	}
	base := c.base(oid)
	switch base {
	case pgtype.ByteaOID:
		b, err := parseBytes(v)
		return `\x` + hex.EncodeToString(b), true, err
	case pgtype.JSONOID, pgtype.JSONBOID:
		text, err := encodeJSON(v)
		return text, true, err
	}
	if list, isList := v.([]any); isList {
		if element, comma, isArray := c.array(base); isArray {
			text, err := c.encodeArray(list, element, comma)
			return text, true, err
		}
	}
	if text, ok = backend.ParamText(v); !ok {
		return "", false, fmt.Errorf("is %s, which can't be a value of the type %s; compare an array with = ANY(…) or IN (…), and cast JSON to jsonb", strictjson.Kind(v), c.name(oid))
	}
	return text, true, nil
}

// parseBytes returns bytes that were given as {"base64": …} or as base64.
func parseBytes(v any) ([]byte, error) {
	if object, isObject := v.(map[string]any); isObject {
		if b, ok, err := backend.ParseBytes(object); ok || err != nil {
			return b, err
		}
	}
	s, isText := v.(string)
	b, err := base64.StdEncoding.DecodeString(s)
	if !isText || err != nil {
		return nil, errors.New(`must be bytes as {"base64": …}, for the type bytea`)
	}
	return b, nil
}

// encodeJSON treats a string that contains JSON (see isJSON) as that value, and
// any other as a string.
func encodeJSON(v any) (string, error) {
	if s, ok := v.(string); ok && isJSON(s) {
		return s, nil
	}
	raw, err := plainjson.Marshal(v)
	return string(raw), err
}

func (c catalog) encodeArray(list []any, element uint32, comma byte) (string, error) {
	base := c.base(element)
	_, _, nested := c.array(base)
	dimensions := !nested && !isJSONType(base) // else an inner list is an element
	var out strings.Builder
	out.WriteByte('{')
	for i, v := range list {
		if i > 0 {
			out.WriteByte(comma)
		}
		if inner, ok := v.([]any); ok && dimensions {
			text, err := c.encodeArray(inner, element, comma)
			if err != nil {
				return "", err
			}
			out.WriteString(text)
			continue
		}
		text, ok, err := c.encodeOne(v, element)
		switch {
		case err != nil:
			return "", err
		case !ok:
			out.WriteString("NULL")
		default:
			out.WriteByte('"')
			out.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text))
			out.WriteByte('"')
		}
	}
	out.WriteByte('}')
	return out.String(), nil
}
