package limit

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// wait waits for a permit, returns it, and returns how long that took.
func wait(t *testing.T, b *Limiter) time.Duration {
	t.Helper()
	began := time.Now()
	if err := b.Wait(t.Context(), "one", nil); err != nil {
		t.Fatal(err)
	}
	b.Release()
	return time.Since(began)
}

// A limiter allows a burst of one second, then single starts at the rate.
func TestRate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		perSecond float64
		burst     int
		every     time.Duration
	}{
		{0.5, 1, 2 * time.Second}, {1, 1, time.Second}, {3, 3, time.Second / 3}, {2.5, 2, 400 * time.Millisecond}, {7, 7, time.Second / 7},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := New(0, c.perSecond)
			time.Sleep(time.Hour)
			for i := range c.burst {
				if took := wait(t, b); took != 0 {
					t.Errorf("%v: start %d waited %s", c.perSecond, i, took)
				}
			}
			for range 100 {
				if took := wait(t, b); took < c.every-2 || took > c.every+2 {
					t.Errorf("%v: waited %s, want %s", c.perSecond, took, c.every)
				}
			}
		})
	}
}

// A permit that is returned unused allows another start, also a long time later
// and while starts are owed, but never more than a burst.
func TestUnusedPermits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := New(0, 2)
		for range 2 {
			if err := b.Wait(t.Context(), "one", nil); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(100 * time.Millisecond)
		b.ReleaseUnused()
		if took := wait(t, b); took != 0 {
			t.Errorf("waited %s", took)
		}
		b.CountStart()
		b.ReleaseUnused()
		if took := wait(t, b); took != 400*time.Millisecond {
			t.Errorf("waited %s", took)
		}
		time.Sleep(time.Minute)
		if err := b.Wait(t.Context(), "one", nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		b.ReleaseUnused()
		for range 2 {
			wait(t, b)
		}
		if took := wait(t, b); took != 500*time.Millisecond {
			t.Errorf("waited %s", took)
		}
	})
}

// Starts without a permit are owed for one second at most. A call that would
// wait too long fails at once.
func TestOwedStarts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := New(0, 4)
		for range 100 {
			b.CountStart()
		}
		if took := wait(t, b); took < time.Second || took > 5*time.Second/4 {
			t.Errorf("waited %s", took)
		}
		slow := New(0, 0.01)
		wait(t, slow)
		var fast *RateError
		if err := slow.Wait(t.Context(), "one", nil); !errors.As(err, &fast) || fast.After < 99*time.Second || fast.After > 100*time.Second {
			t.Errorf("%v", err)
		}
	})
}
