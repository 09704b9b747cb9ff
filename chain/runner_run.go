package chain

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// countsEvery is how often the counts of a run are written for readers in
// other processes.
const countsEvery = 200 * time.Millisecond

// errInside is the failure of a run that is our own fault.
var errInside = errors.New("internal error; the program's log has more")

// run drives one run. Whoever has the turn owns everything here; workers, the
// store and callers talk to it through the inbox.
//
// The order is always the same: what ended is recorded, the records are made
// durable, then the plan hears of it and tasks that follow may start. Tasks
// that don't depend on each other never wait for the store.
type run struct {
	runner *Runner
	row    *store.Run
	tree   *Tree
	inputs map[string]any
	plan   *Plan
	base   context.Context // of all workers
	max    int
	nested bool
	inbox  inbox
	turns  sync.Mutex
	over   bool
	done   chan struct{}

	tasks  []taskRun
	shown  []atomic.Uint32 // recorded states; readers look at them too
	counts [len(states)]atomic.Int64
	note   atomic.Pointer[string]

	mail      mail
	durable   int64 // the number of the last transition known to be stored
	broken    error // why no more of them are
	seq       int64
	batch     []store.Transition
	hurry     bool  // someone waits for something in the batch
	ends      []end // recorded, not yet told to the plan
	countedAt time.Time
	now       time.Time

	workers    []*worker
	idle       []*worker
	launched   []launch
	flying     int
	parked     []*parking
	expansions []*expansion
	process    *share
	principal  *share            // nil: no bound
	shares     map[string]*share // by executor; nil: no bound
	bounded    []*share

	halted    error    // why the run as a whole was stopped
	unstopped []string // tasks that did not stop in time
	final     int64    // the number of the run's last transition, once recorded
	waiters   []*waiter
	first     func() // what to do before anything else
}

// taskRun is what a run knows of one task.
type taskRun struct {
	share    *share
	each     *expansion
	stop     error // why it was told to stop
	checked  bool  // its condition holds
	started  time.Time
	startSeq int64
	attempts int

	mu      sync.Mutex // guards what follows: workers read it
	err     *executors.Error
	readers int // tasks that may still read the result
	result  json.RawMessage
	loaded  bool // result is here, not only in the store
	view    map[string]any
	viewAll bool // view has the result
}

type end struct {
	seq   int64
	task  int
	state State
}

// waiter is told when none of its tasks goes on any more.
type waiter struct {
	tasks []int
	done  chan struct{}
	// unstopped, once done, are the tasks that have not stopped.
	unstopped []string
}

func newRun(r *Runner, row *store.Run, tree *Tree, inputs map[string]any, states []State) *run {
	x := &run{
		runner: r, row: row, tree: tree, inputs: inputs,
		plan: ResumePlan(tree, row.OnFailure, states),
		max:  row.MaxParallel,
		done: make(chan struct{}),
		seq:  row.Seq, now: time.Now(),
		tasks:  make([]taskRun, len(tree.Tasks)),
		shown:  make([]atomic.Uint32, len(tree.Tasks)),
		shares: map[string]*share{},
	}
	x.process = x.newShare(r.process)
	x.inbox.init()
	x.inbox.durable = row.Seq
	for i := range tree.Tasks {
		t, at := &tree.Tasks[i], &x.tasks[i]
		at.share = x.shareOf(t.Executor)
		state := Pending
		if states != nil {
			state = states[i]
		}
		x.shown[i].Store(uint32(index(state)))
		x.counts[index(state)].Add(1)
		for _, d := range t.Dependencies {
			if !state.Ended() {
				x.tasks[d.Task].readers++
			}
		}
	}
	return x
}

// shareOf is the run's side of an executor's bound; nil where it has none.
func (x *run) shareOf(executor string) *share {
	if s, known := x.shares[executor]; known {
		return s
	}
	var s *share
	if b := x.runner.limits[executor]; b != nil {
		s = x.newShare(b)
		x.bounded = append(x.bounded, s)
	}
	x.shares[executor] = s
	return s
}

func (x *run) newShare(b *bound) *share {
	s := &share{bound: b, who: x.row.Principal}
	s.granted = func() { x.inbox.grant(s) }
	return s
}

// record numbers a transition and queues it for the store.
func (x *run) record(t store.Transition) int64 {
	x.seq++
	t.Seq = x.seq
	if t.At.IsZero() {
		t.At = x.now
	}
	if t.Task >= 0 {
		to := uint32(index(State(t.State)))
		if from := x.shown[t.Task].Swap(to); from != to {
			x.counts[from].Add(-1)
			x.counts[to].Add(1)
		}
	}
	x.batch = append(x.batch, t)
	return x.seq
}

// follow records the moves that the plan made by itself: what was skipped,
// and what was cancelled for the given cause.
func (x *run) follow(cause error) {
	for _, c := range x.plan.Changes() {
		if x.shown[c.Task].Load() == uint32(index(c.To)) {
			continue // recorded when it happened
		}
		t := store.Transition{Task: c.Task, State: string(c.To), Attempt: x.tasks[c.Task].attempts}
		if c.To == Skipped {
			t.Skip = &store.Skip{Reason: c.Reason, By: c.BlockedBy, Roots: c.Roots}
		}
		var err *executors.Error
		if c.To == Cancelled {
			err = stopError(cause)
			t.Problem = problemOf(err)
		}
		x.record(t)
		x.keep(c.Task, executors.Outcome{Err: err})
		x.forget(c.Task)
	}
}

// flush hands what was recorded to the store. Starts alone wait for company:
// an end, someone who waits for them or reads the run, or the watcher.
func (x *run) flush() {
	if len(x.batch) == 0 {
		return
	}
	b := &store.Batch{RunID: x.row.ID, Owner: x.row.Owner, Transitions: x.batch, Behind: !x.hurry}
	if x.final > 0 || x.now.Sub(x.countedAt) >= countsEvery {
		b.Counts = x.storedCounts()
		x.countedAt = x.now
	}
	if x.final > 0 {
		b.Status, b.CompletedAt, b.Problem = string(x.status()), x.now, x.problem()
	}
	x.batch, x.hurry = make([]store.Transition, 0, len(x.batch)), false
	seq := x.seq
	x.inbox.appending.Store(true)
	x.runner.opts.Store.Append(b, func(err error) { x.inbox.stored(seq, err) })
	x.inbox.appending.Store(false)
	x.durable, x.broken = x.inbox.state()
}

// conclude records the end of the run.
func (x *run) conclude() {
	x.hurry = true
	x.final = x.record(store.Transition{Task: -1, State: string(x.status()), Problem: x.problem()})
}

// status is how the run has ended.
func (x *run) status() State {
	if x.halted == errInterrupted || x.halted == errStore {
		return Failed
	}
	return x.plan.Status()
}

// problem is what went wrong with the run as a whole.
func (x *run) problem() *store.Problem {
	if x.halted == errInterrupted {
		p := problemOf(stopError(errInterrupted))
		p.Hint = hintRetry
		return p
	}
	return nil
}

// sync has everything handed to the store that has happened until now.
func (x *run) sync() {
	done := make(chan struct{})
	if x.inbox.ask(func() { x.flush(); close(done) }) {
		select {
		case <-done:
		case <-x.done:
		}
	}
}

func (x *run) storedCounts() map[string]int {
	c := make(map[string]int, len(states))
	for i, s := range states {
		if n := x.counts[i].Load(); n > 0 {
			c[string(s)] = int(n)
		}
	}
	return c
}
