package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/internal/step"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// An engine that drives runs elsewhere does single steps of them in this process:
// the methods here. It reads runs and makes direct calls with an Engine of the
// same store.

// Inside returns the id of the outermost run of a task's context. ok is false for
// any other context.
func Inside(ctx context.Context) (outermost string, ok bool) {
	outermost, ok = ctx.Value(within{}).(string)
	return outermost, ok
}

// Serve makes r do steps for another engine, which runs the saved trees that tasks
// name. answered is called with the answers to questions of runs that are driven
// elsewhere.
func (r *Engine) Serve(other chain.Engine, answered func(store.Answer)) {
	r.treesWith, r.answered = other, answered
}

func (r *Engine) trees() chain.Engine {
	if r.treesWith == nil {
		return r
	}
	return r.treesWith
}

// Row returns the record of a principal's run.
func (r *Engine) Row(ctx context.Context, runID, principal string) (*store.Run, error) {
	row, _, _, err := r.row(ctx, runID, principal)
	return row, err
}

// TaskOf returns the index of a run's task by reference.
func TaskOf(row *store.Run, ref string) (int, error) {
	task, ok := indexIn(row.Tasks, ref)
	if !ok {
		return 0, unknownTask(row.ID, ref)
	}
	return task, nil
}

// Record writes the record of a new run that PrepareRun has prepared, for an owner
// other than this process. If there is a run of the same idempotency key, it
// returns that one as reused.
func (r *Engine) Record(ctx context.Context, prepared chain.PreparedRun, owner string) (*store.Run, *chain.Run, error) {
	p := prepared.(*preparedRun) //nolint:forcetypeassert // PrepareRun returns nothing else
	if problem := r.allUnchanged(p.defs); problem != nil {
		return nil, nil, problem
	}
	row, err := r.newRow(ctx, p.tree, p.inputs, p.opts, time.Now())
	if err != nil {
		return nil, nil, err
	}
	row.Owner = owner
	existing, err := r.opts.Store.Create(ctx, row)
	switch {
	case err != nil:
		return nil, nil, storeError(err)
	case existing == nil:
		return row, &chain.Run{ID: row.ID}, nil
	}
	reused, err := sameKey(existing, row)
	return nil, reused, err
}

// Reopen claims a run that PrepareRetry has prepared for an owner other than this
// process, and records which of its tasks run again. It returns the run's row.
func (r *Engine) Reopen(ctx context.Context, prepared chain.PreparedRun, owner string) (*store.Run, error) {
	left := prepared.(*preparedRetry).left //nolint:forcetypeassert // PrepareRetry returns nothing else
	if problem := r.allUnchanged(left.defs); problem != nil {
		return nil, problem
	}
	claimed, err := r.opts.Store.Claim(ctx, store.Claim{RunID: left.row.ID, Owner: owner, UnseenSince: time.Now().Add(-r.lease.length), Seq: left.row.Seq, Within: withinOf(ctx)})
	if err != nil {
		return nil, retryError(left.row.ID, err)
	}
	x := newRun(r, claimed, left.tree, left.inputs, left.states)
	for i, n := range left.attempts {
		x.tasks[i].attempts = n
	}
	x.notePast(left)
	x.record(store.Transition{Task: -1, State: string(chain.InProgress)})
	left.recordLost(x)
	left.reopen(x)
	return claimed, r.Append(&store.Batch{RunID: claimed.ID, Owner: owner, Epoch: claimed.Epoch, Transitions: x.recorder.batch, Counts: x.progress.stored()})
}

// Append appends a batch and waits until it is durable.
func (r *Engine) Append(b *store.Batch) error {
	done := make(chan error, 1)
	r.opts.Store.Append(b, func(err error) { done <- err })
	return <-done
}

// Permit waits for the permits of a call. A call of a run that was started from
// inside a task needs none.
func (r *Engine) Permit(ctx context.Context, executor, principal string, nested bool) (release func(), wait *executors.Error) {
	if nested {
		r.began(executor, principal)
		return func() {}, nil
	}
	held := r.permitsOf(executor, principal)
	if err := held.take(ctx, principal, func() {}); err != nil {
		r.principals.Leave(principal)
		return nil, waitError(err, executor)
	}
	return func() { r.giveBack(held, principal) }, nil
}

// Step is a run that is driven elsewhere, for the steps of it that this process
// does. It may be used by several goroutines.
type Step struct {
	x        *run
	handlers handlersOf
}

// Open reads a run that is driven elsewhere. outermost is the run whose task
// started it, directly or through others, or empty.
func (r *Engine) Open(ctx context.Context, runID, outermost string) (*Step, error) {
	row, err := r.opts.Store.Run(ctx, runID)
	if err != nil {
		return nil, readError(runID, err)
	}
	left, err := r.restore(ctx, row)
	if err != nil {
		return nil, err
	}
	x := newRun(r, row, left.tree, left.inputs, left.states)
	for i, state := range left.before {
		x.progress.set(i, state)
		x.tasks[i].attempts = left.attempts[i]
	}
	x.notePast(left)
	x.noteOutcome(left.transitions, left.before)
	x.elsewhere, x.outermost, x.nested = true, outermost, outermost != ""
	if outermost == "" {
		x.outermost = runID
	}
	if x.base, err = keepWithin(context.Background(), row); err != nil {
		return nil, err
	}
	x.base = context.WithValue(x.base, within{}, x.outermost)
	return &Step{x: x}, nil
}

// Row returns the run's record as it was when the run was opened.
func (s *Step) Row() *store.Run { return s.x.row }

// Tree returns the tree.
func (s *Step) Tree() *chain.Tree { return s.x.tree }

// State returns the state of a task, and the attempts made, as last read.
func (s *Step) State(task int) (chain.State, int) {
	return s.x.progress.state(task), s.x.tasks[task].attempts
}

// Since returns the number of the transition with which the task started over.
// Elements recorded before it do not count.
func (s *Step) Since(task int) int64 { return s.x.tasks[task].past.since }

// Refresh reads how the dependencies of a task have ended, for what it reads.
func (s *Step) Refresh(ctx context.Context, task int) error {
	if s.x.tree.Tasks[task].Handler != "" {
		return s.refreshHandler(ctx)
	}
	for _, d := range s.x.tree.Tasks[task].Dependencies {
		if s.x.progress.ended(d.Task) {
			continue
		}
		last, err := s.x.engine.opts.Store.Last(ctx, s.x.row.ID, d.Task)
		if err != nil {
			return readError(s.x.row.ID, err)
		}
		if last != nil {
			s.x.progress.set(d.Task, chain.State(last.State))
		}
	}
	return nil
}

// Report is the result of a step of a task.
type Report struct {
	// State is InProgress if the condition holds, or if another attempt follows
	// after Pause.
	State    chain.State
	Outcome  executors.Outcome
	Attempts int
	Elements []any // of a for_each
	Pause    time.Duration
	// Repeatable means that the call may be made again.
	Repeatable bool
	// Stopped means that the call ended because it was told to.
	Stopped bool
	// Question is what a task asks a person. State is Waiting then.
	Question *store.Question
}

func reportOf(r report) Report {
	return Report{State: r.state, Outcome: r.out, Attempts: r.attempts, Elements: r.elements, Repeatable: r.repeatable}
}

// Outcome returns how a task ends with an answer to its question.
func (s *Step) Outcome(a *store.Answer) (chain.State, executors.Outcome) {
	return outcomeOf(s.x.tree.Tasks[a.Task].Approval, a)
}

// TimedOut returns the answer to a question whose time is over.
func TimedOut(runID string, task int, asked int64) store.Answer {
	return timedOut(runID, task, asked, time.Now())
}

// Check evaluates the condition, the elements or the question of a task.
func (s *Step) Check(ctx context.Context, task int) Report {
	w := newWorker(s.x)
	u := unit{task: task, element: -1}
	r := w.survive(u, func() report {
		t := &s.x.tree.Tasks[task]
		switch {
		case t.Approval != nil:
			return w.question(ctx, u, t)
		case t.ForEach == nil:
			return w.condition(ctx, u, t)
		}
		list, err := step.Elements(ctx, t, s.x.results.env(u))
		if err != nil {
			return refused(u, err)
		}
		return report{state: chain.InProgress, each: true, elements: list}
	})
	report := reportOf(r)
	if r.question != nil {
		report.Question = questionOf(s.x.tree.Tasks[task].Approval, r.question, time.Now())
	}
	return report
}

// Attempt is an attempt of a task, or of an element.
type Attempt struct {
	Task, Element int // -1: the task as a whole
	Item          any // the element
	// Before are the attempts of earlier runs, and Number counts those since.
	Before, Number int
	// Resumed means that the attempt before was lost. What failed in a run that
	// it had started is not tried again.
	Resumed bool
}

// Attempt makes an attempt of a task, or of an element.
func (s *Step) Attempt(ctx context.Context, a Attempt) Report {
	w := newWorker(s.x)
	task, before := a.Task, a.Before
	u := unit{task: task, element: a.Element, item: a.Item, attempts: before}
	w.task.Store(int32(task)) //nolint:gosec // limited by what a tree may be
	w.resumed = a.Resumed
	var pause time.Duration
	again := false
	r := w.survive(u, func() report {
		inside, err := keepWithin(context.WithValue(ctx, within{}, s.x.outermost), s.x.row)
		if err != nil {
			return refused(u, storeError(err))
		}
		job, repeatable, instead := w.prepare(inside, u)
		if instead != nil {
			return *instead
		}
		inside, measured := s.x.engine.beginTask(s.inTrace(inside), job.Call, job.Definition.ID)
		var out executors.Outcome
		out, pause, again = job.Once(inside, s.x.engine.opts.Registry, a.Number)
		measured.end(out, before+a.Number)
		return called(&s.x.tree.Tasks[task], out, before+a.Number, repeatable)
	})
	if r.state == chain.Failed && !again {
		r.state, r.out = ending(ctx, r.out)
	}
	report := reportOf(r)
	report.Stopped = r.out.Err != nil && ctx.Err() != nil && !again
	if again {
		report.State, report.Pause = chain.InProgress, pause
	}
	return report
}

// Limit returns the longest time that one attempt of a task may take.
func (s *Step) Limit(task int) time.Duration {
	t := &s.x.tree.Tasks[task]
	if t.Timeout > 0 {
		return executors.TimeoutFor(t.Definition, nil, t.Timeout)
	}
	return t.Definition.Timeout.Ceiling
}

// Repeatable reports whether the call of a task, or of an element, may be made
// again.
func (s *Step) Repeatable(ctx context.Context, task, element int, item any) bool {
	t := &s.x.tree.Tasks[task]
	if t.Tree != nil { // the record of its own run protects it
		return true
	}
	inputs, problem := step.Inputs(ctx, t, s.x.results.env(unit{task: task, element: element, item: item}))
	return problem == nil && step.Repeatable(t.Definition, inputs)
}

// End returns the batch that ends a run whose tasks have all ended.
func (s *Step) End(ctx context.Context, cancelled bool) *store.Batch {
	x := s.x
	if cancelled {
		x.plan.Cancel()
	}
	x.base = context.WithoutCancel(ctx)
	if x.earlier != nil {
		x.outcome = x.earlier
		x.endHandlers()
	} else {
		x.recordEnd(x.outputs())
	}
	r := &x.recorder
	s.traceRun()
	return &store.Batch{RunID: x.row.ID, Owner: x.row.Owner, Epoch: x.row.Epoch, Shared: true, Transitions: r.batch, Counts: x.progress.stored(),
		Status: string(r.status), Problem: r.problem, CompletedAt: x.now}
}

// The causes for which an engine stops work, for Stop and for contexts.
var (
	Cancelled   = errCancelled
	Stopped     = errStopped
	Interrupted = errInterrupted
	Overdue     = errDeadline
)

// StopError returns the error of a task that was stopped for a cause.
func StopError(cause error) *executors.Error { return stopError(cause) }

// Noted returns what the store keeps of an outcome besides its result.
func Noted(out executors.Outcome) *store.Problem { return noted(out) }

// Lost reports whether an error says that a run has another owner, or is gone.
func Lost(err error) bool { return errors.Is(err, store.ErrLost) || errors.Is(err, store.ErrNotFound) }

// Unstopped returns the warning about tasks that have not stopped in time.
func Unstopped(row *store.Run, tasks []int, grace time.Duration) string {
	return unstopped(idsOf(row, tasks), grace)
}

func unstopped(ids []string, grace time.Duration) string {
	return fmt.Sprintf("%s: asked to stop, but still running after %s", strings.Join(ids, ", "), grace)
}

// Grouped returns a task of a run and all tasks grouped under it.
func Grouped(row *store.Run, task int) []int {
	list := []int{task}
	for i := 0; i < len(list); i++ {
		for child := range row.Tasks {
			if row.Tasks[child].Parent == list[i] {
				list = append(list, child)
			}
		}
	}
	return list
}
