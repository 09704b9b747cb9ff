package engine

import (
	"context"
	"encoding/json"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/chain/internal/step"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// outcome is how the tasks of a run ended, for its handlers.
type outcome struct {
	status  chain.State
	problem *store.Problem
	outputs []byte // encoded
	at      time.Time
	seq     int64 // of the record, if there is one
	size    int   // of the recorded outputs
	// current means that the run was not taken over or reopened since.
	current bool
}

// conclude ends the run, or the part of it before the handlers, if that is what
// comes next. It reports whether nothing else is to be done.
func (x *run) conclude() bool {
	switch {
	case x.tree.Handlers == 0 && x.plan.Ended():
		x.endRun()
	case x.tree.Handlers == 0 || !x.plan.TasksEnded():
		return false
	case x.plan.Ended() && x.plan.Handling():
		x.endHandlers()
	case x.plan.Handling() || x.closing && x.halted != errCancelled:
		return false // when the engine is closed, handlers do not start: the run has not ended
	default:
		x.endTasks()
	}
	return true
}

// endTasks evaluates the outputs and starts the handlers.
func (x *run) endTasks() {
	if x.evaluating {
		return
	}
	x.evaluating = true
	go func() {
		var all *chain.Outputs
		if end := x.earlier; end == nil {
			all = x.outputs()
		} else if end.size > 0 {
			var err error
			if end.outputs, err = x.engine.opts.Store.Head(context.WithoutCancel(x.base), x.row.ID, end.seq, end.size); err != nil {
				x.engine.opts.Log.Warn().Err(err).Str("run_id", x.row.ID).Msg("the recorded outputs of a run can't be read; they are evaluated again")
				all = x.outputs()
			}
		}
		failed := step.FailedTasks(x.tree, x.progress.state, x.results.read)
		x.inbox.post(func() {
			x.evaluating = false
			if x.recorder.broken == nil && (!x.closing || x.halted == errCancelled) {
				x.startHandlers(all, failed)
			}
		})
	}()
}

// startHandlers records how the tasks ended, and starts the handlers. A process
// that continues the run finds the record.
func (x *run) startHandlers(all *chain.Outputs, failed []any) {
	end := x.earlier
	if x.earlier = nil; end == nil {
		end = &outcome{at: x.now}
		end.status, end.problem, end.outputs = x.verdict(all)
	} else if all != nil {
		_, _, end.outputs = x.verdict(all)
	}
	x.outcome = end
	x.results.run = x.facts(end, failed)
	x.recordOutcome(end)
	x.plan.Handle(end.status)
	x.follow(errStopped)
	if x.skipHandlers {
		x.halt(errCancelled)
	}
}

// recordOutcome records how the tasks ended.
func (x *run) recordOutcome(end *outcome) {
	x.record(store.Transition{Task: -1, State: string(chain.InProgress), At: end.at, Problem: end.problem,
		Skip: &store.Skip{Outcome: string(end.status)}, Result: end.outputs, Size: len(end.outputs)})
}

// facts returns what handlers read of the end of the tasks.
func (x *run) facts(end *outcome, failed []any) map[string]any {
	facts := step.Ended{RunID: x.row.ID, Name: x.row.Name, Status: end.status, StartedAt: x.row.CreatedAt, EndedAt: end.at, Failed: failed}
	if end.problem != nil {
		facts.Error, facts.ErrorType = end.problem.Message, end.problem.Type
	}
	if len(end.outputs) > 0 {
		facts.Outputs = &chain.Outputs{}
		if err := json.Unmarshal(end.outputs, facts.Outputs); err != nil { // it was encoded here
			x.engine.opts.Log.Error().Err(err).Str("run_id", x.row.ID).Msg("the recorded outputs of a run can't be read")
		}
	}
	return facts.Facts()
}

// endHandlers records the end of a run whose handlers have ended. They do not
// change it.
func (x *run) endHandlers() {
	problem := x.outcome.problem
	if warning := x.handlerWarning(); warning != "" {
		told := store.Problem{}
		if problem != nil {
			told = *problem
		}
		told.Warning = warning
		problem = &told
	}
	x.recorder.conclude(x.outcome.status, problem, nil, x.now)
}

// handlerWarning returns the warning about the first handler that did not
// complete.
func (x *run) handlerWarning() string {
	for i := x.tree.Main(); i < len(x.tree.Tasks); i++ {
		t := &x.tree.Tasks[i]
		message := ""
		if x.plan.State(i) == chain.Failed {
			message = x.results.failure(t.ID)
		}
		if text := handlerWarning(t.ID, t.Handler, x.plan.State(i), message); text != "" {
			return text
		}
	}
	return ""
}

// handlerWarning returns the warning about a handler, empty for none.
func handlerWarning(id, list string, state chain.State, message string) string {
	what := ""
	switch state {
	case chain.Failed:
		what = "failed"
	case chain.Cancelled:
		what = "was cancelled"
	default:
		return ""
	}
	text := "the handler " + id + " (" + list + ") " + what
	if message != "" && state == chain.Failed {
		text += ": " + message
	}
	return text
}

// failure returns the error of a task that has failed, as text.
func (r *results) failure(id string) string {
	seen, err := r.read(expr.Ref{Task: id, StatusOnly: true})
	if err != nil {
		return ""
	}
	text, _ := seen["error"].(string)
	return text
}

// keepForHandlers keeps the results that handlers read until the end of the run.
func (r *results) keepForHandlers() {
	for i := r.tree.Main(); i < len(r.tree.Tasks); i++ {
		t := &r.tree.Tasks[i]
		values := t.Inputs.Reads().Tasks
		if t.When != nil {
			values = append(values[:len(values):len(values)], t.When.Reads().Tasks...)
		}
		if t.ForEach != nil {
			values = append(values[:len(values):len(values)], t.ForEach.Reads().Tasks...)
		}
		for _, ref := range values {
			if task, ok := r.tree.Index(ref.Task); ok {
				r.tasks[task].readers++
			}
		}
	}
}

// present returns the tasks that cancelling the run is about: its tasks, or its
// handlers once they run.
func (x *run) present() []int {
	from, to := 0, x.tree.Main()
	if x.plan.Handling() {
		from, to = to, len(x.tree.Tasks)
	}
	list := make([]int, 0, to-from)
	for i := from; i < to; i++ {
		list = append(list, i)
	}
	return list
}

// noteOutcome finds how the tasks of the run ended, if its handlers had started
// and no task runs again.
func (x *run) noteOutcome(list []store.Transition, states []chain.State) {
	main := x.tree.Main()
	if x.tree.Handlers == 0 {
		return
	}
	for _, s := range states[:main] {
		if !s.Ended() {
			return
		}
	}
	for i := range list {
		switch t := &list[i]; {
		case t.Task >= 0 && t.Task < main:
			x.earlier = nil
		case t.Task < 0 && t.Skip != nil && t.Skip.Outcome != "":
			x.earlier = &outcome{status: chain.State(t.Skip.Outcome), problem: t.Problem, at: t.At, seq: t.Seq, size: t.Size, current: true}
		case t.Task < 0 && x.earlier != nil:
			x.earlier.current = false
		}
	}
}

// HandlersGoOn is the warning of a cancelled run whose handlers have not ended.
const HandlersGoOn = "the tasks have stopped; on_cancel and on_exit of the run still run: get_run shows them, and cancelling it again ends them"

// awaitHandlers waits for the handlers of a cancelled run, for the grace period. It
// reports whether the run has ended.
func (r *Engine) awaitHandlers(ctx context.Context, x *run) bool {
	timer := time.NewTimer(r.opts.Grace)
	defer timer.Stop()
	select {
	case <-x.done:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// otherHandlers refuses to run handlers of an outcome that the run has not had.
func otherHandlers(tree *chain.Tree, row *store.Run, list []store.Transition, named []int) *executors.Error {
	view := newView(row, list)
	for _, i := range named {
		t := &tree.Tasks[i]
		if view.Tasks[i].Reason == chain.ReasonOutcome && !anyTask(tree, named) {
			return executors.Errorf(executors.ValidationError, "%s is a handler of %s, and the run is %s", t.ID, t.Handler, view.Status).
				WithHint("retry the tasks that failed, or name the handlers of this end: those in " + chain.Handler(view.Status) + " and " + chain.OnExit)
		}
	}
	return nil
}

// anyTask reports whether any of the tasks is no handler.
func anyTask(tree *chain.Tree, tasks []int) bool {
	for _, i := range tasks {
		if tree.Tasks[i].Handler == "" {
			return true
		}
	}
	return false
}

// apart takes the handlers out of the tasks of a view.
func apart(v *chain.RunView) {
	main := len(v.Tasks)
	for main > 0 && v.Tasks[main-1].Handler != "" {
		main--
	}
	v.Tasks, v.Handlers = v.Tasks[:main:main], v.Tasks[main:]
}
