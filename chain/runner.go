package chain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// What to do with the rest of a run when a task fails.
const (
	OnFailureContinue = "continue"
	OnFailureStop     = "stop"
)

// maxKey is how long an idempotency key may be.
const maxKey = 255

// defaultParallel is how many tasks are in flight where nobody says.
const defaultParallel = 64

// RunnerOptions are what a Runner works with. Registry and Store are
// required.
type RunnerOptions struct {
	Registry *executors.Registry
	Store    store.Store
	Log      zerolog.Logger
	// MaxParallel bounds the tasks in flight of the whole process. Where it
	// is zero the policy's limit holds, else 64.
	MaxParallel int
	// Grace is how long what is cancelled may take to stop (5 s).
	Grace time.Duration
	// Owner names this process in the store; random where empty.
	Owner string
}

// RunOptions are how one tree is run.
type RunOptions struct {
	Inputs map[string]any
	// MaxParallel bounds the tasks of this run in flight (64).
	MaxParallel int
	// OnFailure is OnFailureContinue where empty.
	OnFailure string
	// IdempotencyKey makes starting safe to repeat: with the same tree and
	// inputs it gives the run that was started first.
	IdempotencyKey string
	// Principal is who asks; nobody else can read or touch the run.
	Principal string
	// UserID is kept with the tasks that have none of their own.
	UserID string
	// Approve, when set, is asked before anything is started or recorded, with
	// the run's inputs as they are bound; what it returns refuses the run.
	Approve func(tree *Tree, inputs map[string]any) error
}

// Run is the handle of a run.
type Run struct {
	ID string
	// Reused says that the run is an earlier one of the same idempotency key.
	Reused bool
}

// Runner runs task trees and direct calls in this process; the store has
// their records.
type Runner struct {
	opts    RunnerOptions
	dead    time.Duration // how long an owner may be silent
	process *bound
	limits  map[string]*bound // by executor; those that have one
	askers  *principals       // nil: they have no bounds of their own

	mu      sync.Mutex
	live    map[string]*run
	calls   map[string]context.CancelCauseFunc
	unsaved map[string]*store.Problem // runs whose end could not be stored
	closing bool
	idle    chan struct{} // closed when the last live run or call has ended; nil: nobody waits
	watch   chan struct{} // ends the watcher; nil: there is none
	watched sync.WaitGroup
}

// NewRunner makes a Runner. Close it before the store.
func NewRunner(opts RunnerOptions) *Runner {
	limits := opts.Registry.Policy().Limits()
	if opts.MaxParallel == 0 {
		opts.MaxParallel = limits.MaxParallel
	}
	if opts.MaxParallel == 0 {
		opts.MaxParallel = defaultParallel
	}
	if opts.Grace == 0 {
		opts.Grace = 5 * time.Second
	}
	if opts.Owner == "" {
		opts.Owner = newID(time.Now())
	}
	r := &Runner{
		opts:    opts,
		dead:    defaultDeadAfter,
		process: newBound(opts.MaxParallel),
		limits:  map[string]*bound{},
		askers:  newPrincipals(limits.Principal),
		live:    map[string]*run{},
		calls:   map[string]context.CancelCauseFunc{},
		unsaved: map[string]*store.Problem{},
	}
	for id, l := range limits.Executors {
		if b := boundOf(l.MaxParallel, l.PerSecond); b != nil {
			r.limits[id] = b
		}
	}
	return r
}

// nested marks the contexts of work that holds a permit already: what is
// started from inside it must not wait for one, or both could wait forever.
type nested struct{}

// Start starts a run and returns once its record is durable. The run goes on
// when the context ends, unless it was started from inside a task.
func (r *Runner) Start(ctx context.Context, tree *Tree, opts RunOptions) (*Run, error) {
	switch opts.OnFailure {
	case "":
		opts.OnFailure = OnFailureContinue
	case OnFailureContinue, OnFailureStop:
	default:
		return nil, executors.Errorf(executors.ValidationError, `on_failure must be "continue" or "stop"; got %q`, opts.OnFailure).WithField("on_failure")
	}
	if opts.MaxParallel < 0 {
		return nil, executors.Errorf(executors.ValidationError, "max_parallel must be at least 1; got %d", opts.MaxParallel).WithField("max_parallel")
	}
	if len(opts.IdempotencyKey) > maxKey {
		return nil, executors.Errorf(executors.ValidationError, "an idempotency key has at most %d bytes; got %d", maxKey, len(opts.IdempotencyKey)).WithField("idempotency_key")
	}
	inputs, problem := tree.BindInputs(opts.Inputs)
	if problem != nil {
		return nil, problem
	}
	if problem := r.allowed(tree); problem != nil {
		return nil, problem
	}
	if opts.Approve != nil {
		if err := opts.Approve(tree, inputs); err != nil {
			return nil, executors.AsError(err)
		}
	}
	now := time.Now()
	row, err := r.newRow(tree, inputs, opts, now)
	if err != nil {
		return nil, err
	}
	x := newRun(r, row, tree, inputs, nil)
	if err := r.enter(ctx, x); err != nil {
		return nil, err
	}
	existing, err := r.opts.Store.Create(ctx, row)
	if err != nil || existing != nil {
		r.ended(x)
		close(x.done)
	}
	switch {
	case err != nil:
		return nil, storeError(err)
	case existing == nil:
		r.drive(ctx, x)
		return &Run{ID: row.ID}, nil
	case existing.Digest != row.Digest:
		return nil, executors.Errorf(executors.ValidationError, "the idempotency key %q was used for another tree or other inputs", opts.IdempotencyKey).
			WithField("idempotency_key").WithHint("use a new key for a new run")
	}
	return &Run{ID: existing.ID, Reused: true}, nil
}

// newRow is the record of a run that is about to start.
func (r *Runner) newRow(tree *Tree, inputs map[string]any, opts RunOptions, now time.Time) (*store.Run, error) {
	raw, err := json.Marshal(inputs)
	if err != nil {
		return nil, executors.Errorf(executors.ValidationError, "the run inputs are not JSON: %w", err).WithField("inputs")
	}
	hide := r.opts.Registry.Policy().Redact
	row := &store.Run{
		ID: newID(now), Kind: store.KindTree, Principal: opts.Principal, Name: tree.Name, UserID: opts.UserID,
		Key: opts.IdempotencyKey, Owner: r.opts.Owner, Status: string(InProgress),
		Counts: map[string]int{string(Pending): len(tree.Tasks)},
		Tree:   hide(tree.Source()), Inputs: hide(raw), Tasks: tasksOf(tree, opts.UserID),
		MaxParallel: opts.MaxParallel, OnFailure: opts.OnFailure, CreatedAt: now,
	}
	if row.MaxParallel == 0 {
		row.MaxParallel = defaultParallel
	}
	if row.Key != "" {
		sum := sha256.Sum256(append([]byte(tree.Hash()), raw...))
		row.Digest = hex.EncodeToString(sum[:])
	}
	return row, nil
}

// allowed refuses a tree that policy closes a part of, before any of it runs.
func (r *Runner) allowed(tree *Tree) *executors.Error {
	pol := r.opts.Registry.Policy()
	for i := range tree.Tasks {
		t := &tree.Tasks[i]
		if _, ok := r.opts.Registry.Lookup(t.Executor); !ok {
			return executors.Errorf(executors.NotFound, "task %s: the executor %s is not there any more", t.ID, t.Executor)
		}
		if setting, closed := r.opts.Registry.Closed(t.Executor); closed {
			return executors.Errorf(executors.PermissionDenied, "task %s: policy closes the executor %s", t.ID, t.Executor).
				WithHint("open it with " + setting)
		}
		if inputs, static := t.Inputs.Static(); static && pol.ReadOnly() {
			if filled, bad := t.Definition.Complete(inputs); len(bad) == 0 && !t.Definition.EffectOf(filled).ReadOnly {
				return executors.Errorf(executors.PermissionDenied, "task %s changes something, and policy allows only what reads", t.ID).
					WithHint("open it with policy.read_only: false")
			}
		}
	}
	return nil
}

// enter takes a run in, so that it can be found and closed.
func (r *Runner) enter(ctx context.Context, x *run) error {
	x.base = context.WithValue(context.WithoutCancel(ctx), nested{}, true)
	x.nested = ctx.Value(nested{}) != nil
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return errClosing()
	}
	if r.live[x.row.ID] != nil {
		return stillGoing(x.row.ID)
	}
	r.live[x.row.ID] = x
	if own := r.askers.enter(x.row.Principal); own != nil {
		x.principal = x.newShare(own)
	}
	delete(r.unsaved, x.row.ID)
	r.startWatch()
	return nil
}

func errClosing() *executors.Error {
	return executors.Errorf(executors.Interrupted, "the program is being stopped; nothing new is started").Retry(0)
}

// drive has a run driven. A run that was started from inside
// a task ends with it.
func (r *Runner) drive(ctx context.Context, x *run) {
	if x.nested {
		stop := context.AfterFunc(ctx, func() { x.inbox.ask(func() { x.halt(errCancelled) }) })
		go func() {
			defer stop()
			x.drive()
		}()
		return
	}
	go x.drive()
}

// ended lets go of a run.
func (r *Runner) ended(x *run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.live, x.row.ID)
	r.askers.leave(x.row.Principal)
	r.checkIdle()
}

// checkIdle tells Close and the watcher when there is nothing left.
func (r *Runner) checkIdle() {
	if len(r.live) > 0 || len(r.calls) > 0 {
		return
	}
	if r.watch != nil {
		close(r.watch)
		r.watch = nil
	}
	if r.idle != nil {
		close(r.idle)
		r.idle = nil
	}
}

// maxUnsaved bounds how many runs are remembered whose end is not stored.
const maxUnsaved = 1000

// unsavedRun fails a run whose records can't be written any more: in the
// store, should that work again, and in memory, should it not.
func (r *Runner) unsavedRun(x *run, cause error) {
	if errors.Is(cause, store.ErrLost) {
		r.opts.Log.Warn().Str("run_id", x.row.ID).Msg("another process has taken over a run; it is stopped here")
		return
	}
	problem := problemOf(storeError(cause))
	r.opts.Log.Error().Err(cause).Str("run_id", x.row.ID).Msg("a run failed because its records can't be stored")
	r.mu.Lock()
	if len(r.unsaved) < maxUnsaved {
		r.unsaved[x.row.ID] = problem
	}
	r.mu.Unlock()
	x.seq++
	r.opts.Store.Append(&store.Batch{
		RunID: x.row.ID, Owner: x.row.Owner, Status: string(Failed), Problem: problem, CompletedAt: time.Now(), Counts: x.storedCounts(),
		Transitions: []store.Transition{{Seq: x.seq, Task: -1, State: string(Failed), At: time.Now(), Problem: problem}},
	}, func(error) {})
}

// Close lets what runs go on for the grace period, then interrupts it. When
// it returns everything that could be is stored.
func (r *Runner) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closing = true
	idle := make(chan struct{})
	if len(r.live) == 0 && len(r.calls) == 0 {
		close(idle)
	} else {
		r.idle = idle
	}
	r.mu.Unlock()
	grace := time.NewTimer(r.opts.Grace)
	defer grace.Stop()
	select {
	case <-idle:
	case <-grace.C:
		r.interrupt()
	case <-ctx.Done():
		r.interrupt()
	}
	// What is interrupted has the grace period to stop; runs that don't are
	// ended without their tasks.
	last := time.NewTimer(r.opts.Grace + time.Second)
	defer last.Stop()
	select {
	case <-idle:
	case <-last.C:
	}
	r.watched.Wait()
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.opts.Grace)
	defer cancel()
	return r.opts.Store.Flush(flush)
}

// interrupt stops everything that is under way.
func (r *Runner) interrupt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.live {
		x.inbox.ask(func() { x.halt(errInterrupted) })
	}
	for _, cancel := range r.calls {
		cancel(errInterrupted)
	}
}
