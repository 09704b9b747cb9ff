package postgres

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/chainwright/chainwright/executors/sql/backend"
	"github.com/chainwright/chainwright/executors/sql/sqltext"
)

// bind gives the query with numbered placeholders and their values.
func bind(request backend.Request) (string, []any, error) {
	if sqltext.FirstWord(request.Query, sqltext.PostgreSQL) == "copy" {
		return "", nil, backend.Invalid("query", "COPY is not possible here; use SELECT or INSERT")
	}
	if request.Named == nil {
		return request.Query, request.Values, nil
	}
	query, values, err := sqltext.Bind(request.Query, sqltext.PostgreSQL, request.Named)
	if unbound := (*sqltext.BindError)(nil); errors.As(err, &unbound) {
		return "", nil, backend.Invalid("params."+unbound.Name, "%s", unbound.Message)
	}
	return query, values, err
}

// encode writes the parameters as the texts that the server reads for their
// types.
func encode(values []any, types []uint32) ([][]byte, error) {
	if len(values) != len(types) {
		return nil, backend.Unbound(len(types), len(values))
	}
	encoded := make([][]byte, len(values))
	for i, v := range values {
		text, ok, err := encodeOne(v, types[i])
		if err != nil {
			return nil, backend.Invalid(fmt.Sprintf("params[%d]", i), "%v", err)
		}
		if ok {
			encoded[i] = []byte(text)
		}
	}
	return encoded, nil
}

func encodeOne(v any, oid uint32) (text string, ok bool, err error) {
	if v == nil {
		return "", false, nil
	}
	switch oid {
	case pgtype.ByteaOID:
		s, isText := v.(string)
		b, err := base64.StdEncoding.DecodeString(s)
		if !isText || err != nil {
			return "", false, errors.New("must be bytes in base64, for the type bytea")
		}
		return `\x` + hex.EncodeToString(b), true, nil
	case pgtype.JSONOID, pgtype.JSONBOID:
		return encodeJSON(v), true, nil
	}
	if list, isList := v.([]any); isList {
		if element, isArray := elementType(oid); isArray {
			text, err := encodeArray(list, element)
			return text, true, err
		}
	}
	text, ok = backend.ParamText(v)
	return text, ok, nil
}

// encodeJSON takes a text that is an object or array in JSON as that, and any
// other as a string.
func encodeJSON(v any) string {
	if s, ok := v.(string); ok {
		if trimmed := strings.TrimSpace(s); trimmed != "" && (trimmed[0] == '{' || trimmed[0] == '[') && json.Valid([]byte(s)) {
			return s
		}
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(raw)
}

func encodeArray(list []any, element uint32) (string, error) {
	var out strings.Builder
	out.WriteByte('{')
	for i, v := range list {
		if i > 0 {
			out.WriteByte(',')
		}
		if inner, ok := v.([]any); ok {
			text, err := encodeArray(inner, element)
			if err != nil {
				return "", err
			}
			out.WriteString(text)
			continue
		}
		text, ok, err := encodeOne(v, element)
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
