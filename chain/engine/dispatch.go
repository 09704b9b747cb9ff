package engine

import (
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// unit is one piece of work for a worker: a task, one of its elements, or the
// check of its condition.
type unit struct {
	task    int
	element int // of a for_each; -1: the task as a whole
	item    any
	// check means to evaluate the task's condition or its elements only.
	check bool
	// startSeq is the transition that started the task.
	startSeq int64
	// attempts is the number of attempts made before.
	attempts int
	// doubt and next are those of the past of the task or of the element.
	doubt bool
	next  time.Time
	// free means that it runs without permits.
	free bool
	at   time.Time // when it was launched
}

// dispatch launches what can start, the most urgent first, within the limits.
//
// A run that was started from inside a task always has one free unit: the task
// holds permits already, and would wait for itself. If the task has given its
// permits back, the run has none.
func (x *run) dispatch() {
	blocked := false
	for !x.closing && x.pool.active() < x.row.MaxParallel {
		free := x.nested && !x.gaveBack && x.pool.inFlight == x.pool.waiting
		task, each, from := x.backlog.next(x.plan, free)
		if from == nowhere {
			break
		}
		if free {
			x.shares.countStart(task)
		} else if got := x.shares.take(task); got == executorBusy {
			blocked = true
			if from == fromPlan {
				x.plan.Ready()
				x.backlog.park(task, x.shares.byTask[task])
			} // else next skips it until the permit is granted
			continue
		} else if got == full {
			blocked = true
			break
		}
		x.launch(task, each, from, free)
	}
	if queued := x.pool.inFlight == 0 && (blocked || x.queued() && !x.closing); queued != x.progress.queued.Load() {
		x.progress.queued.Store(queued)
	}
	x.shares.returnSpare()
}

// queued reports whether tasks wait for the permits of their executors.
func (x *run) queued() bool {
	for _, p := range x.backlog.parked {
		if len(p.tasks.Items) > 0 {
			return true
		}
	}
	return false
}

// launch takes a unit from its source and sends it to a worker.
func (x *run) launch(task int, each *expansion, from source, free bool) {
	t, at := &x.tree.Tasks[task], &x.tasks[task]
	u := unit{task: task, element: -1, free: free}
	switch from {
	case fromPlan:
		x.plan.Ready()
	case fromParking:
		x.backlog.unpark(x.shares.byTask[task])
	case fromElements:
		u.element, u.item = each.take()
		u.doubt, u.next = each.doubtOf(u.element)
	}
	if each == nil {
		if u.check = !at.checked && (t.When != nil || t.ForEach != nil || t.Approval != nil); !u.check {
			u.doubt, u.next = at.past.doubt, at.past.next
			x.begin(task)
			at.past.doubt = false
		}
	}
	u.startSeq, u.attempts, u.at = at.startSeq, at.attempts, x.now
	x.pool.launch(x, u)
}

// begin records that a task is in progress.
func (x *run) begin(task int) { x.beginEach(task, nil) }

// beginEach is begin for a task with elements. each is nil for other tasks.
func (x *run) beginEach(task int, each *store.Skip) {
	at := &x.tasks[task]
	x.plan.Start(task)
	at.started = x.now
	at.startSeq = x.record(store.Transition{Task: task, State: string(chain.InProgress), Attempt: at.attempts + 1, Skip: each})
	if !sometimesRepeatable(x.tree.Tasks[task].Definition) {
		x.recorder.urgent = true // the worker waits for it
	}
	x.plan.Changes()
}

// sometimesRepeatable reports whether some calls of an executor are repeatable.
func sometimesRepeatable(def *executors.Definition) bool {
	may := def.Annotations.ReadOnly || def.Annotations.Idempotent
	for _, e := range def.Effects {
		may = may || e.ReadOnly || e.Idempotent
	}
	return may
}

// unitEnded continues after the end of a unit.
func (x *run) unitEnded(r *report) {
	task := r.unit.task
	at := &x.tasks[task]
	switch {
	case x.progress.ended(task):
	case x.closing && (r.unit.check || r.interrupted()):
		x.setBack(r)
	case r.unit.element >= 0:
		x.elementEnded(at.each, r)
	case !r.unit.check:
		x.end(task, r.state, r.out, r.attempts, r.at, nil)
	case at.stop != nil: // stopped while its condition was evaluated
		x.end(task, chain.Cancelled, executors.Outcome{Err: stopError(at.stop)}, at.attempts, r.at, nil)
	case r.each:
		x.expand(task, r.elements, r.recorded)
	case r.state == chain.Waiting:
		x.ask(task, r.question)
	case r.state == chain.InProgress:
		at.checked = true
		x.backlog.park(task, x.shares.byTask[task])
	case r.state == chain.Skipped:
		x.end(task, chain.Skipped, executors.Outcome{}, at.attempts, r.at, nil)
	default:
		x.begin(task)
		x.end(task, r.state, r.out, r.attempts, r.at, nil)
	}
}

// end records the end of a task. settle tells the plan when it is durable.
func (x *run) end(task int, state chain.State, out executors.Outcome, attempts int, when time.Time, errors []chain.ElementError) {
	at := &x.tasks[task]
	at.attempts = max(at.attempts, attempts)
	if when.Before(at.started) {
		when = at.started // it ended before its start was recorded
	}
	var elements []store.ElementError
	for _, e := range errors {
		elements = append(elements, store.ElementError{Index: e.Index, Error: e.Error, ErrorType: string(e.ErrorType)})
	}
	x.results.keep(task, out, elements)
	t := store.Transition{Task: task, State: string(state), Attempt: at.attempts, At: when, Started: at.started,
		Result: out.Result, Size: len(out.Result), Problem: noted(out)}
	if state == chain.Skipped {
		t.Skip = &store.Skip{Reason: chain.ReasonCondition}
	}
	if at.answered != nil {
		t.Approval = &store.Approval{Answer: at.answered}
		if at.answered = nil; state == chain.Skipped {
			t.Skip.Reason = chain.ReasonTimeout
		}
	}
	if t.Problem != nil {
		t.Problem.Elements = elements
	}
	x.recorder.urgent = true
	x.ends = append(x.ends, end{x.record(t), task, state})
}
