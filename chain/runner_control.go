package chain

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain/retry"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// Cancel cancels a run, or with a task that task and those grouped under it,
// and waits until what was running has stopped. What has not stopped after
// the grace period is named in the view's warnings. A run that another
// process drives is cancelled through the store.
func (r *Runner) Cancel(ctx context.Context, runID, taskRef, principal string) (*RunView, error) {
	row, x, here, err := r.row(ctx, runID, principal)
	if err != nil {
		return nil, err
	}
	task := -1
	if taskRef != "" {
		var ok bool
		if task, ok = indexIn(row.Tasks, taskRef); !ok {
			return nil, unknownTask(runID, taskRef)
		}
	}
	var warning string
	switch {
	case x != nil:
		var asked bool
		if warning, asked = r.cancelHere(ctx, x, task); !asked {
			// Its end was on record before it was let go of here: another process
			// may have seen it, and gone on with the run.
			<-x.done
			return r.Cancel(ctx, runID, taskRef, principal)
		}
	case r.cancelCall(runID):
		warning = r.awaitEnd(ctx, runID, principal, func(*RunView) bool { return !r.calling(runID) })
	case here || State(row.Status).Ended():
		warning = "the run had ended before"
	case r.fate(row, false) != nil:
		err = r.takeOver(ctx, row, func(x *run, _, _ []State) { x.halt(errCancelled) })
		if err == nil {
			warning = r.awaitEnd(ctx, runID, principal, func(v *RunView) bool { return v.Status.Ended() })
		}
	default:
		if err = r.opts.Store.RequestCancel(ctx, store.Cancel{RunID: runID, Task: task}); err == nil {
			warning = r.awaitEnd(ctx, runID, principal, func(v *RunView) bool { return v.Status.Ended() || task >= 0 && v.Tasks[task].Status.Ended() })
		}
	}
	if err != nil {
		return nil, executors.AsError(fmt.Errorf("cancelling run %s: %w", runID, err))
	}
	v, err := r.Run(context.WithoutCancel(ctx), runID, principal)
	if err == nil && warning != "" {
		v.Warnings = append(v.Warnings, warning)
	}
	return v, err
}

// cancelHere cancels a run of this process and waits for it; it is not asked
// where it is past its end.
func (r *Runner) cancelHere(ctx context.Context, x *run, task int) (warning string, asked bool) {
	w := &waiter{done: make(chan struct{})}
	asked = x.inbox.ask(func() {
		if w.tasks = x.cancel(task); task >= 0 {
			x.waiters = append(x.waiters, w)
		} // else it is the end of the run that is waited for
	})
	if !asked {
		return "", false
	}
	select {
	case <-w.done:
	case <-x.done:
		w.unstopped = x.unstopped
	case <-ctx.Done():
		return "the cancelled tasks have been told to stop; it was not waited for", true
	}
	if len(w.unstopped) > 0 {
		return fmt.Sprintf("%s: told to stop, but still running after %s", strings.Join(w.unstopped, ", "), r.opts.Grace), true
	}
	return "", true
}

// awaitEnd waits, as long as cancelling may take, for what it can only see
// from outside.
func (r *Runner) awaitEnd(ctx context.Context, runID, principal string, ended func(*RunView) bool) (warning string) {
	limit, cancel := context.WithTimeout(ctx, r.opts.Grace+2*watchEvery)
	defer cancel()
	for {
		if v, err := r.Run(context.WithoutCancel(ctx), runID, principal, ResultsUpTo(0)); err == nil && ended(v) {
			return ""
		}
		if !retry.Sleep(limit, progressEvery) {
			return fmt.Sprintf("told to stop, but still running after %s", r.opts.Grace)
		}
	}
}

func (r *Runner) calling(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls[id] != nil
}

// Retry opens a run again that has ended, or that lost its process: what
// failed, was skipped or cancelled goes back to pending; with tasks, those
// (with what is grouped under them) and all that follow from them do. Results
// of completed tasks are kept. Whoever is to approve is told which tasks would
// run again before the run is opened; what that returns leaves the run as it is.
func (r *Runner) Retry(ctx context.Context, runID string, tasks []string, principal string, approve ...func(tree *Tree, inputs map[string]any, again []int) error) (*Run, error) {
	row, x, here, err := r.row(ctx, runID, principal)
	if err != nil {
		return nil, err
	}
	if x != nil && State(row.Status).Ended() { // and about to be let go of
		<-x.done
		return r.Retry(ctx, runID, tasks, principal, approve...)
	}
	if here || !State(row.Status).Ended() && r.fate(row, here) == nil {
		return nil, stillGoing(runID)
	}
	named := make([]int, len(tasks))
	for i, ref := range tasks {
		var ok bool
		if named[i], ok = indexIn(row.Tasks, ref); !ok {
			return nil, unknownTask(runID, ref)
		}
	}
	var nothing *executors.Error
	err = r.takeOver(ctx, row, (*run).reopen, func(tree *Tree, inputs map[string]any, states []State) error {
		if !tree.reset(states, named) {
			nothing = executors.Errorf(executors.ValidationError, "there is nothing to retry: every task of the run completed").
				WithHint("name the tasks to run again")
			return nothing
		}
		for _, ask := range approve {
			if err := ask(tree, inputs, pending(states)); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case nothing != nil:
		return nil, nothing
	case errors.Is(err, store.ErrLost):
		return nil, stillGoing(runID)
	case err != nil:
		return nil, executors.AsError(fmt.Errorf("retrying run %s: %w", runID, err))
	}
	return &Run{ID: runID}, nil
}

// pending are the tasks that are still to run.
func pending(states []State) (list []int) {
	for i, s := range states {
		if s == Pending {
			list = append(list, i)
		}
	}
	return list
}

func stillGoing(runID string) *executors.Error {
	return executors.Errorf(executors.ValidationError, "run %s is still going on", runID).WithField("run_id").
		WithHint("wait for its end with get_run, or cancel it with cancel_run")
}

// takeOver makes this process drive a run that nobody drives. The states
// that its tasks were left in are given to choose, which may change them, and
// the plan is made from the result; first is then given the states before and
// after, in the run's first turn.
func (r *Runner) takeOver(ctx context.Context, row *store.Run, first func(x *run, before, after []State), choose ...func(*Tree, map[string]any, []State) error) error {
	tree, inputs, err := r.restore(row)
	if err != nil {
		return err
	}
	list, err := r.opts.Store.Transitions(ctx, row.ID, 0, 0)
	if err != nil {
		return err
	}
	v := newView(row, list)
	before, after := make([]State, len(v.Tasks)), make([]State, len(v.Tasks))
	for i := range v.Tasks {
		before[i], after[i] = v.Tasks[i].Status, v.Tasks[i].Status
		if after[i] == InProgress {
			after[i] = Failed // it was interrupted
		}
	}
	for _, fn := range choose {
		if err := fn(tree, inputs, after); err != nil {
			return err
		}
	}
	now := time.Now()
	row.Seq = max(row.Seq, v.Seq)
	x := newRun(r, row, tree, inputs, after)
	for i := range v.Tasks {
		x.tasks[i].attempts = v.Tasks[i].Attempts
	}
	if err := r.enter(ctx, x); err != nil {
		return err
	}
	claimed, err := r.opts.Store.Claim(ctx, row.ID, r.opts.Owner, now.Add(-r.dead))
	if err != nil {
		r.ended(x)
		close(x.done)
		return err
	}
	row.Owner = claimed.Owner
	x.first = func() {
		x.recordLost(before)
		first(x, before, after)
	}
	r.drive(context.WithoutCancel(ctx), x)
	return nil
}

// restore makes the tree and the inputs of a run from its record.
func (r *Runner) restore(row *store.Run) (*Tree, map[string]any, error) {
	if row.Kind == store.KindCall {
		e, ok := r.opts.Registry.Lookup(row.Name)
		if !ok {
			return nil, nil, executors.Errorf(executors.NotFound, "the executor %s is not there any more", row.Name)
		}
		inputs, problem := r.opts.Registry.ResolveInputs(row.Name, row.Inputs)
		if problem != nil {
			return nil, nil, problem
		}
		return r.checked(Single(e.Definition(), inputs), nil)
	}
	tree, report := Parse(row.Tree, r.opts.Registry, ParseOptions{})
	if problem := report.Err(); problem != nil {
		return nil, nil, problem
	}
	inputs, err := strictjson.DecodeObject(row.Inputs)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the inputs of the run: %w", err)
	}
	return r.checked(tree, inputs)
}

func (r *Runner) checked(tree *Tree, inputs map[string]any) (*Tree, map[string]any, error) {
	if problem := r.allowed(tree); problem != nil {
		return nil, nil, problem
	}
	return tree, inputs, nil
}

// reset puts the states back of the tasks that a retry runs again: those
// named, with their groups and all that follow, else all that did not
// complete. It says whether there are any.
func (t *Tree) reset(states []State, named []int) bool {
	if len(named) == 0 {
		any := false
		for i, s := range states {
			if s != Completed {
				states[i], any = Pending, true
			}
		}
		return any
	}
	followers := make([][]int, len(t.Tasks))
	for i := range t.Tasks {
		for _, d := range t.Tasks[i].Dependencies {
			followers[d.Task] = append(followers[d.Task], i)
		}
	}
	seen := make([]bool, len(t.Tasks))
	var queue []int
	add := func(tasks []int) {
		for _, i := range tasks {
			if !seen[i] {
				seen[i] = true
				queue = append(queue, i)
			}
		}
	}
	for _, i := range named {
		add(t.subtree(i))
	}
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		states[i] = Pending
		add(followers[i])
	}
	return true
}

// recordLost records what became of tasks that were in progress when the
// process went away that drove them.
func (x *run) recordLost(before []State) {
	for i, was := range before {
		if was == InProgress {
			x.record(store.Transition{Task: i, State: string(Failed), Attempt: x.tasks[i].attempts, Problem: problemOf(stopError(errInterrupted))})
		}
	}
}

// reopen records that tasks which had ended are pending again.
func (x *run) reopen(before, after []State) {
	for i, was := range before {
		if was != Pending && after[i] == Pending {
			x.record(store.Transition{Task: i, State: string(Pending), Attempt: x.tasks[i].attempts})
		}
	}
}
