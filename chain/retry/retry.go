// Package retry repeats attempts by an executor's retry policy. It is not a stable API.
// It serves the tasks of a run and the rows of a batch. It decides whether to
// try again, and waits. The caller decides what an attempt is, and whether it
// may be repeated.
//
// It is written by hand: retry libraries don't know how long a peer asked to
// wait, and the wait itself is ten lines.
package retry

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/chainwright/chainwright/executors"
)

// longestWait is the longest wait that a peer may ask for where the policy has
// no limit of its own.
const longestWait = 10 * time.Minute

// Do makes attempts until one succeeds, one fails and says that it is not to be
// repeated, or the policy's attempts are used up. It returns the number of
// attempts and the error of the last one. It does not wait for a peer that asks
// for more time than policy.Max, or than the context leaves. waiting, if not
// nil, is called before each wait with the error and the length of the wait. Do
// does not wait after the last attempt, and stops waiting when the context ends.
func Do(ctx context.Context, policy executors.Retry, try func(attempt int) (err *executors.Error, again bool),
	waiting func(err *executors.Error, pause time.Duration),
) (attempts int, err *executors.Error) {
	for n := 1; ; n++ {
		var again bool
		err, again = try(n)
		if err == nil || !again {
			return n, err
		}
		pause, again := Next(ctx, policy, n, err.RetryAfter)
		if !again {
			return n, err
		}
		if waiting != nil {
			waiting(err, pause)
		}
		if !Sleep(ctx, pause) {
			return n, err
		}
	}
}

// Next returns how long to wait after the nth attempt, which failed, and whether
// another one follows. asked is how long the peer asked to wait.
func Next(ctx context.Context, policy executors.Retry, n int, asked time.Duration) (pause time.Duration, again bool) {
	if n >= policy.MaxAttempts || tooLong(ctx, policy, asked) || ctx.Err() != nil {
		return 0, false
	}
	return Pause(policy, n, asked), true
}

// tooLong reports whether a peer asks for a longer wait than the policy allows,
// or than the context leaves.
func tooLong(ctx context.Context, policy executors.Retry, asked time.Duration) bool {
	longest := policy.Max
	if longest <= 0 {
		longest = longestWait
	}
	deadline, limited := ctx.Deadline()
	return asked > longest || limited && asked > 0 && time.Until(deadline) <= asked
}

// Pause returns how long to wait after the nth attempt: a random time between
// half of the step and the whole step, so that callers that failed together
// don't retry together. It is never less than what the peer asked for.
func Pause(policy executors.Retry, n int, asked time.Duration) time.Duration {
	step := policy.Initial
	if policy.Backoff != executors.Fixed {
		for range min(n-1, 30) {
			step *= 2
			if policy.Max > 0 && step >= policy.Max {
				break
			}
		}
	}
	if policy.Max > 0 {
		step = min(step, policy.Max)
	}
	if step > 0 {
		step = step/2 + rand.N(step/2+1)
	}
	return max(step, asked)
}

// Sleep waits for d. It returns false if the context ended first.
func Sleep(ctx context.Context, d time.Duration) bool {
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
