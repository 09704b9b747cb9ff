// Package backend holds what all database kinds share: the request, the result,
// how values become JSON, and how SQL is split to number its parameters.
package backend

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/chainwright/chainwright/executors"
)

// Database runs queries on one database. It is safe for concurrent use and
// opens connections when they are first needed.
type Database interface {
	// Run runs one statement. If the caller can fix the cause of an error, it is
	// an *executors.Error.
	Run(ctx context.Context, request Request) (*Result, error)
	// Close ends all connections.
	Close() error
}

// Request is one statement.
type Request struct {
	Query string
	// Values are the parameters in order; Named those by name. At most one of
	// them is set.
	Values []any
	Named  map[string]any
	// Write allows statements that change something.
	Write bool
	// MaxRows and MaxBytes (of JSON) limit the rows of the result.
	MaxRows, MaxBytes int
}

// Result is the result of a statement.
type Result struct {
	Columns []Column
	// Rows are objects with the columns' names as keys, in their order.
	Rows []json.RawMessage
	// RowsAffected is the number of changed rows; 0 for a statement that reads.
	RowsAffected int64
	// Truncated reports whether there were more rows than the request allows.
	Truncated bool
}

// Column is a column of a result. Names are unique.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// MaxMessage is the most bytes of one message, and so of one row, from a
// server.
const MaxMessage = 16 << 20

// Invalid returns a validation_error for an input.
func Invalid(field, format string, args ...any) *executors.Error {
	e := executors.Errorf(executors.ValidationError, format, args...).WithField(field)
	e.Message = field + ": " + e.Message
	return e
}

// ReadOnly returns the error for a statement in read mode that does more than
// read.
func ReadOnly(cause string) *executors.Error {
	return executors.Errorf(executors.PermissionDenied, "the query does more than read: %s", cause).WithField("query").
		WithHint(`mode "read" allows only reading; mode "write" needs a connection with write: true in policy.connections`)
}

// Unbound returns the error for a query whose placeholders and parameters
// differ in number.
func Unbound(want, got int) *executors.Error {
	return Invalid("params", "the query has %d parameters; got %d", want, got)
}

// Left returns the time until the end of ctx, at most one day.
func Left(ctx context.Context) time.Duration {
	const day = 24 * time.Hour
	end, ok := ctx.Deadline()
	if !ok {
		return day
	}
	return max(time.Millisecond, min(day, time.Until(end)))
}

// Milliseconds formats a duration for an SQL setting.
func Milliseconds(d time.Duration) string {
	return strconv.FormatInt(max(1, d.Milliseconds()), 10)
}

// Lost returns the error for a connection that broke or could not be opened.
// If a statement that writes had been sent, its outcome is unknown.
func Lost(err error, unsure bool) *executors.Error {
	failed := executors.Errorf(executors.NetworkError, "reaching the database: %w", err)
	if unsure {
		return failed.WithHint("the statement may have been executed: check before you send it again")
	}
	return failed.Retry(0)
}
