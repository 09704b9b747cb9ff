package chain

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

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

// longestWait is the longest that a peer may make the runner wait between
// two attempts; who asks for more is believed, and the task fails now.
const longestWait = 10 * time.Minute

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
	// begin, where set, hears when an attempt must be over.
	begin func(deadline time.Time)
}

// attempt is the one retry loop: it makes a call until it succeeds, fails in
// a way that trying again won't help, or has used its attempts. Only calls
// that may be made twice are.
func (r *Runner) attempt(ctx context.Context, w *work) (out executors.Outcome, attempts int) {
	for n := 1; ; n++ {
		w.call.Attempt = w.before + n
		if w.begin != nil {
			w.begin(time.Now().Add(w.timeout))
		}
		out = r.opts.Registry.Invoke(ctx, w.def.ID, w.call, w.timeout)
		if out.Err == nil || n >= w.retry.MaxAttempts || !out.Err.Retryable || out.Err.RetryAfter > longestWait || ctx.Err() != nil {
			return out, w.before + n
		}
		if effect := w.def.EffectOf(w.call.Inputs); !effect.Idempotent && !effect.ReadOnly {
			return out, w.before + n
		}
		if w.failed != nil {
			w.failed(w.call.Attempt, out.Err)
		}
		if w.begin != nil {
			w.begin(time.Time{})
		}
		if !sleep(ctx, pause(w.retry, n, out.Err.RetryAfter)) {
			return out, w.before + n
		}
		again := *w.call
		w.call = &again // the executor may have kept the one before
	}
}

// pause is how long to wait after the nth attempt: between half of the step
// and all of it, so that those who failed together don't come back together,
// and never less than what the peer asked for.
func pause(retry executors.Retry, n int, asked time.Duration) time.Duration {
	step := retry.Initial
	if retry.Backoff != executors.Fixed {
		for range min(n-1, 30) {
			step *= 2
			if retry.Max > 0 && step >= retry.Max {
				break
			}
		}
	}
	if retry.Max > 0 {
		step = min(step, retry.Max)
	}
	if step > 0 {
		step = step/2 + rand.N(step/2+1)
	}
	return max(step, asked)
}

// sleep waits, unless the context ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
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
