package step

import (
	"context"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/retry"
	"github.com/chainwright/chainwright/executors"
)

// Call is a call of an executor with its retries.
type Call struct {
	Definition *executors.Definition
	Call       *executors.Call
	// Tree runs the saved tree that the task names; nil: there is none.
	Tree    executors.Executor
	Timeout time.Duration // of one attempt
	Retry   executors.Retry
	// Written is set if the author of the task wrote Retry. On are the failures
	// to repeat; none: the usual ones.
	Written bool
	On      []string
	// Unsafe repeats the call even if it is not safe to repeat.
	Unsafe bool
	// Longest is the longest wait that a peer may ask for. 0: Retry.Max.
	Longest time.Duration
	// Before is the number of attempts made earlier, by runs that were retried.
	Before int
	// Ready is called, if it is set, right before each attempt. The attempt is
	// not made if it fails.
	Ready func(context.Context) error
	// Failed is called, if it is set, after each attempt that will be repeated,
	// before the pause.
	Failed func(attempt int, err *executors.Error, pause time.Duration)
	// Again is called, if it is set, before each attempt after the first, with
	// the time by which the attempt must end.
	Again func(deadline time.Time)
}

// New returns the call of a task with the given inputs.
func New(t *chain.Task, call *executors.Call) Call {
	c := Call{Definition: t.Definition, Call: call, Timeout: executors.TimeoutFor(t.Definition, call.Inputs, t.Timeout), Retry: t.Definition.Retry}
	if t.Timeout > 0 && t.Inputs.Has("timeout") {
		c.Timeout = min(c.Timeout, executors.TimeoutFor(t.Definition, call.Inputs, 0))
	}
	if t.Retry != nil {
		c.Retry, c.Written, c.On, c.Longest, c.Unsafe = *t.Retry, true, t.RetryOn, t.Timeout, t.RetryUnsafe
	}
	return c
}

// Do calls the executor until it succeeds or the retry policy gives up, and
// returns the last outcome and the number of attempts, those before included.
func (c *Call) Do(ctx context.Context, registry *executors.Registry) (out executors.Outcome, attempts int) {
	safe := c.safe(registry)
	made, _ := retry.Do(ctx, c.Retry, func(n int) (*executors.Error, bool) {
		if n > 1 {
			again := *c.Call // the executor may have kept the one before
			c.Call = &again
			if c.Again != nil {
				c.Again(time.Now().Add(c.Timeout))
			}
		}
		out = c.attempt(ctx, registry, n)
		return out.Err, out.Err != nil && c.repeats(out.Err, safe)
	}, func(err *executors.Error, pause time.Duration) {
		if c.Failed != nil {
			c.Failed(c.Call.Attempt, err, pause)
		}
	})
	return out, c.Before + made
}

// Once makes the nth attempt only. again reports whether the retry policy has
// another one follow, after the pause.
func (c *Call) Once(ctx context.Context, registry *executors.Registry, n int) (out executors.Outcome, pause time.Duration, again bool) {
	out = c.attempt(ctx, registry, n)
	if out.Err != nil && c.repeats(out.Err, c.safe(registry)) {
		pause, again = retry.Next(ctx, c.Retry, n, out.Err.RetryAfter)
	}
	return out, pause, again
}

// safe reports whether the call may be made again after a failure.
func (c *Call) safe(registry *executors.Registry) bool {
	return Repeatable(c.Definition, c.Call.Inputs) || c.Unsafe && registry.Policy().RetryUnsafe()
}

// attempt makes the nth attempt.
func (c *Call) attempt(ctx context.Context, registry *executors.Registry, n int) executors.Outcome {
	c.Call.Attempt = c.Before + n
	if c.Ready != nil {
		if err := c.Ready(ctx); err != nil {
			return executors.Outcome{Err: executors.Errorf(executors.Interrupted, "%w", err)}
		}
	}
	if c.Tree != nil {
		return registry.InvokeTree(ctx, c.Tree, c.Call, c.Timeout)
	}
	return registry.Invoke(ctx, c.Definition.ID, c.Call, c.Timeout)
}
