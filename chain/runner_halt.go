package chain

import (
	"fmt"
	"slices"
	"time"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// reported handles what a worker did.
func (x *run) reported(r *report) {
	w := r.worker
	r.unit.giveBack(x)
	w.busy = false
	if w.lost {
		return // its task has ended without it; it is not used again
	}
	x.idle = append(x.idle, w)
	x.flying--
	x.landed(r)
}

// landed moves on from the end of a unit.
func (x *run) landed(r *report) {
	task := r.unit.task
	at := &x.tasks[task]
	switch {
	case x.ended(task):
	case r.unit.elem >= 0:
		x.element(at.each, r)
	case !r.unit.check:
		x.end(task, r.state, r.out, r.attempts, r.at, nil)
	case at.stop != nil: // stopped while its condition was looked at
		x.end(task, Cancelled, executors.Outcome{Err: stopError(at.stop)}, at.attempts, r.at, nil)
	case r.each:
		x.expand(task, r.elements)
	case r.state == InProgress:
		at.checked = true
		x.park(task)
	case r.state == Skipped:
		x.end(task, Skipped, executors.Outcome{}, at.attempts, r.at, nil)
	default:
		x.begin(task)
		x.end(task, r.state, r.out, r.attempts, r.at, nil)
	}
}

// end records the end of a task. The plan hears of it when it is durable.
func (x *run) end(task int, state State, out executors.Outcome, attempts int, when time.Time, errors []store.ElementError) {
	at := &x.tasks[task]
	at.attempts = max(at.attempts, attempts)
	if when.Before(at.started) {
		when = at.started // it ended before its start could be noted
	}
	x.keep(task, out)
	t := store.Transition{Task: task, State: string(state), Attempt: at.attempts, At: when, Started: at.started,
		Result: out.Result, Size: len(out.Result), Problem: problemOf(out.Err)}
	if state == Skipped {
		t.Skip = &store.Skip{Reason: ReasonCondition}
	}
	if t.Problem != nil {
		t.Problem.Elements = errors
	}
	x.hurry = true
	x.ends = append(x.ends, end{x.record(t), task, state})
}

// halt stops the whole run: nothing starts any more, and what is in flight
// is told to stop.
func (x *run) halt(cause error) {
	if x.final > 0 {
		return
	}
	if x.halted == nil || x.halted == errStopped || cause == errStore {
		x.halted = cause
	}
	x.plan.Cancel()
	x.follow(cause)
	all := make([]int, len(x.tree.Tasks))
	for i := range all {
		all[i] = i
	}
	x.stop(all, cause)
}

// haltTasks stops some tasks.
func (x *run) haltTasks(tasks []int, cause error) {
	running := x.plan.CancelTasks(tasks)
	x.follow(cause)
	x.stop(running, cause)
}

// stop tells tasks that the plan has handed out to stop, and gives up on
// those that have not after the grace period.
func (x *run) stop(tasks []int, cause error) {
	which := make(map[int]bool, len(tasks))
	for _, task := range tasks {
		if !x.ended(task) {
			which[task] = true
			x.tasks[task].stop = cause
		}
	}
	state, err := Cancelled, stopError(cause)
	if cause == errInterrupted {
		state = Failed
	}
	for _, p := range x.parked {
		for _, task := range p.heap.items {
			if which[int(task)] {
				x.end(int(task), Cancelled, executors.Outcome{Err: err}, x.tasks[task].attempts, x.now, nil)
			}
		}
	}
	for i := len(x.expansions) - 1; i >= 0; i-- {
		if e := x.expansions[i]; which[e.task] && e.halt(state, err) {
			x.endExpansion(e)
		}
	}
	turns := map[*worker]int{}
	for _, w := range x.workers {
		if w.busy && !w.lost && which[w.unit.task] {
			w.cancel(cause)
			turns[w] = w.turn
		}
	}
	if len(turns) == 0 {
		return
	}
	time.AfterFunc(x.runner.opts.Grace, func() {
		x.inbox.ask(func() {
			for w, turn := range turns {
				if w.busy && !w.lost && w.turn == turn {
					x.abandon(w, cause)
				}
			}
		})
	})
}

// abandon ends a task without its worker, which has not stopped. Its permits
// come back when it does.
func (x *run) abandon(w *worker, cause error) {
	w.lost = true
	x.flying--
	id := x.tree.Tasks[w.unit.task].ID
	err := stopError(cause)
	err.Message += fmt.Sprintf("; it has not stopped after %s", x.runner.opts.Grace)
	x.unstopped = append(x.unstopped, id)
	x.runner.opts.Log.Warn().Str("run_id", x.row.ID).Str("task", id).Msg("a task does not stop")
	state := Cancelled
	if err.Type != executors.Cancelled {
		state = Failed
	}
	x.landed(&report{worker: w, unit: w.unit, state: state, out: executors.Outcome{Err: err}, attempts: w.unit.attempts + 1, at: x.now})
}

// overdue gives up on executors that have not stopped long after their
// time-out.
func (x *run) overdue(now time.Time) {
	for _, w := range x.workers {
		if at := w.deadline.Load(); at != 0 && w.busy && !w.lost && now.UnixNano() > at+int64(x.runner.opts.Grace) {
			w.cancel(errDeadline)
			x.abandon(w, errDeadline)
		}
	}
}

// tellWaiters tells those whose tasks have all ended.
func (x *run) tellWaiters() {
	left := x.waiters[:0]
	for _, w := range x.waiters {
		ended := true
		for _, task := range w.tasks {
			ended = ended && x.plan.State(task).Ended()
		}
		if ended {
			w.unstopped = slices.Clone(x.unstopped)
			close(w.done)
		} else {
			left = append(left, w)
		}
	}
	x.waiters = left
}
