package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"regexp"
	"strconv"
	"strings"

	"github.com/chainwright/chainwright/executors/sql/internal/backend"
)

// errBad makes database/sql drop a connection.
var errBad = driver.ErrBadConn

// reading lists the first words of statements that read. The READ ONLY
// transaction protects tables; this list excludes what it does not protect:
// settings, accounts, procedures, locks.
var reading = map[string]bool{
	"select": true, "with": true, "table": true, "values": true, "show": true, "describe": true, "desc": true, "explain": true,
}

// outside finds how a SELECT reaches the server's files, and comments that the
// server executes.
var outside = regexp.MustCompile(`(?i)/\*M?!|\b(outfile|dumpfile|load_file)\b`)

// readable returns an error for a statement that may do more than read.
func readable(query string) error {
	if word := backend.FirstWord(query, backend.MySQL); !reading[word] {
		return backend.ReadOnly("it begins with " + strconv.Quote(word))
	}
	if found := reaches(query); found != "" {
		return backend.ReadOnly("it has " + strconv.Quote(found))
	}
	return nil
}

// reaches returns the part of a query that reaches outside, or "". In strings and
// names it looks only if there are backslashes: then it depends on the server's
// sql_mode where they end.
func reaches(query string) string {
	if strings.Contains(query, `\`) {
		return outside.FindString(query)
	}
	last := ""
	for _, p := range backend.Split(query, backend.MySQL) {
		switch word := strings.ToLower(strings.Trim(p.Text, "`\"")); {
		case p.Kind == backend.Space && outside.MatchString(p.Text[:min(len(p.Text), 4)]):
			return outside.FindString(p.Text)
		case p.Kind == backend.Space:
			continue
		case last == "into" && (word == "outfile" || word == "dumpfile"):
			return p.Text
		case last == "load_file" && word == "(":
			return last
		default:
			last = word
		}
	}
	return ""
}

// bind returns the query with spread arrays, and the parameters for the driver.
func bind(request backend.Request) (backend.Bound, error) {
	if n := backend.Statements(request.Query, backend.MySQL); n == 0 {
		return backend.Bound{}, backend.Invalid("query", "must be a statement; got none")
	}
	return backend.Bind(request, backend.MySQL)
}

// collect reads the rows. If there are more than the limit, it cancels a query
// that reads: the driver would read the rest.
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
		return backend.AppendStructure(to, text)
	case "datetime", "timestamp":
		return backend.AppendTimestamp(to, text)
	case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "geometry", "vector":
		return backend.AppendBytes(to, []byte(text))
	case "bit":
		// A number compares as one and is stored as the same bits.
		var bits [8]byte
		copy(bits[8-min(8, len(text)):], text)
		return strconv.AppendUint(to, binary.BigEndian.Uint64(bits[:]), 10)
	}
	return backend.AppendString(to, text)
}
