package chain

import (
	"context"
	"errors"
	"time"

	"github.com/chainwright/chainwright/chain/retry"
	"github.com/chainwright/chainwright/executors"
)

// Why a context of a task ends, told apart by context.Cause.
var (
	errCancelled   = errors.New("cancelled by the caller")
	errStopped     = errors.New("cancelled because another task failed and on_failure is stop")
	errInterrupted = errors.New("interrupted: the program that ran it was stopped")
	errStore       = errors.New("cancelled because the run's records can't be stored")
	errDeadline    = errors.New("the executor did not stop at its time-out")
)

// work is a call to make, with everything that is known of it.
type work struct {
	def     *executors.Definition
	call    *executors.Call
	timeout time.Duration
	retry   executors.Retry
	// before says how many attempts were made earlier, in other rounds.
	before int
	// failed, where set, hears of each attempt that is to be repeated.
	failed func(attempt int, err *executors.Error)
	// begin, where set, hears when an attempt but the first must be over.
	begin func(deadline time.Time)
}

// attempt makes a call until it succeeds or the one retry policy gives up.
// Only calls that may be made twice are.
func (r *Runner) attempt(ctx context.Context, w *work) (out executors.Outcome, attempts int) {
	policy := w.retry
	if policy.MaxAttempts > 1 {
		if effect := w.def.EffectOf(w.call.Inputs); !effect.Idempotent && !effect.ReadOnly {
			policy.MaxAttempts = 1
		}
	}
	made, _ := retry.Do(ctx, policy, func(n int) *executors.Error {
		if n > 1 {
			again := *w.call
			w.call = &again // the executor may have kept the one before
			r.began(w.def.ID, w.call.Principal)
		}
		w.call.Attempt = w.before + n
		if w.begin != nil && n > 1 {
			w.begin(time.Now().Add(w.timeout))
		}
		out = r.opts.Registry.Invoke(ctx, w.def.ID, w.call, w.timeout)
		return out.Err
	}, func(_ int, err *executors.Error) {
		if w.failed != nil {
			w.failed(w.call.Attempt, err)
		}
		if w.begin != nil {
			w.begin(time.Time{})
		}
	})
	return out, w.before + made
}

// ending turns the outcome of a call into the state that its task ends in.
// A failure of a call that was cancelled is that cancellation, whatever the
// executor made of it; its output is kept.
func ending(ctx context.Context, out executors.Outcome) (State, executors.Outcome) {
	if out.Err == nil {
		return Completed, out
	}
	switch cause := context.Cause(ctx); cause {
	case nil:
	case errInterrupted, errDeadline:
		out.Err = stopError(cause)
		return Failed, out
	case errCancelled, errStopped, errStore:
		out.Err = stopError(cause)
		return Cancelled, out
	default:
		if out.Err.Type != executors.TimeoutError {
			out.Err = executors.Errorf(executors.Cancelled, "cancelled: %w", cause)
			return Cancelled, out
		}
	}
	if out.Err.Type == executors.Cancelled {
		return Cancelled, out
	}
	return Failed, out
}

// stopError is the error of a task that was stopped for a cause.
func stopError(cause error) *executors.Error {
	kind := executors.Cancelled
	switch cause {
	case errInterrupted:
		kind = executors.Interrupted
	case errDeadline:
		kind = executors.TimeoutError
	}
	return executors.Errorf(kind, "%w", cause)
}
