package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store"
)

const (
	// leastTail is the number of transitions that a tail keeps at least. Twice as many
	// are kept at most, so that they are seldom moved.
	leastTail = 8_000
	// tailFor is how long a tail is kept that nobody reads.
	tailFor = 30 * time.Second
)

// tail keeps the latest transitions of a live run in memory, while someone follows
// its events: reading each of them from the store would cost more than the run. It
// is safe for concurrent use.
type tail struct {
	mu   sync.Mutex
	on   bool
	from int64 // transitions with larger numbers are kept
	list []store.Transition
	read time.Time
}

// begin keeps the transitions after one, unless that is done already.
func (t *tail) begin(seq int64, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.read = now; !t.on {
		t.on, t.from = true, seq
	}
}

// add keeps transitions, without their results.
func (t *tail) add(list []store.Transition, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.on {
		return
	}
	if now.Sub(t.read) > tailFor {
		t.on, t.list = false, nil
		return
	}
	for i := range list {
		t.list = append(t.list, list[i])
		t.list[len(t.list)-1].Result = nil
	}
	if over := len(t.list) - leastTail; over >= leastTail {
		t.from = t.list[over-1].Seq
		t.list = slices.Delete(t.list, 0, over)
	}
}

// after returns the transitions after one. ok is false if not all of them are kept.
func (t *tail) after(seq int64) (list []store.Transition, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.on || seq < t.from {
		return nil, false
	}
	skip := len(t.list)
	for skip > 0 && t.list[skip-1].Seq > seq {
		skip--
	}
	return append(list, t.list[skip:]...), true
}

// recent returns the events of a live run after one, as far as they are on record.
// ok is false if they have to be read from the store.
func (r *Engine) recent(ctx context.Context, runID, principal string, after int64) (events []chain.Event, ok bool) {
	x := r.liveRun(runID)
	if x == nil || x.elsewhere || x.row.Principal != principal {
		return nil, false
	}
	sent, flushed := int64(0), make(chan struct{})
	if !x.inbox.post(func() {
		x.recorder.flushNow(x.now)
		sent = x.recorder.sent
		x.recorder.tail.begin(sent, x.now)
		close(flushed)
	}) {
		return nil, false
	}
	select {
	case <-flushed:
	case <-x.done:
		return nil, false
	}
	if x.recorder.acks.awaitFor(ctx, sent) != nil {
		return nil, false
	}
	list, ok := x.recorder.tail.after(after)
	if !ok {
		return nil, false
	}
	events = make([]chain.Event, 0, len(list))
	for i := range list {
		if list[i].Seq <= sent {
			events = append(events, eventOf(x.row, &list[i]))
		}
	}
	return events, true
}
