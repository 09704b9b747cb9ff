package sqlite

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/chainwright/chainwright/executors/sql/internal/backend"
)

// bind returns the query with spread arrays, and the parameters for the driver.
func bind(request backend.Request) (backend.Bound, error) {
	if n := backend.Statements(request.Query, backend.SQLite); n != 1 {
		return backend.Bound{}, backend.Invalid("query", "must be one statement; got %d", n)
	}
	bound, err := backend.Bind(request, backend.SQLite)
	for i, v := range bound.Values {
		if n, ok := v.(json.Number); ok {
			bound.Values[i] = number(string(n))
		}
	}
	return bound, err
}

// number converts a number for SQLite. Integers beyond 64 bits become strings.
func number(text string) any {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i
	}
	if strings.ContainsAny(text, ".eE") {
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
	}
	return text
}

// storageClass returns the type of a value whose column declares none.
func storageClass(v any) string {
	switch v.(type) {
	case int64:
		return "integer"
	case float64:
		return "real"
	case string:
		return "text"
	case []byte:
		return "blob"
	}
	return ""
}

// appendValue appends a value as JSON. The declared type distinguishes booleans
// and JSON from numbers and strings; SQLite itself does not.
func appendValue(to []byte, v any, declared string) []byte {
	switch v := v.(type) {
	case int64:
		if (v == 0 || v == 1) && (declared == "boolean" || declared == "bool") {
			return strconv.AppendBool(to, v == 1)
		}
		return strconv.AppendInt(to, v, 10)
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1e15 {
			return append(strconv.AppendFloat(to, v, 'f', -1, 64), ".0"...)
		}
		return backend.AppendFloat(to, v)
	case string:
		if declared == "json" {
			return backend.AppendStructure(to, v)
		}
		return backend.AppendString(to, v)
	case []byte:
		return backend.AppendBytes(to, v)
	}
	return append(to, "null"...)
}
