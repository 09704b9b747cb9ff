// Package retry is the one retry policy: the runner follows it for tasks, and
// a batch for its rows. It decides whether another attempt is made and waits
// until then; what an attempt is, and whether it may be made twice, is its
// caller's business.
package retry

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/chainwright/chainwright/executors"
)

// LongestWait is the longest that a peer may make us wait between two
// attempts; who asks for more is believed, and the work fails now.
const LongestWait = 10 * time.Minute

// Do makes attempts until one succeeds, one fails in a way that trying again
// won't help, or the policy's attempts are used up, and returns how the last
// one ended and how many there were. waiting, where set, hears of each failure
// that is followed by another attempt, before the wait. There is no wait after
// the last attempt, and the context's end ends a wait at once.
func Do(ctx context.Context, policy executors.Retry, try func(attempt int) *executors.Error,
	waiting func(attempt int, err *executors.Error),
) (attempts int, err *executors.Error) {
	for n := 1; ; n++ {
		err = try(n)
		if err == nil || n >= policy.MaxAttempts || !Worthwhile(err) || tooLong(policy, err) || ctx.Err() != nil {
			return n, err
		}
		if waiting != nil {
			waiting(n, err)
		}
		if !Sleep(ctx, Pause(policy, n, err.RetryAfter)) {
			return n, err
		}
	}
}

// Worthwhile reports whether a failure may go away when the same is tried
// again in a while that somebody waits for.
func Worthwhile(err *executors.Error) bool {
	return err != nil && err.Retryable && err.RetryAfter <= LongestWait
}

// tooLong says that a destination is left alone for longer than the policy
// would wait by itself. What a peer asks for is another matter.
func tooLong(policy executors.Retry, err *executors.Error) bool {
	return err.Code == executors.CodeLeftAlone && policy.Max > 0 && err.RetryAfter > policy.Max
}

// Pause is how long to wait after the nth attempt: between half of the step
// and all of it, so that those who failed together don't come back together,
// and never less than what the peer asked for.
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

// Sleep waits, unless the context ends first, and reports whether it slept
// through.
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
