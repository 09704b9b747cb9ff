package sqlite

import (
	"database/sql"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/chainwright/chainwright/executors/sql/backend"
	"github.com/chainwright/chainwright/executors/sql/sqltext"
)

// bind gives the parameters as the driver takes them. SQLite knows named ones
// itself.
func bind(request backend.Request) ([]any, error) {
	if n := sqltext.Statements(request.Query, sqltext.SQLite); n != 1 {
		return nil, backend.Invalid("query", "must be one statement; got %d", n)
	}
	if request.Named != nil {
		_, _, err := sqltext.Bind(request.Query, sqltext.SQLite, request.Named)
		if unbound := (*sqltext.BindError)(nil); errors.As(err, &unbound) {
			return nil, backend.Invalid("params."+unbound.Name, "%s", unbound.Message)
		}
		args := make([]any, 0, len(request.Named))
		for name, v := range request.Named {
			args = append(args, sql.Named(name, param(v)))
		}
		return args, nil
	}
	if want := placeholders(request.Query); want != len(request.Values) {
		return nil, backend.Unbound(want, len(request.Values))
	}
	args := make([]any, len(request.Values))
	for i, v := range request.Values {
		args[i] = param(v)
	}
	return args, nil
}

// placeholders counts the parameters of a query as SQLite numbers them: ? is
// the next, ?5 the fifth, and each name one of its own.
func placeholders(query string) int {
	highest := 0
	names := map[string]bool{}
	pieces := sqltext.Split(query, sqltext.SQLite)
	for i, p := range pieces {
		switch {
		case p.Kind == sqltext.Named:
			if !names[p.Text] {
				names[p.Text] = true
				highest++
			}
		case p.Text == "?" && i+1 < len(pieces) && pieces[i+1].Kind == sqltext.Numeral:
			n, _ := strconv.Atoi(pieces[i+1].Text)
			highest = max(highest, n)
		case p.Text == "?":
			highest++
		}
	}
	return highest
}

// param is a JSON value as SQLite stores it. Integers that it has no room for
// are texts, and what is neither scalar nor null is its JSON.
func param(v any) any {
	switch v := v.(type) {
	case nil, string, bool:
		return v
	case json.Number:
		if i, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return i
		}
		if strings.ContainsAny(string(v), ".eE") {
			if f, err := strconv.ParseFloat(string(v), 64); err == nil {
				return f
			}
		}
		return string(v)
	}
	text, _ := backend.ParamText(v)
	return text
}

// storageClass names the type of a value whose column has none declared.
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

// appendValue appends a value as JSON. The declared type tells truth values,
// days and JSON from numbers and texts; SQLite itself does not.
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
			return backend.AppendJSON(to, []byte(v))
		}
		return backend.AppendString(to, v)
	case []byte:
		return backend.AppendBytes(to, v)
	case bool:
		return strconv.AppendBool(to, v)
	case time.Time:
		if declared == "date" && v.Equal(v.Truncate(24*time.Hour)) {
			return backend.AppendString(to, v.Format(time.DateOnly))
		}
		return backend.AppendTime(to, v)
	}
	return append(to, "null"...)
}
