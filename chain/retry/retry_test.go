package retry_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainwright/chainwright/chain/retry"
	"github.com/chainwright/chainwright/executors"
)

func failed() *executors.Error { return executors.Errorf(executors.NetworkError, "no") }

func TestDo(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name     string
		fails    []*executors.Error // one for each attempt; nil and past the end: success
		max      int
		attempts int
		ok       bool
		waited   time.Duration // at least
	}{
		{"at once", nil, 3, 1, true, 0},
		{"once", []*executors.Error{failed().Retry(0)}, 3, 2, true, 500 * time.Millisecond},
		{"as long as the peer asks", []*executors.Error{failed().Retry(time.Minute)}, 3, 2, true, time.Minute},
		{"used up, and no wait after the last", []*executors.Error{failed().Retry(0), failed().Retry(time.Hour)}, 2, 2, false, 500 * time.Millisecond},
		{"for good", []*executors.Error{failed()}, 3, 1, false, 0},
		{"asked to wait too long", []*executors.Error{failed().Retry(time.Minute + 1)}, 3, 1, false, 0},
		{"no policy is one attempt", []*executors.Error{failed().Retry(0)}, 0, 1, false, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start, heard := time.Now(), 0
				policy := executors.Retry{MaxAttempts: c.max, Backoff: executors.Fixed, Initial: time.Second, Max: time.Minute}
				n, err := retry.Do(t.Context(), policy, func(attempt int) (*executors.Error, bool) {
					if attempt > len(c.fails) {
						return nil, false
					}
					err := c.fails[attempt-1]
					return err, err.Retryable
				}, func(*executors.Error, time.Duration) { heard++ })
				waited := time.Since(start)
				if n != c.attempts || (err == nil) != c.ok || heard != n-1 {
					t.Errorf("%d attempts, %d waits, %v", n, heard, err)
				}
				if waited < c.waited || waited > max(c.waited, time.Second) {
					t.Errorf("waited %s", waited)
				}
			})
		})
	}
}

func TestDoEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		n, err := retry.Do(ctx, executors.Retry{MaxAttempts: 5, Initial: time.Minute}, func(int) (*executors.Error, bool) {
			return failed(), true
		}, nil)
		if n != 1 || err == nil || time.Since(start) != time.Second {
			t.Errorf("%d attempts, %v, after %s", n, err, time.Since(start))
		}
	})
}

// A peer that asks for more time than the caller has is not waited for.
func TestDoLeavesTheCallersTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		for asked, attempts := range map[time.Duration]int{12 * time.Second: 1, 2 * time.Second: 2} {
			n, _ := retry.Do(ctx, executors.Retry{MaxAttempts: 2, Max: time.Minute}, func(int) (*executors.Error, bool) {
				return failed().Retry(asked), true
			}, nil)
			if n != attempts {
				t.Errorf("asked for %s: %d attempts", asked, n)
			}
		}
		if waited := time.Since(start); waited != 2*time.Second {
			t.Errorf("waited %s", waited)
		}
	})
}

func TestPause(t *testing.T) {
	t.Parallel()
	policy := executors.Retry{Initial: time.Second, Max: 10 * time.Second}
	for n, step := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 4: 8 * time.Second, 5: 10 * time.Second, 1000: 10 * time.Second} {
		for range 100 {
			if got := retry.Pause(policy, n, 0); got < step/2 || got > step {
				t.Fatalf("after attempt %d: %s, and the step is %s", n, got, step)
			}
		}
	}
	policy.Backoff = executors.Fixed
	if got := retry.Pause(policy, 9, 0); got > time.Second {
		t.Errorf("fixed: %s", got)
	}
	if got := retry.Pause(policy, 1, time.Minute); got != time.Minute {
		t.Errorf("the peer asked for a minute: %s", got)
	}
}
