// Package sql is db_query: one SQL statement on SQLite, PostgreSQL or MySQL.
// That reading changes nothing is held by the database itself, in a way of
// its own for each: see the packages sqlite, postgres and mysql.
package sql

import (
	"context"
	"embed"
	"encoding/json"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/sql/backend"
)

//go:embed definition.yaml
var definition embed.FS

// maxBytes bounds the rows of an answer, as JSON. The output as a whole is
// held to 10 MiB where executors are called.
const maxBytes = 9 << 20

// DefaultRows is how many rows come back where a call does not say.
const DefaultRows = 1000

// Executor is db_query. It keeps connections; Close ends them.
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

// Close ends all connections.
func (e *Executor) Close() error { return e.open.close() }

// Input is what a call gives.
type Input struct {
	Connection string  `json:"connection"`
	DSN        string  `json:"dsn"`
	Query      string  `json:"query"`
	Params     any     `json:"params"`
	Mode       string  `json:"mode"`
	MaxRows    int     `json:"max_rows"`
	Timeout    float64 `json:"timeout"`
}

// Output is what a call gives back.
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
