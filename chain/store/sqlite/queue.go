package sqlite

import (
	"sync"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

const (
	// fullBytes is how much may wait before those who add must wait too.
	fullBytes = 64 << 20
	// eagerBytes and eagerOps end the lingering early.
	eagerBytes = 1 << 20
	eagerOps   = 1_000
)

// op is one thing to write. apply runs inside a transaction and may run a
// second time, after a rollback.
type op struct {
	apply func(*writer) error
	done  func(error)
	bytes int
}

// queue is what waits for the writer.
type queue struct {
	mu      sync.Mutex
	space   sync.Cond // there may be room again
	ops     []op
	bytes   int
	hurry   bool // someone waits for what is in the queue
	closed  bool
	working bool // the writer has taken ops and is not through with them
	// wake tells the writer that something changed: it has room for one.
	wake chan struct{}
	// since is when the first of the ops that linger came.
	since time.Time
}

func (q *queue) init() {
	q.space.L = &q.mu
	q.wake = make(chan struct{}, 1)
}

// add queues an op; one that may linger does not wake the writer at once.
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
	hurry := !linger || q.bytes > eagerBytes || len(q.ops) > eagerOps
	signal := first || hurry && !q.hurry
	q.hurry = q.hurry || hurry
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

// take hands over what waits once it is due, else says how long it may still
// linger (0: until woken). closed means that nothing more will come.
func (q *queue) take(linger time.Duration) (ops []op, wait time.Duration, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.working = false
	if len(q.ops) == 0 {
		return nil, 0, q.closed
	}
	if wait = linger - time.Since(q.since); wait > 0 && !q.hurry && !q.closed {
		return nil, wait, false
	}
	ops = q.ops
	q.ops, q.bytes, q.hurry, q.working = nil, 0, false, true
	q.space.Broadcast()
	return ops, 0, false
}

// fail answers what waits with an error.
func (q *queue) fail(err error) {
	q.mu.Lock()
	ops := q.ops
	q.ops, q.bytes, q.hurry = nil, 0, false
	q.space.Broadcast()
	q.mu.Unlock()
	for _, o := range ops {
		o.done(err)
	}
}

// idle says that everything that was added has been written.
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
