// Package sql implements db_query. It is not a stable API.
// The executor runs one SQL statement on SQLite, PostgreSQL or MySQL. The
// database itself enforces read mode, each in its own way: see the packages
// sqlite, postgres and mysql.
package sql

import (
	"context"
	"embed"
	"encoding/json"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/sql/internal/backend"
)

//go:embed definition.yaml
var definition embed.FS

// maxBytes is the most bytes of rows in a result, as JSON. The registry limits
// the whole output to 10 MiB.
const maxBytes = 9 << 20

// DefaultRows is the most rows of a result if a call sets no max_rows.
const DefaultRows = 1000

// Executor is db_query. It keeps connections open; Close closes them.
type Executor struct {
	executors.Executor
	open *pools
}

// New returns the db_query executor. Nothing is opened before the first call.
func New() *Executor {
	e := &Executor{open: newPools()}
	e.Executor = executors.New(executors.MustLoad(definition), e.query)
	return e
}

// Close closes all connections.
func (e *Executor) Close() error { return e.open.close() }

// Input holds the arguments of a call.
type Input struct {
	Connection string  `json:"connection"`
	DSN        string  `json:"dsn"`
	Query      string  `json:"query"`
	Params     any     `json:"params"`
	Mode       string  `json:"mode"`
	MaxRows    int     `json:"max_rows"`
	Timeout    float64 `json:"timeout"`
}

// Output is the result of a call.
type Output struct {
	Rows         []json.RawMessage `json:"rows"`
	Columns      []backend.Column  `json:"columns"`
	Count        int               `json:"count"`
	RowsAffected int64             `json:"rows_affected"`
	Truncated    bool              `json:"truncated"`
}

func (e *Executor) query(ctx context.Context, call *executors.Call, in Input) (*Output, error) {
	request := backend.Request{Query: in.Query, Write: in.Mode == "write", MaxRows: in.MaxRows, MaxBytes: maxBytes}
	if request.MaxRows <= 0 {
		request.MaxRows = DefaultRows
	}
	switch params := in.Params.(type) {
	case nil:
	case []any:
		request.Values = params
	case map[string]any:
		request.Named = params
	default:
		return nil, backend.Invalid("params", "must be an array or an object")
	}
	t, err := aim(call.Policy, in)
	if err != nil {
		return nil, err
	}
	database, release, err := e.open.database(t)
	if err != nil {
		return nil, err
	}
	defer release()
	result, err := database.Run(ctx, request)
	if err != nil {
		return nil, t.named(err)
	}
	return &Output{
		Rows: result.Rows, Columns: result.Columns, Count: len(result.Rows),
		RowsAffected: result.RowsAffected, Truncated: result.Truncated,
	}, nil
}
