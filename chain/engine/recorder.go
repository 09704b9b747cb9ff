package engine

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store"
)

// countsEvery is how often the counts of a run are written for readers in other
// processes.
const countsEvery = 200 * time.Millisecond

// recorder numbers the transitions of a run and appends them to the store in
// batches. It belongs to the scheduler; acks may be used by others.
type recorder struct {
	store    store.Store
	row      *store.Run
	progress *progress
	acks     acks
	tail     tail

	seq       int64
	sent      int64 // the number of the last transition that was appended
	bytes     int   // of the results in the batch
	batch     []store.Transition
	urgent    bool // something waits for the batch, so that the store must not delay it
	countedAt time.Time
	// durable is the number of the last transition that is stored, and broken
	// is why no more are, as the scheduler has seen acks last.
	durable int64
	broken  error

	final   int64 // the number of the run's last transition here; 0: not recorded yet
	release bool  // it leaves the run without an owner, until wake
	wake    time.Time
	queued  bool // it is queued then
	status  chain.State
	problem *store.Problem
}

func (r *recorder) init(s store.Store, row *store.Run, p *progress, notify func()) {
	r.store, r.row, r.progress, r.seq, r.sent = s, row, p, row.Seq, row.Seq
	r.acks.changed.L = &r.acks.mu
	r.acks.durable, r.acks.notify = row.Seq, notify
}

// add numbers a transition and adds it to the batch. It returns the number.
func (r *recorder) add(t store.Transition) int64 {
	r.seq++
	t.Seq = r.seq
	if t.Task >= 0 && t.Element == 0 {
		r.progress.set(t.Task, chain.State(t.State))
	}
	r.batch = append(r.batch, t)
	r.bytes += len(t.Result)
	return r.seq
}

// conclude adds the end of the run, with its encoded outputs.
func (r *recorder) conclude(status chain.State, problem *store.Problem, outputs []byte, at time.Time) {
	r.status, r.problem, r.urgent = status, problem, true
	r.final = r.add(store.Transition{Task: -1, State: string(status), At: at, Problem: problem, Result: outputs, Size: len(outputs)})
}

// leave leaves the run to others. It may be claimed from wake on; zero: at once.
func (r *recorder) leave(wake, at time.Time) {
	r.release, r.wake, r.urgent = true, wake, true
	r.final = r.add(store.Transition{Task: -1, State: string(chain.InProgress), At: at})
}

// enqueue leaves the run to the queue.
func (r *recorder) enqueue(at time.Time) {
	r.queued = true
	r.leave(time.Time{}, at)
}

// concluded reports whether the end of the run, or its release, is stored.
func (r *recorder) concluded() bool { return r.final > 0 && r.durable >= r.final }

// largeBatch is how many bytes of results a batch may hold while the one before
// is being written.
const largeBatch = 1 << 20

// flush appends the batch to the store when the one before is stored: until then
// it would only wait there. Starts alone are not flushed at once: they go with an
// end, when someone waits for them or reads the run, or with the watcher.
func (r *recorder) flush(now time.Time) {
	if r.refresh(); r.sent > r.durable && r.broken == nil && r.bytes < largeBatch {
		r.urgent = r.urgent || len(r.batch) > 0 // it follows the one before
		return
	}
	r.flushNow(now)
}

// flushNow appends the batch to the store. It appends nothing after a batch that
// could not be stored: what follows is that the run is stopped here, which must not
// be on record when it goes on.
func (r *recorder) flushNow(now time.Time) {
	if r.refresh(); len(r.batch) == 0 || r.broken != nil {
		return
	}
	b := &store.Batch{RunID: r.row.ID, Owner: r.row.Owner, Epoch: r.row.Epoch, Transitions: r.batch, Behind: !r.urgent}
	if r.final > 0 || now.Sub(r.countedAt) >= countsEvery {
		b.Counts = r.progress.stored()
		r.countedAt = now
	}
	switch {
	case r.release:
		b.Release, b.Wake = true, r.wake
		if r.queued {
			b.Status = string(chain.Queued)
		}
	case r.final > 0:
		b.Status, b.CompletedAt, b.Problem = string(r.status), now, r.problem
	}
	r.batch, r.bytes, r.urgent = make([]store.Transition, 0, len(r.batch)), 0, false
	seq := r.seq
	r.sent = seq
	r.tail.add(b.Transitions, now)
	r.acks.expected.Store(true)
	r.store.Append(b, func(err error) { r.acks.add(seq, err) })
	r.acks.expected.Store(false)
	r.refresh()
}

// refresh reads what the store has acknowledged.
func (r *recorder) refresh() {
	r.acks.mu.Lock()
	defer r.acks.mu.Unlock()
	r.durable = r.acks.durable
	if r.broken == nil {
		r.broken = r.acks.broken
	}
}

// fail appends the failure of a run whose records could not be stored, in case
// the store works again.
func (r *recorder) fail(problem *store.Problem) {
	r.seq++
	now := time.Now()
	r.store.Append(&store.Batch{
		RunID: r.row.ID, Owner: r.row.Owner, Epoch: r.row.Epoch, Status: string(chain.Failed), Problem: problem, CompletedAt: now, Counts: r.progress.stored(),
		Transitions: []store.Transition{{Seq: r.seq, Task: -1, State: string(chain.Failed), At: now, Problem: problem}},
	}, func(error) {})
}

// acks are what the store has acknowledged. It may be used from any goroutine.
type acks struct {
	mu      sync.Mutex
	changed sync.Cond
	durable int64 // the number of the last transition that is stored
	broken  error // why no more of them are
	// expected means that the scheduler reads acks as soon as Append returns,
	// so that it need not be woken.
	expected atomic.Bool
	notify   func()
}

// add notes that the transitions up to a number are stored, or why not.
func (a *acks) add(seq int64, err error) {
	a.mu.Lock()
	if err != nil && a.broken == nil {
		a.broken = err
	}
	if a.broken == nil {
		a.durable = max(a.durable, seq)
	}
	a.changed.Broadcast()
	a.mu.Unlock()
	if !a.expected.Load() {
		a.notify()
	}
}

// has reports whether a transition is stored.
func (a *acks) has(seq int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.durable >= seq
}

// await waits until a transition is stored.
func (a *acks) await(seq int64) error { return a.awaitFor(context.Background(), seq) }

// awaitFor is await until ctx ends.
func (a *acks) awaitFor(ctx context.Context, seq int64) error {
	defer context.AfterFunc(ctx, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.changed.Broadcast()
	})()
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.durable < seq && a.broken == nil && ctx.Err() == nil {
		a.changed.Wait()
	}
	if a.broken == nil && a.durable < seq {
		return ctx.Err()
	}
	return a.broken
}
