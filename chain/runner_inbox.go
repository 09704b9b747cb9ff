package chain

import (
	"sync"
	"sync/atomic"
)

// inbox is how everyone else talks to whoever drives a run. Adding never
// blocks.
type inbox struct {
	mu      sync.Mutex
	changed sync.Cond // durable or broken has moved
	wake    chan struct{}
	closed  bool
	mail
	// durable is the number of the last transition that is stored, broken
	// why no more of them are.
	durable int64
	broken  error
	// appending: whoever has the turn is about to look at durable.
	appending atomic.Bool
}

// mail is what an inbox holds.
type mail struct {
	reports []report
	grants  []*share
	asks    []func()
}

func (b *inbox) init() {
	b.changed.L = &b.mu
	b.wake = make(chan struct{}, 1)
}

// report hands in the end of a unit of work, and wakes nobody up; false once
// the run is over.
func (b *inbox) report(r report) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.reports = append(b.reports, r)
	return true
}

// ask has whoever drives the run call fn; false once it is over.
func (b *inbox) ask(fn func()) bool {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return false
	}
	b.asks = append(b.asks, fn)
	b.mu.Unlock()
	b.signal()
	return true
}

// grant notes that a permit has come.
func (b *inbox) grant(s *share) {
	b.mu.Lock()
	b.grants = append(b.grants, s)
	b.mu.Unlock()
	b.signal()
}

// stored notes that the transitions up to a number are durable, or why not.
func (b *inbox) stored(seq int64, err error) {
	b.mu.Lock()
	if err != nil && b.broken == nil {
		b.broken = err
	}
	if b.broken == nil {
		b.durable = max(b.durable, seq)
	}
	b.changed.Broadcast()
	b.mu.Unlock()
	if !b.appending.Load() {
		b.signal()
	}
}

// state is how far the store is, and why it gets no further.
func (b *inbox) state() (durable int64, broken error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.durable, b.broken
}

// more says that there is something to handle, for whoever has handled what
// was durable up to a number.
func (b *inbox) more(handled int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.reports) > 0 || len(b.asks) > 0 || len(b.grants) > 0 || b.durable > handled
}

// has says that a transition is durable.
func (b *inbox) has(seq int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.durable >= seq
}

// awaitStored waits until a transition is durable.
func (b *inbox) awaitStored(seq int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.durable < seq && b.broken == nil {
		b.changed.Wait()
	}
	return b.broken
}

func (b *inbox) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take gives what is there, in exchange for an empty mail to fill.
func (b *inbox) take(empty mail) (m mail, durable int64, broken error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m = b.mail
	b.mail = mail{empty.reports[:0], empty.grants[:0], empty.asks[:0]}
	return m, b.durable, b.broken
}

// close takes no more, and gives what is left.
func (b *inbox) close() mail {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	m := b.mail
	b.mail = mail{}
	return m
}
