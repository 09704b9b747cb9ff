// Package backend is what the kinds of database have in common: what they are
// asked, what they answer, and how values become JSON.
package backend

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/chainwright/chainwright/executors"
)

// Database is one database that queries are run on. It is safe for concurrent
// use, and opens connections when they are first needed.
type Database interface {
	// Run runs one statement. The error, where it is the caller's to mend, is
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
	// Write allows more than reading.
	Write bool
	// MaxRows and MaxBytes bound the rows of the answer.
	MaxRows, MaxBytes int
}

// Result is what came back.
type Result struct {
	Columns []Column
	// Rows are objects with the columns' names as keys, in their order.
	Rows []json.RawMessage
	// RowsAffected is what the statement changed; 0 for one that reads.
	RowsAffected int64
	// Truncated: there were more rows than the request allows.
	Truncated bool
}

// Column is a column of a result. Names are unique.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// MaxMessage bounds one message, and so one row, that a server sends.
const MaxMessage = 16 << 20

// Invalid is a validation_error about an input.
func Invalid(field, format string, args ...any) *executors.Error {
	e := executors.Errorf(executors.ValidationError, format, args...).WithField(field)
	e.Message = field + ": " + e.Message
	return e
}

// ReadOnly is the refusal of a statement that would do more than read.
func ReadOnly(cause string) *executors.Error {
	return executors.Errorf(executors.PermissionDenied, "the query does more than read: %s", cause).WithField("query").
		WithHint(`reading is all that mode "read" allows; mode "write" needs a connection with write: true in policy.connections`)
}

// Unbound is a query whose placeholders and parameters differ in number.
func Unbound(want, got int) *executors.Error {
	return Invalid("params", "the query takes %d parameters; got %d", want, got)
}

// Left is the time until the end of ctx, at most and by default a day.
func Left(ctx context.Context) time.Duration {
	const day = 24 * time.Hour
	end, ok := ctx.Deadline()
	if !ok {
		return day
	}
	return max(time.Millisecond, min(day, time.Until(end)))
}

// Milliseconds writes a duration as SQL settings take it.
func Milliseconds(d time.Duration) string {
	return strconv.FormatInt(max(1, d.Milliseconds()), 10)
}

// Lost is a connection that broke, or that could not be made. Where the
// statement had been sent and writes, whether it was done is not known.
func Lost(err error, unsure bool) *executors.Error {
	failed := executors.Errorf(executors.NetworkError, "reaching the database: %w", err)
	if unsure {
		return failed.WithHint("the statement may have been done: find out before it is sent again")
	}
	return failed.Retry(0)
}
