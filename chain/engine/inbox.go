package engine

import (
	"sync"

	"github.com/chainwright/chainwright/chain/limit"
)

// inbox is how workers, the limiters and callers send messages to the scheduler
// of a run. Adding a message never blocks.
type inbox struct {
	mu     sync.Mutex
	wake   chan struct{} // wakes the scheduler
	closed bool
	messages
}

// messages are what an inbox holds.
type messages struct {
	reports  []report
	grants   []*limit.Share
	requests []func()
}

// report adds the end of a unit of work, without waking the scheduler. It
// returns false if the run is over.
func (b *inbox) report(r report) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.reports = append(b.reports, r)
	return true
}

// post has the scheduler call fn. It returns false if the run is over.
func (b *inbox) post(fn func()) bool {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return false
	}
	b.requests = append(b.requests, fn)
	b.mu.Unlock()
	b.signal()
	return true
}

// grant adds the grant of a permit.
func (b *inbox) grant(s *limit.Share) {
	b.mu.Lock()
	b.grants = append(b.grants, s)
	b.mu.Unlock()
	b.signal()
}

// signal wakes the scheduler.
func (b *inbox) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// empty reports whether there are no messages.
func (b *inbox) empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.reports) == 0 && len(b.requests) == 0 && len(b.grants) == 0
}

// take returns the messages, and keeps the slices of old ones to fill.
func (b *inbox) take(old messages) messages {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.messages
	b.messages = messages{old.reports[:0], old.grants[:0], old.requests[:0]}
	return m
}

// close accepts no more messages and returns the remaining ones.
func (b *inbox) close() messages {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	m := b.messages
	b.messages = messages{}
	return m
}
