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

// Final reports whether the same call fails in the same way until something is
// changed, so that trying again does not help.
func (t ErrorType) Final() bool {
	switch t {
	case ValidationError, NotFound, PermissionDenied, AuthenticationError:
		return true
	}
	return false
}

// CodeLeftAlone is the code of a call that was not made, because the circuit
// breaker of its destination is open after several failures in a row.
const CodeLeftAlone = "breaker_open"

// Error is a failure as callers see it: what went wrong, in which field, and
// what to do next.
type Error struct {
	Type    ErrorType
	Message string
	// Code is the peer's own code: an HTTP status, an exit code, an SQLSTATE.
	Code string
	// Field is the path of the input that caused it ("headers.accept",
	// "data[3]").
	Field string
	// Status is the HTTP status of the peer's answer, 0 if there was none.
	Status int
	// Exited is set if a program ended with an exit code that is a failure.
	Exited bool
	// Refused is set if the peer did not begin the work, so that the call can be
	// repeated whatever its effect.
	Refused bool
	// Retryable is set if the same call may succeed later. RetryAfter is how
	// long the peer asked to wait, 0 if it did not say.
	Retryable  bool
	RetryAfter time.Duration
	// Hint is what to do next.
	Hint string

	cause error
}

// Errorf returns an Error of a kind. The operand of a %w verb is kept as the
// cause.
func Errorf(kind ErrorType, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Type: kind, Message: err.Error(), cause: errors.Unwrap(err)}
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// WithField sets the path of the input that caused e, and returns e.
func (e *Error) WithField(field string) *Error { e.Field = field; return e }

// WithHint sets what to do next, and returns e.
func (e *Error) WithHint(hint string) *Error { e.Hint = hint; return e }

// WithCode sets the peer's own code, and returns e.
func (e *Error) WithCode(code string) *Error { e.Code = code; return e }

// Retry marks e as retryable, after the given time if it is not 0, and returns
// e.
func (e *Error) Retry(after time.Duration) *Error {
	e.Retryable, e.RetryAfter = true, after
	return e
}

// AsError converts any error to an *Error. An *Error in the chain is returned
// unchanged, a policy refusal becomes permission_denied, the end of a context
// becomes cancelled or timeout_error, and all other errors become
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
	if errors.As(err, new(*policy.Unavailable)) {
		return &Error{Type: NetworkError, Message: err.Error(), Retryable: true, cause: err}
	}
	return &Error{Type: ExecutionError, Message: err.Error(), cause: err}
}

// leftAlone is the error of a destination whose circuit breaker is open.
func leftAlone(open *breaker.Open) *Error {
	return (&Error{
		Type: NetworkError, Message: open.Error(), Code: CodeLeftAlone, cause: open,
		Hint: "wait, or continue without it; the operator sets policy.breaker",
	}).Retry(open.After)
}
