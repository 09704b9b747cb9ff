package engine

import (
	"context"
	"errors"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/internal/step"
	"github.com/chainwright/chainwright/executors"
)

// Why the context of a task ends, as context.Cause returns it.
var (
	errCancelled   = errors.New("cancelled by the caller")
	errStopped     = errors.New("cancelled because another task failed and on_failure is stop")
	errInterrupted = errors.New("interrupted: the program that ran it was stopped")
	errStore       = error(leftError("cancelled because the run's records can't be stored"))
	errFenced      = errors.New("interrupted: the process that ran it could not reach the store, and was about to lose the run")
	errDeadline    = errors.New("the executor did not stop at its timeout")
)

// leftError is a cause that is a step.ErrLeft.
type leftError string

func (e leftError) Error() string        { return string(e) }
func (e leftError) Is(target error) bool { return target == step.ErrLeft }

// ending returns the state in which a task ends after a call. A call that was
// cancelled and failed counts as cancelled, whatever its error; its output is
// kept.
func ending(ctx context.Context, out executors.Outcome) (chain.State, executors.Outcome) {
	if out.Err == nil {
		return chain.Completed, out
	}
	switch cause := context.Cause(ctx); cause {
	case nil:
	case errDeadline, errFenced:
		out.Err = stopError(cause)
		return chain.Failed, out
	case errCancelled, errStopped, errStore:
		out.Err = stopError(cause)
		return chain.Cancelled, out
	default:
		if errors.Is(cause, errInterrupted) {
			out.Err = stopError(cause)
			return chain.Failed, out
		}
		if out.Err.Type != executors.TimeoutError {
			out.Err = executors.Errorf(executors.Cancelled, "cancelled: %w", cause)
			return chain.Cancelled, out
		}
	}
	if out.Err.Type == executors.Cancelled {
		return chain.Cancelled, out
	}
	return chain.Failed, out
}

// inDoubt is the error of a task that was in progress when its process was lost,
// and that must not run twice.
func inDoubt() *executors.Error {
	return executors.Errorf(executors.Interrupted, "the program that ran it ended while it was in progress; it may have had its effect, and repeating it is not safe, so it was not run again").
		WithHint("check what it has done; retry_run runs it again")
}

// stopError returns the error of a task that was stopped for a cause.
func stopError(cause error) *executors.Error {
	kind := executors.Cancelled
	switch {
	case errors.Is(cause, errInterrupted):
		kind, cause = executors.Interrupted, errInterrupted
	case cause == errFenced:
		kind = executors.Interrupted
	case cause == errDeadline:
		kind = executors.TimeoutError
	}
	return executors.Errorf(kind, "%w", cause)
}
