package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// errInside is the failure of a run because of a defect of this program.
var errInside = errors.New("internal error; the program's log has more")

// run is a live run: its parts, and the scheduler that moves them. Only one
// goroutine at a time has the turn, that is, runs the scheduler; workers, the
// store, the limiters and callers send it messages through the inbox. What is
// safe without the turn says so.
//
// The order is always the same: the end of a task is recorded, the record is made
// durable, then the plan is told and the tasks that depend on it may start. Tasks
// that do not depend on each other never wait for the store.
type run struct {
	engine *Engine
	row    *store.Run
	tree   *chain.Tree
	plan   *chain.Plan

	inbox    inbox         // safe
	progress *progress     // safe
	results  results       // safe
	logged   atomic.Int64  // bytes that its logs keep, about; safe
	done     chan struct{} // closed at the end; safe
	turns    sync.Mutex    // held by the goroutine that has the turn

	recorder recorder
	shares   shares
	backlog  backlog
	pool     pool
	tasks    []taskRun
	base     context.Context // of the calls
	span     trace.Span      // nil: telemetry is off
	nested   bool            // it was started from inside a task
	outer    func()          // has that task give back its permits; nil: it holds none
	gaveBack bool            // it was called
	counted  bool            // runQueue counts it as in progress; guarded by Engine.mu
	weight   int             // for how many tasks
	// outermost is the id of this run, or of the run whose task started it,
	// directly or through others.
	outermost string
	// ownedAt is when the store gave the run to this process; guarded by Engine.mu.
	ownedAt time.Time

	messages  messages
	now       time.Time
	ends      []end    // recorded; the plan is not told yet
	halted    error    // why the whole run was stopped
	unstopped []string // tasks that did not stop in time
	waiters   []*waiter
	asked     map[int]*asked // the questions of tasks that wait, by task
	asking    atomic.Int64   // their number; safe
	expiries  sync.WaitGroup // records that questions timed out
	idle      time.Time      // since when it does nothing but wait
	first     func()         // what to do before anything else
	ending    bool           // its outputs are being evaluated
	adopted   bool           // it goes on by itself in this process: nobody asked for a retry
	elsewhere bool           // another engine drives it, and this one does single steps
	closing   bool           // the engine is closed: nothing more starts
	// refused is why a run is ended that must not go on here.
	refused *store.Problem
	over    bool

	// Of a run with handlers: evaluating means that its outputs are being
	// evaluated, outcome is how its tasks ended, and earlier is that of a run
	// which is continued.
	evaluating       bool
	outcome, earlier *outcome
	skipHandlers     bool // a caller cancelled the run that is continued
}

// taskRun is what the scheduler knows of a task.
type taskRun struct {
	each     *expansion
	stop     error // why it was told to stop
	checked  bool  // its condition holds
	started  time.Time
	startSeq int64 // the transition that started it
	attempts int
	past     past
	answered *store.Answer // the answer to its question
}

// past is what the record of a run that was taken over says of a task.
type past struct {
	generation int
	since      int64 // the transition that started the generation
	reopened   int64 // the transition with which a retry opened it last
	recorded   bool  // elements have transitions in this generation
	// doubt means that it was in progress when its process was lost, so that it
	// may have had its effect; next is when the attempt after a failed one is
	// to start.
	doubt bool
	next  time.Time
}

// end is the recorded end of a task.
type end struct {
	seq   int64
	task  int
	state chain.State
}

// waiter waits for the end of tasks.
type waiter struct {
	tasks []int
	done  chan struct{}
	// unstopped, once done, are the tasks that have not stopped.
	unstopped []string
}

// newRun makes the run of a tree whose tasks are in the given states, which are
// nil for a new run. drive starts it.
func newRun(r *Engine, row *store.Run, tree *chain.Tree, inputs map[string]any, states []chain.State) *run {
	x := &run{
		engine: r, row: row, tree: tree, plan: chain.ResumePlan(tree, row.OnFailure, states),
		progress: newProgress(len(tree.Tasks), tree.Main(), states), tasks: make([]taskRun, len(tree.Tasks)),
		done: make(chan struct{}), now: time.Now(),
	}
	x.inbox.wake = make(chan struct{}, 1)
	x.recorder.init(r.opts.Store, row, x.progress, x.inbox.signal)
	x.results = newResults(r.opts.Store, row.ID, tree, inputs, x.progress)
	x.shares = newShares(r, tree, row.Principal, x.inbox.grant)
	x.backlog = backlog{tree: tree, progress: x.progress}
	return x
}

// record adds a transition to the records and returns its number.
func (x *run) record(t store.Transition) int64 {
	if t.At.IsZero() {
		t.At = x.now
	}
	return x.recorder.add(t)
}

// follow records the changes that the plan made by itself: the tasks that it
// skipped, and those that it cancelled for the given cause.
func (x *run) follow(cause error) {
	for _, c := range x.plan.Changes() {
		if x.progress.state(c.Task) == c.To {
			continue // recorded when it happened
		}
		t := store.Transition{Task: c.Task, State: string(c.To), Attempt: x.tasks[c.Task].attempts}
		if c.To == chain.Skipped {
			t.Skip = &store.Skip{Reason: c.Reason, By: c.BlockedBy, Roots: c.Roots}
		}
		var err *executors.Error
		if c.To == chain.Cancelled {
			err = stopError(cause)
			t.Problem = problemOf(err)
		}
		x.record(t)
		x.results.keep(c.Task, executors.Outcome{Err: err}, nil)
		x.results.release(c.Task)
	}
}

// sync has everything appended to the store that has happened so far. It is safe
// without the turn.
func (x *run) sync() {
	done := make(chan struct{})
	if x.inbox.post(func() { x.recorder.flushNow(x.now); close(done) }) {
		select {
		case <-done:
		case <-x.done:
		}
	}
}

// awaitStored waits until a transition is durable. It is safe without the turn.
func (x *run) awaitStored(seq int64) error {
	if !x.recorder.acks.has(seq) {
		x.inbox.post(func() {
			x.recorder.urgent = true
			x.recorder.flush(x.now)
		})
	}
	return x.recorder.acks.await(seq)
}
