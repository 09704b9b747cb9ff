package http

import (
	"fmt"
	"testing"
)

// The limits of callers that do nothing are forgotten when there are many; those
// of the others stay.
func TestManyCallers(t *testing.T) {
	t.Parallel()
	l := newLimiter(Limits{PerSecond: 0.001, Burst: 2})
	busy, streaming, slowed := l.of("busy"), l.of("streaming"), l.of("slowed")
	busy.calls.take()
	streaming.streams.take()
	slowed.rate.Allow()
	for i := range 3 * maxCallers {
		l.of(fmt.Sprint(i))
	}
	if n := l.known.Load(); n > maxCallers {
		t.Errorf("%d callers are known", n)
	}
	for name, want := range map[string]*allowance{"busy": busy, "streaming": streaming, "slowed": slowed} {
		if l.of(name) != want {
			t.Errorf("the limits of the caller that is %s were forgotten", name)
		}
	}
}
