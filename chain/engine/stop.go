package engine

import (
	"fmt"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
)

// cancel cancels a task with those grouped under it, or the run (-1), and returns
// the tasks.
func (x *run) cancel(task int) []int {
	if task < 0 {
		all := x.present()
		x.halt(errCancelled)
		return all
	}
	if task >= len(x.tree.Tasks) {
		return nil
	}
	tasks := x.tree.Subtree(task)
	running := x.plan.CancelTasks(tasks)
	x.follow(errCancelled)
	x.stop(running, errCancelled)
	return tasks
}

// halt stops the run: no task starts any more, and those in progress are told to
// stop. If it has handlers, they start then; if they run already, they are stopped.
func (x *run) halt(cause error) {
	if x.recorder.final > 0 || (x.ending || x.closing) && cause != errStore {
		return
	}
	if x.halted == nil || x.halted == errStopped || cause == errStore {
		x.halted = cause
	}
	x.skipHandlers = cause == errCancelled && x.earlier != nil
	x.plan.Cancel()
	x.follow(cause)
	x.stop(x.present(), cause)
}

// stop tells tasks that the plan has returned to stop. After the grace period it
// gives up those that have not.
func (x *run) stop(tasks []int, cause error) {
	which := make(map[int]bool, len(tasks))
	for _, task := range tasks {
		if !x.progress.ended(task) {
			which[task] = true
			x.tasks[task].stop = cause
		}
	}
	state, err := chain.Cancelled, stopError(cause)
	for _, p := range x.backlog.parked {
		for _, task := range p.tasks.Items {
			if which[int(task)] {
				x.end(int(task), chain.Cancelled, executors.Outcome{Err: err}, x.tasks[task].attempts, x.now, nil)
			}
		}
	}
	x.stopAsking(which, err)
	for i := len(x.backlog.expansions) - 1; i >= 0; i-- {
		if e := x.backlog.expansions[i]; which[e.task] && e.halt(state, err) {
			x.endExpansion(e)
		}
	}
	turns := x.pool.cancel(which, cause)
	if len(turns) == 0 {
		return
	}
	time.AfterFunc(x.engine.opts.Grace, func() {
		x.inbox.post(func() {
			for w, turn := range turns {
				if w.busy && !w.lost && w.turn == turn {
					x.abandon(w, cause)
				}
			}
		})
	})
}

// abandon ends a task although its worker has not stopped. The permits are
// returned when it does.
func (x *run) abandon(w *worker, cause error) {
	x.pool.lose(w)
	id := x.tree.Tasks[w.unit.task].ID
	if earlier := x.tasks[w.unit.task].stop; earlier != nil {
		cause = earlier
	}
	err := stopError(cause)
	err.Message += fmt.Sprintf("; it has not stopped after %s", x.engine.patience(cause))
	x.unstopped = append(x.unstopped, id)
	x.engine.opts.Log.Warn().Str("run_id", x.row.ID).Str("task", id).Msg("a task does not stop")
	state := chain.Cancelled
	if err.Type != executors.Cancelled {
		state = chain.Failed
	}
	x.unitEnded(&report{worker: w, unit: w.unit, state: state, out: executors.Outcome{Err: err}, attempts: w.unit.attempts + 1, at: x.now})
}

// abandonOverdue ends tasks whose executor has not stopped a grace period after
// its timeout.
func (x *run) abandonOverdue() {
	for _, w := range x.pool.overdue(x.now.Add(-x.engine.opts.Grace)) {
		w.cancel(errDeadline)
		x.abandon(w, errDeadline)
	}
}
