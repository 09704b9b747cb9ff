package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/chainwright/chainwright/executors/sql/backend"
	"github.com/chainwright/chainwright/executors/sql/sqltext"
)

// errBad makes database/sql drop a connection.
var errBad = driver.ErrBadConn

// reading are the words that a statement which reads begins with. The
// transaction keeps tables as they are; these words keep out what it does not
// hold: settings, accounts, procedures, locks.
var reading = map[string]bool{
	"select": true, "with": true, "table": true, "values": true, "show": true, "describe": true, "desc": true, "explain": true,
}

// outside are the ways in which a SELECT reaches the server's files, and the
// comments that are not. They are looked for in the bare text, also inside
// strings: a parameter can hold any.
var outside = regexp.MustCompile(`(?i)/\*M?!|\b(outfile|dumpfile|load_file)\b`)

func readable(query string) error {
	if word := sqltext.FirstWord(query, sqltext.MySQL); !reading[word] {
		return backend.ReadOnly("it begins with " + strconv.Quote(word))
	}
	if found := outside.FindString(query); found != "" {
		return backend.ReadOnly("it has " + strconv.Quote(found))
	}
	return nil
}

func bind(request backend.Request) (string, []any, error) {
	if n := sqltext.Statements(request.Query, sqltext.MySQL); n == 0 {
		return "", nil, backend.Invalid("query", "must be a statement; got none")
	}
	query, values := request.Query, request.Values
	if request.Named != nil {
		var err error
		query, values, err = sqltext.Bind(query, sqltext.MySQL, request.Named)
		if unbound := (*sqltext.BindError)(nil); errors.As(err, &unbound) {
			return "", nil, backend.Invalid("params."+unbound.Name, "%s", unbound.Message)
		}
	}
	want := 0
	for _, p := range sqltext.Split(query, sqltext.MySQL) {
		if p.Text == "?" {
			want++
		}
	}
	if want != len(values) {
		return "", nil, backend.Unbound(want, len(values))
	}
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = param(v)
	}
	return query, args, nil
}

// param is a JSON value as the driver takes it. Numbers that are no 64-bit
// integers go as texts, which the server reads exactly.
func param(v any) any {
	switch v := v.(type) {
	case nil, bool, string:
		return v
	case json.Number:
		if i, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return i
		}
		if u, err := strconv.ParseUint(string(v), 10, 64); err == nil {
			return u
		}
		return string(v)
	}
	text, _ := backend.ParamText(v)
	return text
}

// collect reads the rows. Where there are more than are wanted, a query that
// reads is cancelled: the driver would read the rest.
func collect(found *sql.Rows, request backend.Request, cancel context.CancelFunc, allow func()) (*backend.Result, error) {
	types, err := found.ColumnTypes()
	if err != nil {
		return nil, err
	}
	columns := make([]backend.Column, len(types))
	for i, t := range types {
		columns[i] = backend.Column{Name: t.Name(), Type: strings.ToLower(t.DatabaseTypeName())}
	}
	rows := backend.NewRows(columns, request)
	values := make([]any, len(types))
	targets := make([]any, len(types))
	for i := range values {
		targets[i] = &values[i]
	}
	for ; found.Next(); allow() {
		if rows.Full() {
			if request.Write {
				continue
			}
			cancel()
			return rows.Result(columns), nil
		}
		if err := found.Scan(targets...); err != nil {
			return nil, err
		}
		for i, v := range values {
			rows.Value(appendValue(rows.Next(), v, columns[i].Type))
		}
		rows.End()
	}
	return rows.Result(columns), found.Err()
}

func appendValue(to []byte, v any, columnType string) []byte {
	switch v := v.(type) {
	case int64:
		return strconv.AppendInt(to, v, 10)
	case uint64:
		return strconv.AppendUint(to, v, 10)
	case float32:
		return backend.AppendNumber(to, strconv.FormatFloat(float64(v), 'g', -1, 32))
	case float64:
		return backend.AppendFloat(to, v)
	case string:
		return appendText(to, v, columnType)
	case []byte:
		return appendText(to, string(v), columnType)
	}
	return append(to, "null"...)
}

func appendText(to []byte, text, columnType string) []byte {
	switch columnType {
	case "decimal", "tinyint", "smallint", "mediumint", "int", "bigint", "year", "float", "double",
		"unsigned tinyint", "unsigned smallint", "unsigned mediumint", "unsigned int", "unsigned bigint":
		return backend.AppendNumber(to, text)
	case "json":
		return backend.AppendJSON(to, []byte(text))
	case "datetime", "timestamp":
		return backend.AppendTimestamp(to, text)
	case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "bit", "geometry":
		return backend.AppendBytes(to, []byte(text))
	}
	return backend.AppendString(to, text)
}
