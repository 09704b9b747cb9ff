package chain

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// worker does one unit after the other. Between units it belongs to whoever
// has the run's turn, who also cancels its context; a context is used for many
// units as long as it was not cancelled.
type worker struct {
	run    *run
	units  chan unit
	ctx    context.Context
	cancel context.CancelCauseFunc

	// deadline is when the attempt at hand must be over (Unix nanoseconds).
	deadline atomic.Int64

	// The methods of these names, as values that are made once.
	onProgress func(executors.Progress)
	onAttempt  func(deadline time.Time)

	// Notes of whoever has the turn.
	unit unit
	busy bool
	lost bool // it did not stop in time; nobody waits for it
	turn int  // counts its units
}

// report is how a unit went.
type report struct {
	worker   *worker
	unit     unit
	state    State
	out      executors.Outcome
	attempts int
	at       time.Time
	elements []any // of a check of a for_each
	each     bool
}

func newWorker(x *run) *worker {
	w := &worker{run: x, units: make(chan unit, 1)}
	w.onProgress, w.onAttempt = w.progress, w.begin
	return w
}

func (w *worker) work() {
	for u := range w.units {
		r := w.do(w.ctx, u)
		w.deadline.Store(0)
		r.worker, r.unit, r.at = w, u, time.Now()
		if w.run.inbox.report(r) {
			w.run.help()
		} else {
			u.giveBack(w.run)
		}
	}
}

// do does a unit, and survives it.
func (w *worker) do(ctx context.Context, u unit) (r report) {
	defer func() {
		if p := recover(); p != nil {
			w.run.runner.opts.Log.Error().Interface("panic", p).Str("run_id", w.run.row.ID).Bytes("stack", debug.Stack()).Msg("a task panicked")
			r = report{state: Failed, attempts: u.attempts + 1, out: executors.Outcome{Err: executors.Errorf(executors.ExecutionError, "internal error while running the task")}}
		}
	}()
	if u.check {
		return w.check(ctx, u)
	}
	r = w.call(ctx, u)
	if r.state == Failed {
		r.state, r.out = ending(ctx, r.out)
	}
	return r
}

// refused is the report of a unit that ended before its call.
func refused(u unit, err *executors.Error) report {
	return report{state: Failed, attempts: u.attempts, out: executors.Outcome{Err: err}}
}

// check evaluates what decides whether, and for what, a task runs.
func (w *worker) check(ctx context.Context, u unit) report {
	t := &w.run.tree.Tasks[u.task]
	env := w.run.env(u)
	if t.ForEach != nil {
		v, err := t.ForEach.Eval(ctx, env)
		if err != nil {
			return refused(u, within(err, "for_each"))
		}
		list, ok := v.([]any)
		if !ok {
			return refused(u, executors.Errorf(executors.ValidationError, "for_each must give an array; got %s", strictjson.Kind(v)).WithField("for_each"))
		}
		if len(list) > maxElements {
			return refused(u, executors.Errorf(executors.ValidationError, "for_each takes at most %d elements; got %d", maxElements, len(list)).WithField("for_each"))
		}
		// A copy: the expansion lets go of each element, and others read the list.
		return report{state: InProgress, each: true, elements: slices.Clone(list)}
	}
	return w.condition(ctx, u, t.When, env)
}

// condition evaluates a when: InProgress where it holds.
func (w *worker) condition(ctx context.Context, u unit, when *expr.Value, env *expr.Env) report {
	v, err := when.Eval(ctx, env)
	switch {
	case err != nil:
		return refused(u, within(err, "when"))
	case v == nil || v == false:
		return report{state: Skipped, attempts: u.attempts}
	}
	return report{state: InProgress}
}

// call makes the task's call, for one element where it has them.
func (w *worker) call(ctx context.Context, u unit) report {
	x := w.run
	t := &x.tree.Tasks[u.task]
	var env *expr.Env
	if u.elem >= 0 && t.When != nil {
		env = x.env(u)
		if r := w.condition(ctx, u, t.When, env); r.state != InProgress {
			return r
		}
	}
	inputs, static := t.Inputs.Static()
	if !static {
		if env == nil {
			env = x.env(u)
		}
		var err *executors.Error
		if inputs, err = t.Inputs.Eval(ctx, env); err != nil {
			return refused(u, within(err, "inputs"))
		}
	}
	inputs, violations := t.Definition.Complete(inputs)
	if len(violations) > 0 {
		return refused(u, invalidInputs(violations))
	}
	if !replayable(t.Definition, inputs) {
		if err := x.ahead(u.startSeq); err != nil {
			return refused(u, storeError(err))
		}
	}
	call := &executors.Call{Inputs: inputs, RunID: x.row.ID, TaskID: t.ID, Principal: x.row.Principal, OnProgress: w.onProgress}
	if t.Definition.AcceptsDependencies {
		var err error
		if call.Dependencies, err = x.dependencies(t); err != nil {
			return refused(u, storeError(err))
		}
	}
	job := work{def: t.Definition, call: call, timeout: executors.TimeoutFor(t.Definition, inputs, t.Timeout),
		retry: t.Definition.Retry, before: u.attempts, begin: w.onAttempt}
	if t.Retry != nil {
		job.retry = *t.Retry
	}
	if job.retry.MaxAttempts > 1 {
		job.failed = func(attempt int, err *executors.Error) { w.again(u, attempt, err) }
	}
	w.begin(u.at.Add(job.timeout))
	out, attempts := x.runner.attempt(ctx, &job)
	if out.Err != nil {
		return report{state: Failed, out: out, attempts: attempts}
	}
	return report{state: Completed, out: out, attempts: attempts}
}

// replayable says whether a call may be made again after a crash, so that
// its start need not be durable first.
func replayable(def *executors.Definition, inputs map[string]any) bool {
	effect := def.EffectOf(inputs)
	return effect.ReadOnly || effect.Idempotent
}

// mayReplay says whether some calls of an executor may be made again.
func mayReplay(def *executors.Definition) bool {
	may := def.Annotations.ReadOnly || def.Annotations.Idempotent
	for _, e := range def.Effects {
		may = may || e.ReadOnly || e.Idempotent
	}
	return may
}

// ahead waits until a start is durable.
func (x *run) ahead(seq int64) error {
	if !x.inbox.has(seq) {
		x.inbox.ask(func() {
			x.hurry = true
			x.flush()
		})
	}
	return x.inbox.awaitStored(seq)
}

func (w *worker) begin(deadline time.Time) {
	if deadline.IsZero() {
		w.deadline.Store(0)
	} else {
		w.deadline.Store(deadline.UnixNano())
	}
}

// again has an attempt recorded that failed and is to be repeated.
func (w *worker) again(u unit, attempt int, err *executors.Error) {
	x, at := w.run, time.Now()
	x.inbox.ask(func() {
		if !x.ended(u.task) {
			t := store.Transition{Task: u.task, State: string(InProgress), Attempt: attempt, At: at, Problem: problemOf(err)}
			if u.elem >= 0 {
				t.Problem.Elements = []store.ElementError{{Index: u.elem, Error: err.Message, ErrorType: string(err.Type)}}
			}
			x.record(t)
		}
	})
}

// progress keeps the last message for whoever follows the run.
func (w *worker) progress(p executors.Progress) {
	if p.Message != "" {
		w.run.note.Store(&p.Message)
	}
}

// within says where in the task an expression's error belongs.
func within(err *executors.Error, field string) *executors.Error {
	switch {
	case err.Field == "":
		err.Field = field
	case err.Field[0] == '[':
		err.Field = field + err.Field
	default:
		err.Field = field + "." + err.Field
	}
	return err
}

func invalidInputs(list []executors.Violation) *executors.Error {
	text := ""
	for i, v := range list {
		if i == 5 {
			text += fmt.Sprintf("; and %d more", len(list)-i)
			break
		}
		if i > 0 {
			text += "; "
		}
		if v.Path != "" {
			text += v.Path + " "
		}
		text += v.Message
	}
	return executors.Errorf(executors.ValidationError, "the inputs are not valid: %s", text).WithField(list[0].Path)
}
