package mcp

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
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
	said []string
	wait time.Duration
	err  error
}

func (s *sink) send(message []byte) error {
	var notification struct {
		Params struct {
			Token    string  `json:"progressToken"`
			Progress float64 `json:"progress"`
			Total    float64 `json:"total"`
			Message  string  `json:"message"`
		} `json:"params"`
	}
	if err := json.Unmarshal(message, &notification); err != nil || notification.Params.Token != "t" {
		return errors.New("not a notification with the token")
	}
	time.Sleep(s.wait)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at, s.sent = append(s.at, time.Now()), append(s.sent, notification.Params.Progress)
	s.said = append(s.said, notification.Params.Message)
	if total := notification.Params.Total; total > 0 && notification.Params.Progress > total {
		return errors.New("more than the total")
	}
	return s.err
}

// If a call reports without pause, its caller receives ten notifications per
// second, in increasing order, and always the last one.
func TestProgressIsCoalesced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		r := newReporter(json.RawMessage(`"t"`), "running x", s.send)
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
		r := newReporter(json.RawMessage(`"t"`), "running x", s.send)
		r.report(executors.Progress{Done: 1})
		r.report(executors.Progress{Done: 2})
		r.close()
		if n := len(s.sent); n == 0 || s.sent[n-1] != 2 {
			t.Fatalf("got %v", s.sent)
		}
	}
}

// While a call reports nothing, its caller hears what it is doing at least every
// ten seconds. The count grows by a fraction and never reaches the next number.
func TestSignsOfLife(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		report []executors.Progress
		below  float64
		first  string
		last   string
	}{
		"nothing":              {nil, 1, "running x for 2 s", "running x for 60 min"},
		"a message":            {[]executors.Progress{{Message: "running sleep"}}, 1, "running sleep for 1 s", "running sleep for 60 min"},
		"another message":      {[]executors.Progress{{Message: "waiting 12 s before attempt 2 of 3"}}, 1, "waiting 12 s before attempt 2 of 3", "waiting 12 s before attempt 2 of 3; 60 min so far"},
		"a count":              {[]executors.Progress{{Done: 3, Total: 9, Message: "at 3"}}, 4, "at 3", "at 3; 60 min so far"},
		"the whole count":      {[]executors.Progress{{Done: 9, Total: 9, Message: "at 9"}}, 10, "at 9", "at 9; 60 min so far"},
		"a fraction":           {[]executors.Progress{{Done: 0.5, Total: 1}}, 1, "", "running x for 60 min"},
		"a large count":        {[]executors.Progress{{Done: 1e9}}, 1e9 + 1, "", "running x for 60 min"},
		"a count and a line":   {[]executors.Progress{{Done: 1, Message: "one"}, {Done: 1, Message: "two"}}, 2, "one", "two; 60 min so far"},
		"a count that is less": {[]executors.Progress{{Done: 2, Message: "two"}, {Done: 1, Message: "one"}}, 3, "two", "one; 60 min so far"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &sink{}
				r := newReporter(json.RawMessage(`"t"`), "running x", s.send)
				for _, p := range c.report {
					r.report(p)
					synctest.Wait()
				}
				time.Sleep(time.Hour + 15*time.Second)
				r.close()
				n := len(s.sent)
				if n < 360 || n > 400 || s.said[0] != c.first || s.said[n-1] != c.last {
					t.Fatalf("%d notifications, %q to %q", n, s.said[0], s.said[n-1])
				}
				for i := 1; i < n; i++ {
					if s.sent[i] <= s.sent[i-1] || s.sent[i] >= c.below {
						t.Fatalf("%v came after %v", s.sent[i], s.sent[i-1])
					}
					if gap := s.at[i].Sub(s.at[i-1]); gap > laterBeats+progressInterval {
						t.Errorf("silent for %v", gap)
					}
				}
			})
		})
	}
}

// Lines without a count are sent once a second, and the last one is not lost.
func TestMessagesAreCoalesced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		r := newReporter(json.RawMessage(`"t"`), "running x", s.send)
		for i := range 300 {
			r.report(executors.Progress{Message: strconv.Itoa(i)})
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(messageInterval)
		r.close()
		if n := len(s.said); n < 3 || n > 4 || s.said[n-1] != "299" {
			t.Errorf("got %q", s.said)
		}
	})
}

// A call that ends soon sends nothing that it did not report.
func TestQuickCallsAreSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		r := newReporter(json.RawMessage(`"t"`), "running x", s.send)
		r.report(executors.Progress{Message: "running sleep"})
		time.Sleep(messageInterval / 2)
		r.close()
		time.Sleep(time.Minute)
		if len(s.said) > 0 {
			t.Errorf("got %q", s.said)
		}
	})
}

func FuzzNudged(f *testing.F) {
	f.Add(0.0)
	f.Add(0.999999999)
	f.Add(1e15)
	f.Add(-1.5)
	f.Fuzz(func(t *testing.T, count float64) {
		if next := nudged(count); next < count || next > count && next >= math.Floor(count)+1 {
			t.Errorf("%v after %v", next, count)
		}
	})
}

// Values that do not increase are left out, as the protocol requires.
func TestProgressGrows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		r := newReporter(json.RawMessage(`"t"`), "running x", s.send)
		for _, done := range []float64{3, 3, 2, 1} {
			r.report(executors.Progress{Done: done})
			time.Sleep(time.Second)
		}
		r.close()
		r.report(executors.Progress{Done: 9})
		synctest.Wait()
		for i, sent := range s.sent {
			if i == 0 && sent != 3 || i > 0 && (sent <= s.sent[i-1] || sent > 3.1) {
				t.Errorf("got %v", s.sent)
			}
		}
	})
}

// If the caller reads slowly, its reply waits no longer than the limit.
func TestSlowCallerHoldsNothingUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &sink{wait: time.Hour}
		r := newReporter(json.RawMessage(`"t"`), "running x", s.send)
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
		r := newReporter(json.RawMessage(`"t"`), "running x", s.send)
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
