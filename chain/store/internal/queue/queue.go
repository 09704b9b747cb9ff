// Package queue holds the writes that wait for the one goroutine of a store that
// writes. They share one transaction, and so one flush to disk.
package queue

import (
	"sync"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

const (
	// fullBytes is how much may be queued before Add blocks.
	fullBytes = 64 << 20
	// eagerBytes and eagerOps end the delay early.
	eagerBytes = 1 << 20
	eagerOps   = 1_000

	// Old records are removed some time after the start, then every hour and
	// after every purgeBytes, in small pieces. The pauses between them are as
	// long, up to purgeAgain, so that writes go on.
	purgeFirst = 10 * time.Second
	purgeEvery = time.Hour
	purgeBytes = 16 << 20
	purgeAgain = 20 * time.Millisecond
)

// Op is one write. Done is called once, when it is durable or has failed.
type Op[W any] struct {
	Write W
	Done  func(error)
	// Bytes is its size, about.
	Bytes int
}

// Queue holds the ops that wait for the writer. New makes one.
type Queue[W any] struct {
	mu      sync.Mutex
	space   sync.Cond // signalled when there is room again
	ops     []Op[W]
	bytes   int
	urgent  bool // a caller waits for an op in the queue
	closed  bool
	working bool // the writer is writing ops
	wake    chan struct{}
	// since is when the first of the delayed ops was added.
	since time.Time
}

// New returns an empty queue.
func New[W any]() *Queue[W] {
	q := &Queue[W]{wake: make(chan struct{}, 1)}
	q.space.L = &q.mu
	return q
}

// Add queues an op. One that may linger does not wake the writer at once.
func (q *Queue[W]) Add(o Op[W], linger bool) error {
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
	q.bytes += o.Bytes
	urgent := !linger || q.bytes > eagerBytes || len(q.ops) > eagerOps
	signal := first || urgent && !q.urgent
	q.urgent = q.urgent || urgent
	q.mu.Unlock()
	if signal {
		q.signal()
	}
	return nil
}

func (q *Queue[W]) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Write commits what is queued until the queue is closed. An op may wait for as
// long as linger, to be committed with others. purge removes some of the old
// records and reports whether it did; it is called from time to time.
func (q *Queue[W]) Write(linger time.Duration, commit func([]Op[W]), purge func() (removed bool)) {
	purgeAt, written := time.Now().Add(purgeFirst), 0
	timer := time.NewTimer(purgeFirst)
	defer timer.Stop()
	for {
		until := time.Until(purgeAt)
		if until <= 0 {
			begun, next := time.Now(), purgeEvery
			if purge() {
				next = min(time.Since(begun), purgeAgain)
			}
			purgeAt, written, until = time.Now().Add(next), 0, next
		}
		ops, wait, closed := q.take(linger)
		switch {
		case closed:
			return
		case ops != nil:
			for i := range ops {
				written += ops[i].Bytes
			}
			if written >= purgeBytes {
				written, purgeAt = 0, time.Now()
			}
			commit(ops)
			continue
		}
		if wait == 0 || until < wait {
			wait = until
		}
		timer.Reset(wait)
		select {
		case <-q.wake:
		case <-timer.C:
		}
	}
}

// take returns the queued ops if they are due, else how long they may still be
// delayed (0: until the writer is woken). closed means that no more will come.
func (q *Queue[W]) take(linger time.Duration) (ops []Op[W], wait time.Duration, closed bool) {
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

// Fail fails all queued ops.
func (q *Queue[W]) Fail(err error) {
	q.mu.Lock()
	ops := q.ops
	q.ops, q.bytes, q.urgent = nil, 0, false
	q.space.Broadcast()
	q.mu.Unlock()
	for _, o := range ops {
		o.Done(err)
	}
}

// Idle reports whether all ops are written.
func (q *Queue[W]) Idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.ops) == 0 && !q.working
}

// Close lets the writer write what is queued, and refuses more.
func (q *Queue[W]) Close() {
	q.mu.Lock()
	q.closed = true
	q.space.Broadcast()
	q.mu.Unlock()
	q.signal()
}

// RunBytes is the size of a run in a queue, about.
func RunBytes(run *store.Run) int {
	n := 300 + len(run.Tree) + len(run.Inputs) + 100*len(run.Tasks)
	if run.Outcome != nil {
		n += len(run.Outcome.Result)
	}
	return n
}

// BatchBytes is the size of a batch in a queue, about.
func BatchBytes(batch *store.Batch) int {
	n := 0
	for i := range batch.Transitions {
		n += 200 + len(batch.Transitions[i].Result)
	}
	return n
}

// LogBytes is the size of parts of logs in a queue, about.
func LogBytes(parts []store.LogPart) int {
	n := 0
	for i := range parts {
		n += 100 + len(parts[i].Text)
	}
	return n
}
