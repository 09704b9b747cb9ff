package executors

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/policy/breaker"
)

// ErrorType is the kind of a failure, for programs that branch on it.
type ErrorType string

// The kinds of failure. There are no others.
const (
	ValidationError     ErrorType = "validation_error"
	NotFound            ErrorType = "not_found"
	TimeoutError        ErrorType = "timeout_error"
	NetworkError        ErrorType = "network_error"
	AuthenticationError ErrorType = "authentication_error"
	PermissionDenied    ErrorType = "permission_denied"
	ExecutionError      ErrorType = "execution_error"
	Cancelled           ErrorType = "cancelled"
	Interrupted         ErrorType = "interrupted"
)

// CodeLeftAlone is the code of a call whose destination is left alone, because
// it could not be reached so many times in a row.
const CodeLeftAlone = "breaker_open"

// Error is a failure as callers see it: what went wrong, in which field, and
// what to do next.
type Error struct {
	Type    ErrorType
	Message string
	// Code is the peer's own code: an HTTP status, an exit code, an SQLSTATE.
	Code string
	// Field is the input at fault, as a path ("headers.accept", "data[3]").
	Field string
	// Retryable says that the same call may succeed later; RetryAfter is how
	// long the peer asked to wait, 0 where it did not say.
	Retryable  bool
	RetryAfter time.Duration
	// Hint is what to do next.
	Hint string

	cause error
}

// Errorf makes an Error of a kind. A %w verb keeps its operand as the cause.
func Errorf(kind ErrorType, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Type: kind, Message: err.Error(), cause: errors.Unwrap(err)}
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// WithField returns e with the input at fault set.
func (e *Error) WithField(field string) *Error { e.Field = field; return e }

// WithHint returns e with what to do next set.
func (e *Error) WithHint(hint string) *Error { e.Hint = hint; return e }

// WithCode returns e with the peer's own code set.
func (e *Error) WithCode(code string) *Error { e.Code = code; return e }

// Retry returns e marked as worth another attempt, after the given time
// where the peer named one.
func (e *Error) Retry(after time.Duration) *Error {
	e.Retryable, e.RetryAfter = true, after
	return e
}

// AsError turns any error into an *Error: one already in the chain is
// returned as it is, a policy refusal becomes permission_denied, a context's
// end becomes cancelled or timeout_error, and everything else is an
// execution_error. It returns nil for nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	var typed *Error
	if errors.As(err, &typed) {
		return typed
	}
	var denied *policy.Denied
	var open *breaker.Open
	switch {
	case errors.As(err, &open):
		return leftAlone(open)
	case errors.As(err, &denied):
		return &Error{Type: PermissionDenied, Message: denied.Error(), Field: denied.Field, Hint: denied.Hint, cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Type: TimeoutError, Message: err.Error(), Retryable: true, cause: err}
	case errors.Is(err, context.Canceled):
		return &Error{Type: Cancelled, Message: err.Error(), cause: err}
	}
	return &Error{Type: ExecutionError, Message: err.Error(), cause: err}
}

// leftAlone says that a destination is not dialled for now.
func leftAlone(open *breaker.Open) *Error {
	return (&Error{
		Type: NetworkError, Message: open.Error(), Code: CodeLeftAlone, cause: open,
		Hint: "wait, or go on without it; the operator sets policy.breaker",
	}).Retry(open.After)
}
