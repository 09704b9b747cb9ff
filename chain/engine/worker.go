package engine

import (
	"context"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/chain/internal/step"
	"github.com/chainwright/chainwright/chain/nested"
	"github.com/chainwright/chainwright/chain/retry"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// worker runs one unit after the other. Between units it belongs to the
// scheduler, which also cancels its context. A context serves many units, until
// it is cancelled.
type worker struct {
	run    *run
	units  chan unit
	ctx    context.Context
	cancel context.CancelCauseFunc

	// deadline is when the current attempt must end, in Unix nanoseconds; 0: none.
	deadline atomic.Int64
	// once means that the call in progress must not be made a second time.
	once atomic.Bool

	task atomic.Int32 // of the unit, for reports of progress
	// resumed means that the attempt before was lost, for an engine that drives
	// runs elsewhere.
	resumed bool

	// The methods progress and again as values, which are made once.
	onProgress func(executors.Progress)
	onAgain    func(deadline time.Time)

	// These belong to the scheduler.
	unit unit
	busy bool
	lost bool // it did not stop in time, and is not used again
	turn int  // the number of its units
	gave bool // its unit has given back its permits: the run that it has started waits for a person
}

// report is the result of a unit.
type report struct {
	worker   *worker
	unit     unit
	state    chain.State
	out      executors.Outcome
	attempts int
	at       time.Time
	elements []any              // of the for_each
	recorded []store.Transition // how elements ended before the run was taken over
	each     bool               // it is the check of a for_each
	// repeatable means that the call may be made again.
	repeatable bool
	question   *step.Question // of a task that waits for an answer
}

// interrupted reports whether the unit was stopped because the engine is closed.
func (r *report) interrupted() bool {
	return r.state == chain.Failed && r.out.Err != nil && r.out.Err.Type == executors.Interrupted
}

func newWorker(x *run) *worker {
	w := &worker{run: x, units: make(chan unit, 1)}
	w.onProgress, w.onAgain = w.progress, w.again
	return w
}

func (w *worker) work() {
	for u := range w.units {
		w.task.Store(int32(u.task))
		r := w.do(w.ctx, u)
		w.deadline.Store(0)
		w.once.Store(false)
		r.worker, r.unit, r.at = w, u, time.Now()
		if w.run.inbox.report(r) {
			w.run.help()
		} else {
			w.run.giveBack(w, &u)
		}
	}
}

// do runs a unit. A panic becomes a failure.
func (w *worker) do(ctx context.Context, u unit) report {
	return w.survive(u, func() report {
		if u.check {
			return w.check(ctx, u)
		}
		r := w.call(ctx, u)
		if r.state == chain.Failed {
			r.state, r.out = ending(ctx, r.out)
		}
		return r
	})
}

// survive makes a failure of a panic.
func (w *worker) survive(u unit, do func() report) (r report) {
	defer func() {
		if p := recover(); p != nil {
			w.run.engine.opts.Log.Error().Interface("panic", p).Str("run_id", w.run.row.ID).Bytes("stack", debug.Stack()).Msg("a task panicked")
			r = report{state: chain.Failed, attempts: u.attempts + 1, out: executors.Outcome{Err: executors.Errorf(executors.ExecutionError, "internal error while running the task")}}
		}
	}()
	return do()
}

// refused returns the report of a unit that failed before its call.
func refused(u unit, err *executors.Error) report {
	return report{state: chain.Failed, attempts: u.attempts, out: executors.Outcome{Err: err}}
}

// check evaluates the condition, the elements or the question of a task.
func (w *worker) check(ctx context.Context, u unit) report {
	t := &w.run.tree.Tasks[u.task]
	if t.Approval != nil {
		return w.question(ctx, u, t)
	}
	if t.ForEach == nil {
		return w.condition(ctx, u, t)
	}
	list, err := step.Elements(ctx, t, w.run.results.env(u))
	if err != nil {
		return refused(u, err)
	}
	var recorded []store.Transition
	if at := &w.run.tasks[u.task].past; at.recorded {
		var err error
		if recorded, err = w.run.engine.opts.Store.Elements(context.WithoutCancel(ctx), w.run.row.ID, u.task, at.since); err != nil {
			return refused(u, storeError(err))
		}
	}
	// A copy, because the expansion clears elements and other tasks read the list.
	return report{state: chain.InProgress, each: true, elements: slices.Clone(list), recorded: recorded}
}

// condition evaluates a when. The state of the report is InProgress if it holds.
func (w *worker) condition(ctx context.Context, u unit, t *chain.Task) report {
	holds, err := step.Holds(ctx, t, w.run.results.env(u))
	switch {
	case err != nil:
		return refused(u, err)
	case !holds:
		return report{state: chain.Skipped, attempts: u.attempts}
	}
	return report{state: chain.InProgress}
}

// call calls the executor, for one element if the task has elements.
func (w *worker) call(ctx context.Context, u unit) report {
	x := w.run
	job, repeatable, instead := w.prepare(ctx, u)
	if instead != nil {
		return *instead
	}
	ctx, measured := x.engine.beginTask(ctx, job.Call, job.Definition.ID)
	if job.Retry.MaxAttempts > 1 {
		job.Failed = func(attempt int, err *executors.Error, pause time.Duration) {
			measured.retried(attempt, err)
			x.progress.say(u.task, pausing(pause, attempt-u.attempts+1, job.Retry.MaxAttempts))
			w.failed(u, attempt, err, pause)
		}
	}
	w.deadline.Store(u.at.Add(job.Timeout).UnixNano())
	out, attempts := job.Do(ctx, x.engine.opts.Registry)
	measured.end(out, attempts)
	return called(&x.tree.Tasks[u.task], out, attempts, repeatable)
}

// called returns the report of a call that was made.
func called(t *chain.Task, out executors.Outcome, attempts int, repeatable bool) report {
	if out.Err != nil {
		out.Err = step.Explain(t, out.Err)
		return report{state: chain.Failed, out: out, attempts: attempts, repeatable: repeatable}
	}
	return report{state: chain.Completed, out: out, attempts: attempts}
}

// prepare returns the call of a unit and whether it may be repeated, or the report
// of a unit that makes no call.
func (w *worker) prepare(ctx context.Context, u unit) (job step.Call, repeatable bool, instead *report) {
	refuse := func(err *executors.Error) (step.Call, bool, *report) {
		r := refused(u, err)
		return step.Call{}, false, &r
	}
	x := w.run
	t := &x.tree.Tasks[u.task]
	if u.element >= 0 && t.When != nil {
		if r := w.condition(ctx, u, t); r.state != chain.InProgress {
			return step.Call{}, false, &r
		}
	}
	var env *expr.Env
	if _, static := t.Inputs.Static(); !static {
		env = x.results.env(u)
	}
	inputs, problem := step.Inputs(ctx, t, env)
	if problem != nil {
		return refuse(problem)
	}
	// The record of its own run protects a tree.
	repeatable = step.Repeatable(t.Definition, inputs) || t.Tree != nil
	if !repeatable {
		if u.doubt {
			return refuse(inDoubt())
		}
		if err := w.recordStart(u); err != nil {
			return refuse(storeError(err))
		}
		w.once.Store(true)
	}
	if !u.next.IsZero() {
		w.says(u, pausing(time.Until(u.next), u.attempts+1, 0))
		if !retry.Sleep(ctx, time.Until(u.next)) {
			return refuse(stopError(context.Cause(ctx)))
		}
	}
	call := &executors.Call{
		Inputs: inputs, RunID: x.row.ID, TaskID: t.ID, Element: u.element + 1, Outermost: x.outermost, Principal: x.row.Principal,
		OnProgress: w.onProgress, Logs: w,
		IdempotencyKey: step.Key(x.row.ID, t.ID, u.element, x.tasks[u.task].past.generation),
	}
	var err error
	if t.Definition.AcceptsDependencies {
		if call.Dependencies, err = x.results.dependencies(t); err != nil {
			return refuse(storeError(err))
		}
	}
	if _, given := inputs["columns"]; t.Definition.RowsIn != "" && !given {
		if call.Columns, err = x.results.columns(u.task); err != nil {
			return refuse(storeError(err))
		}
	}
	job = step.New(t, call)
	job.Before, job.Again = u.attempts, w.onAgain
	if !x.elsewhere {
		job.Ready = func(ctx context.Context) error { return x.engine.hold(ctx, func(what string) { w.says(u, what) }) }
	}
	if t.Tree != nil {
		job.Tree = nested.Task(x.engine.trees(), t, x.engine.opts.Grace, x.adopted || w.resumed)
	}
	return job, repeatable, nil
}

// recordStart waits until it is on record that the unit has begun: a crash must
// not make its call a second time.
func (w *worker) recordStart(u unit) error {
	x, seq := w.run, u.startSeq
	if x.elsewhere {
		return nil // the other engine has recorded it
	}
	if u.element >= 0 {
		begun := make(chan int64, 1)
		posted := x.inbox.post(func() {
			begun <- x.record(store.Transition{Task: u.task, Element: u.element + 1, State: string(chain.InProgress), Attempt: u.attempts + 1})
			x.recorder.urgent = true
		})
		if !posted {
			return errStore
		}
		select {
		case seq = <-begun:
		case <-x.done:
			return errStore
		}
	}
	return x.awaitStored(seq)
}

// says keeps what the unit does for readers of the run.
func (w *worker) says(u unit, text string) { w.run.progress.say(u.task, text) }

// failed records an attempt that failed and will be repeated after a pause.
// Until then there is no deadline.
func (w *worker) failed(u unit, attempt int, err *executors.Error, pause time.Duration) {
	w.deadline.Store(0)
	x, at := w.run, time.Now()
	x.inbox.post(func() {
		if !x.progress.ended(u.task) {
			x.record(store.Transition{Task: u.task, Element: u.element + 1, State: string(chain.InProgress), Attempt: attempt, At: at,
				Problem: problemOf(err), Next: at.Add(pause)})
		}
	})
}

// again notes the start of another attempt.
func (w *worker) again(deadline time.Time) {
	w.deadline.Store(deadline.UnixNano())
	w.run.progress.say(int(w.task.Load()), "trying again")
	w.run.engine.began(w.run.tree.Tasks[w.unit.task].Executor, w.run.row.Principal)
}

// progress keeps the last message for readers of the run.
func (w *worker) progress(p executors.Progress) {
	if p.Message != "" {
		w.run.progress.say(int(w.task.Load()), p.Message)
	}
}
