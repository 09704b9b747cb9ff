package mcp

import (
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainwright/chainwright/executors"
)

type sink struct {
	mu   sync.Mutex
	at   []time.Time
	sent []float64
	wait time.Duration
	err  error
}

func (s *sink) send(message []byte) error {
	var notification struct {
		Params struct {
			Token    string  `json:"progressToken"`
			Progress float64 `json:"progress"`
		} `json:"params"`
	}
	if err := json.Unmarshal(message, &notification); err != nil || notification.Params.Token != "t" {
		return errors.New("not a notification with the token")
	}
	time.Sleep(s.wait)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at, s.sent = append(s.at, time.Now()), append(s.sent, notification.Params.Progress)
	return s.err
}

// If a call reports without pause, its caller receives ten notifications per
// second, in increasing order, and always the last one.
func TestProgressIsCoalesced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		r := newReporter(json.RawMessage(`"t"`), s.send)
		for i := range 1000 {
			r.report(executors.Progress{Done: float64(i + 1), Total: 1000})
			time.Sleep(time.Millisecond)
		}
		r.close()
		if n := len(s.sent); n < 10 || n > 12 {
			t.Errorf("%d notifications in a second", n)
		}
		if s.sent[len(s.sent)-1] != 1000 {
			t.Errorf("the last was %v", s.sent[len(s.sent)-1])
		}
		for i := 1; i < len(s.sent); i++ {
			if s.sent[i] <= s.sent[i-1] {
				t.Errorf("%v came after %v", s.sent[i], s.sent[i-1])
			}
			if gap := s.at[i].Sub(s.at[i-1]); gap < progressInterval && i < len(s.sent)-1 {
				t.Errorf("%v between two", gap)
			}
		}
	})
}

// If a call reports once and ends, the report is written first.
func TestLastProgressIsNeverLost(t *testing.T) {
	t.Parallel()
	for range 500 {
		s := &sink{}
		r := newReporter(json.RawMessage(`"t"`), s.send)
		r.report(executors.Progress{Done: 1})
		r.report(executors.Progress{Done: 2})
		r.close()
		if n := len(s.sent); n == 0 || s.sent[n-1] != 2 {
			t.Fatalf("got %v", s.sent)
		}
	}
}

// Values that do not increase are left out, as the protocol requires.
func TestProgressGrows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		r := newReporter(json.RawMessage(`"t"`), s.send)
		for _, done := range []float64{3, 3, 2, 1} {
			r.report(executors.Progress{Done: done})
			time.Sleep(time.Second)
		}
		r.close()
		r.report(executors.Progress{Done: 9})
		synctest.Wait()
		if len(s.sent) != 1 || s.sent[0] != 3 {
			t.Errorf("got %v", s.sent)
		}
	})
}

// If the caller reads slowly, its reply waits no longer than the limit.
func TestSlowCallerHoldsNothingUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sink{wait: time.Hour}
		r := newReporter(json.RawMessage(`"t"`), s.send)
		start := time.Now()
		r.report(executors.Progress{Done: 1})
		r.close()
		if took := time.Since(start); took != progressFlush {
			t.Errorf("waited %v", took)
		}
		time.Sleep(2 * s.wait) // the sender stops waiting
	})
}

// If the caller is gone, nothing more is sent.
func TestGoneCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sink{err: errors.New("gone")}
		r := newReporter(json.RawMessage(`"t"`), s.send)
		for i := range 5 {
			r.report(executors.Progress{Done: float64(i + 1)})
			time.Sleep(time.Second)
		}
		r.close()
		if len(s.sent) != 1 {
			t.Errorf("%d sent", len(s.sent))
		}
	})
}
