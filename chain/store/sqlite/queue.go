package sqlite

import (
	"sync"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

const (
	// fullBytes is how much may be queued before add blocks.
	fullBytes = 64 << 20
	// eagerBytes and eagerOps end the delay early.
	eagerBytes = 1 << 20
	eagerOps   = 1_000
)

// op is one write: a call that has ended, or a function. apply runs inside a
// transaction, and may run again after a rollback.
type op struct {
	call  *store.Run
	apply func(*writer) error
	done  func(error)
	bytes int
}

// queue holds the ops that wait for the writer.
type queue struct {
	mu      sync.Mutex
	space   sync.Cond // signalled when there is room again
	ops     []op
	bytes   int
	urgent  bool // a caller waits for an op in the queue
	closed  bool
	working bool // the writer is writing ops
	// wake wakes the writer. Its capacity is 1.
	wake chan struct{}
	// since is when the first of the delayed ops was added.
	since time.Time
}

func (q *queue) init() {
	q.space.L = &q.mu
	q.wake = make(chan struct{}, 1)
}

// add queues an op. An op that may be delayed does not wake the writer at once.
func (q *queue) add(o op, linger bool) error {
	q.mu.Lock()
	for q.bytes > fullBytes && !q.closed {
		q.space.Wait()
	}
	if q.closed {
		q.mu.Unlock()
		return store.ErrClosed
	}
	first := len(q.ops) == 0
	if first {
		q.since = time.Now()
	}
	q.ops = append(q.ops, o)
	q.bytes += o.bytes
	urgent := !linger || q.bytes > eagerBytes || len(q.ops) > eagerOps
	signal := first || urgent && !q.urgent
	q.urgent = q.urgent || urgent
	q.mu.Unlock()
	if signal {
		q.signal()
	}
	return nil
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take returns the queued ops if they are due, else how long they may still be
// delayed (0: until the writer is woken). closed means that no more will come.
func (q *queue) take(linger time.Duration) (ops []op, wait time.Duration, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.working = false
	if len(q.ops) == 0 {
		return nil, 0, q.closed
	}
	if wait = linger - time.Since(q.since); wait > 0 && !q.urgent && !q.closed {
		return nil, wait, false
	}
	ops = q.ops
	q.ops, q.bytes, q.urgent, q.working = nil, 0, false, true
	q.space.Broadcast()
	return ops, 0, false
}

// fail fails all queued ops.
func (q *queue) fail(err error) {
	q.mu.Lock()
	ops := q.ops
	q.ops, q.bytes, q.urgent = nil, 0, false
	q.space.Broadcast()
	q.mu.Unlock()
	for _, o := range ops {
		o.done(err)
	}
}

// idle reports whether all ops are written.
func (q *queue) idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.ops) == 0 && !q.working
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.space.Broadcast()
	q.mu.Unlock()
	q.signal()
}
