package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/internal/step"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// preparedRetry implements chain.PreparedRun for a run that is opened again.
type preparedRetry struct {
	engine *Engine
	left   *abandoned
}

// PrepareRetry implements chain.Engine. What failed, was skipped or cancelled
// goes back to pending; with tasks, those go back, with what is grouped under
// them and all that depends on them. Results of completed tasks are kept.
func (r *Engine) PrepareRetry(ctx context.Context, runID string, tasks []string, principal string) (chain.PreparedRun, error) {
	row, x, here, err := r.row(ctx, runID, principal)
	if err != nil {
		return nil, err
	}
	if x != nil && chain.State(row.Status).Ended() { // it is about to be removed here
		<-x.done
		return r.PrepareRetry(ctx, runID, tasks, principal)
	}
	if r.queuedHere(runID) != nil {
		return nil, executors.Errorf(executors.ValidationError, "run %s is queued", runID).WithField("run_id").
			WithHint("it begins by itself when others have ended; cancel_run takes it out of the queue")
	}
	if here || !chain.State(row.Status).Ended() && row.Owner != "" && r.fate(row) == nil && !r.orphan(row, here) {
		return nil, stillGoing(runID)
	}
	named := make([]int, len(tasks))
	for i, ref := range tasks {
		var ok bool
		if named[i], ok = indexIn(row.Tasks, ref); !ok {
			return nil, unknownTask(runID, ref)
		}
	}
	left, err := r.restore(ctx, row)
	if err != nil {
		return nil, retryError(runID, err)
	}
	if problem := step.Allowed(r.opts.Registry, left.tree); problem != nil {
		return nil, retryError(runID, problem)
	}
	if problem := otherHandlers(left.tree, row, left.transitions, named); problem != nil {
		return nil, retryError(runID, problem)
	}
	// A run whose process died right before it recorded the run's end has no task
	// left, and still has to be ended.
	if !left.tree.Reset(left.states, named) && chain.State(row.Status).Ended() {
		return nil, executors.Errorf(executors.ValidationError, "there is nothing to retry: every task of the run completed").
			WithHint("name the tasks to run again")
	}
	return &preparedRetry{r, left}, nil
}

// Target implements chain.PreparedRun.
func (p *preparedRetry) Target() (*chain.Tree, map[string]any, []int) {
	var tasks []int
	for i, state := range p.left.states {
		if state == chain.Pending {
			tasks = append(tasks, i)
		}
	}
	return p.left.tree, p.left.inputs, tasks
}

// Start implements chain.PreparedRun. Another process may have retried the run
// since it was prepared, so the claim has to find the run as it was. A run that a
// person retries waits in the queue like a new one.
func (p *preparedRetry) Start(ctx context.Context) (*chain.Run, error) {
	runID := p.left.row.ID
	if problem := p.engine.allUnchanged(p.left.defs); problem != nil {
		return nil, problem
	}
	p.left.asked = true
	tasks := len(p.left.tree.Tasks)
	_, _, nested := enclose(ctx, "")
	if !nested {
		begin, err := p.engine.admit(p.left.row.Principal, tasks)
		if err != nil {
			return nil, err
		}
		if !begin {
			return p.enqueue(ctx)
		}
		p.left.counted = &tasks
	}
	if err := p.engine.takeOver(ctx, p.left, p.left.again); err != nil {
		p.engine.giveUpSlot(!nested, tasks)
		return nil, retryError(runID, err)
	}
	return &chain.Run{ID: runID}, nil
}

// enqueue records that the run is open again, and queued.
func (p *preparedRetry) enqueue(ctx context.Context) (*chain.Run, error) {
	r, row := p.engine, p.left.row
	x := p.left.run(r)
	_, err := r.claim(ctx, p.left)
	if err == nil {
		p.left.again(x)
		x.recorder.enqueue(x.now)
		x.recorder.flushNow(x.now)
		if err = x.recorder.acks.await(x.recorder.final); err != nil {
			err = storeError(err)
		}
	}
	if err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.queue.leave(row.Principal)
		return nil, retryError(row.ID, err)
	}
	r.line(row.ID, row.Principal, len(p.left.tree.Tasks))
	return &chain.Run{ID: row.ID}, nil
}

func retryError(runID string, err error) error {
	switch {
	case errors.Is(err, store.ErrChanged):
		return executors.Errorf(executors.ValidationError, "run %s has changed since its retry was prepared; nothing was started", runID).WithField("run_id").
			WithHint("look at it with get_run, then retry it again")
	case errors.Is(err, store.ErrLost):
		return stillGoing(runID)
	}
	return executors.AsError(fmt.Errorf("retrying run %s: %w", runID, err))
}

func stillGoing(runID string) *executors.Error {
	return executors.Errorf(executors.ValidationError, "run %s is still in progress", runID).WithField("run_id").
		WithHint("wait for its end with get_run, or cancel it with cancel_run")
}

// abandoned is a run that no process drives, as recorded.
type abandoned struct {
	row      *store.Run
	tree     *chain.Tree
	inputs   map[string]any
	defs     definitions
	before   []chain.State // of the tasks
	states   []chain.State // that the tasks are to continue in
	attempts []int
	// transitions are the run's history.
	transitions []store.Transition
	crashes     int
	asked       bool // a person or an assistant asked to retry it: what their request forbids counts
	// counted is set if the run is counted as in progress already, for so many
	// tasks.
	counted *int
	// resumed is set if the run continues by itself: tasks that were in progress
	// may have had their effect.
	resumed time.Time
}

// restore reads a run that no process drives.
func (r *Engine) restore(ctx context.Context, row *store.Run) (*abandoned, error) {
	a := &abandoned{row: row}
	var err error
	if a.tree, a.inputs, err = r.decode(row); err != nil {
		return nil, err
	}
	a.defs = r.definitionsOf(a.tree)
	list, err := r.transitions(ctx, row, 0, 0)
	if err != nil {
		return nil, err
	}
	a.transitions = list
	for _, t := range newView(row, list).Tasks {
		a.before, a.attempts = append(a.before, t.Status), append(a.attempts, t.Attempts)
		if t.Status == chain.InProgress || t.Status == chain.Waiting && chain.State(row.Status).Ended() {
			t.Status = chain.Failed // it was interrupted
		}
		a.states = append(a.states, t.Status)
	}
	return a, nil
}

// run returns the run as it continues.
func (a *abandoned) run(r *Engine) *run {
	x := newRun(r, a.row, a.tree, a.inputs, a.states)
	for i, n := range a.attempts {
		x.tasks[i].attempts = n
	}
	x.notePast(a)
	x.adopted = !a.resumed.IsZero() && a.row.Status != string(chain.Queued) // else it is new, or a person retries it
	return x
}

// again records that a person retries the run.
func (a *abandoned) again(x *run) {
	a.recordLost(x)
	a.reopen(x)
}

// claim asks the store to make this process the owner of the run, and returns the
// time of the request.
func (r *Engine) claim(ctx context.Context, a *abandoned) (begun time.Time, err error) {
	begun = time.Now()
	claimed, err := r.opts.Store.Claim(ctx, store.Claim{RunID: a.row.ID, Owner: r.opts.Owner, UnseenSince: begun.Add(-r.lease.length), Seq: a.row.Seq, Crashes: a.crashes, Within: withinOf(ctx)})
	if err == nil {
		a.row.Owner, a.row.Epoch = claimed.Owner, claimed.Epoch
	}
	return begun, err
}

// takeOver makes this process drive a run that no process drives. first is
// called in the run's first turn.
func (r *Engine) takeOver(ctx context.Context, a *abandoned, first func(x *run)) error {
	x := a.run(r)
	x.noteQuestions(a.transitions, a.states)
	x.noteOutcome(a.transitions, a.states)
	if a.counted != nil {
		x.counted, x.weight = true, *a.counted
	}
	if !a.asked {
		var err error
		if ctx, err = keepWithin(ctx, a.row); err != nil {
			return err
		}
	}
	if err := r.enter(ctx, x); err != nil {
		return err
	}
	begun, err := r.claim(ctx, a)
	if err != nil {
		x.counted = x.counted && a.counted == nil // the caller gives it back
		r.ended(x)
		close(x.done)
		return err
	}
	r.own(x, begun)
	if now := r.opts.Registry.Policy().Digest(); a.row.Policy != "" && a.row.Policy != now {
		r.opts.Log.Warn().Str("run_id", a.row.ID).Str("before", a.row.Policy).Str("now", now).
			Msg("a run is continued under another policy than it was started under; the present one holds")
	}
	r.reap(a)
	x.first = func() { first(x) }
	x.beginSpan(ctx)
	r.drive(context.WithoutCancel(ctx), x)
	return nil
}

// decode returns the tree and the inputs of a run from its record.
func (r *Engine) decode(row *store.Run) (*chain.Tree, map[string]any, error) {
	if row.Kind == store.KindCall {
		e, ok := r.opts.Registry.Lookup(row.Name)
		if !ok {
			return nil, nil, executors.Errorf(executors.NotFound, "the executor %s was removed", row.Name)
		}
		inputs, problem := r.opts.Registry.ResolveInputs(row.Name, row.Inputs)
		if problem != nil {
			return nil, nil, executors.Errorf(executors.ValidationError, "the recorded inputs do not fit %s here: %w", row.Name, problem).
				WithHint("start it again as it was started first; the command of a batch continues where it stopped")
		}
		return chain.Single(e.Definition(), inputs), nil, nil
	}
	value, err := strictjson.Decode(row.Tree)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the tree of the run: %w", err)
	}
	tree, report := parse.Value(value, r.opts.Registry)
	if problem := report.Err(); problem != nil {
		return nil, nil, problem
	}
	inputs, err := strictjson.DecodeObject(row.Inputs)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the inputs of the run: %w", err)
	}
	return tree, inputs, nil
}

// recordLost records the failure of tasks that were in progress when their process
// ended.
func (a *abandoned) recordLost(x *run) {
	for i, was := range a.before {
		if was == chain.InProgress || was == chain.Waiting && chain.State(a.row.Status).Ended() {
			x.record(store.Transition{Task: i, State: string(chain.Failed), Attempt: x.tasks[i].attempts, Problem: problemOf(stopError(errInterrupted))})
		}
	}
}

// notePast finds in the history what the tasks need to continue. A retry that
// starts a task over begins a new generation.
func (x *run) notePast(a *abandoned) {
	states := make([]chain.State, len(x.tasks))
	for i := range a.transitions {
		t := &a.transitions[i]
		if t.Task < 0 {
			continue
		}
		at, state := &x.tasks[t.Task].past, chain.State(t.State)
		if t.Element > 0 {
			at.recorded = true
			continue
		}
		switch {
		case t.Generation > 0:
			at.generation, at.since, at.reopened, at.recorded = t.Generation, t.Seq, t.Seq, false
		case state == chain.Pending && states[t.Task].Ended():
			at.reopened = t.Seq
		}
		at.next = t.Next
		states[t.Task] = state
	}
	for i, was := range a.before {
		at := &x.tasks[i].past
		if was != chain.InProgress || a.resumed.IsZero() || x.tree.Tasks[i].ForEach != nil {
			at.next = time.Time{}
			continue
		}
		at.doubt, at.next = inDoubtAt(at.next, a.resumed)
	}
}

// inDoubtAt reports whether work in progress may have been in an attempt when its
// process was lost, given when the attempt after the last failed one was to
// start. If it was not, it returns that time.
func inDoubtAt(next, now time.Time) (doubt bool, wait time.Time) {
	if next.After(now) {
		return false, next
	}
	return true, time.Time{}
}

// reopen records that tasks which had ended are pending again. A task starts
// over, with all of its elements, if it had completed or if a task that it
// depends on runs again: then its elements may be others.
func (a *abandoned) reopen(x *run) {
	again := func(task int) bool { return a.before[task] != chain.Pending && a.states[task] == chain.Pending }
	over := slices.Contains(a.states[:x.tree.Main()], chain.Pending) // then handlers start over at the new end
	for i, was := range a.before {
		if !again(i) {
			continue
		}
		at := &x.tasks[i]
		t := store.Transition{Task: i, State: string(chain.Pending), Attempt: at.attempts}
		if was == chain.Completed || over && x.tree.Tasks[i].Handler != "" || slices.ContainsFunc(x.tree.Tasks[i].Dependencies, func(d chain.Dependency) bool { return again(d.Task) }) {
			at.past.generation++
			at.past.recorded = false
			t.Generation = at.past.generation
		}
		at.past.reopened = x.record(t)
		if t.Generation > 0 {
			at.past.since = at.past.reopened
		}
	}
}
