//go:build temporal

package temporal

import (
	"errors"
	"slices"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/chainwright/chainwright/chain"
)

// unit is a task or an element in flight, with the pauses between its attempts.
type unit struct {
	task    int
	element int // -1: the task as a whole
	made    int
	after   int64
	resume  bool
	each    *expansion

	cancel     workflow.CancelFunc
	stopping   string // why it was told to stop
	gone       bool   // its end is decided
	collecting bool   // it collects the results of elements
}

// expansion is a for_each in progress.
type expansion struct {
	task, elements int
	limit          int
	after          int64
	done           []byte // marks the elements that completed before
	next, inFlight int
	stopped        string // why no more elements start
	collecting     bool
}

func (e *expansion) ready() bool {
	return e.stopped == "" && e.next < e.elements && e.inFlight < e.limit
}

// skip moves on to the next element that has to run.
func (e *expansion) skip() {
	for e.next < e.elements && e.next/8 < len(e.done) && e.done[e.next/8]&(1<<(e.next%8)) != 0 {
		e.next++
	}
}

// dispatch starts what can start, the most urgent first.
func (d *driver) dispatch() {
	for len(d.units) < d.limit {
		task, from := -1, (*expansion)(nil)
		if next, ok := d.plan.Peek(); ok {
			task = next
		}
		for _, e := range d.expansions {
			if e.ready() && (task < 0 || d.tree.Before(e.task, task)) {
				task, from = e.task, e
			}
		}
		switch {
		case task < 0:
			return
		case from != nil:
			u := &unit{task: task, element: from.next, after: from.after, each: from}
			from.next++
			from.inFlight++
			from.skip()
			d.begin(u, 0)
		default:
			d.plan.Ready()
			at := &d.tasks[task]
			d.begin(&unit{task: task, element: -1, made: at.made, resume: at.resume}, at.pause)
		}
	}
}

// begin starts a unit after a pause.
func (d *driver) begin(u *unit, pause time.Duration) {
	d.units = append(d.units, u)
	if pause > 0 {
		d.pause(u, pause)
	} else {
		d.execute(u)
	}
}

// pause executes the unit after a while.
func (d *driver) pause(u *unit, pause time.Duration) {
	ctx, cancel := workflow.WithCancel(d.ctx)
	u.cancel = cancel
	d.selector.AddFuture(workflow.NewTimer(ctx, pause), func(workflow.Future) {
		switch {
		case u.gone:
		case u.stopping != "":
			d.ended(u, chain.Cancelled, true)
		default:
			d.execute(u)
		}
	})
}

// execute makes one attempt of a unit.
func (d *driver) execute(u *unit) {
	shape := &d.shape.Tasks[u.task]
	in := TaskInput{Target: d.target(), Task: u.task, Element: u.element, Before: d.tasks[u.task].before, Made: u.made, After: u.after, Resume: u.resume}
	d.count(false)
	ctx, cancel := workflow.WithCancel(workflow.WithActivityOptions(d.ctx, workflow.ActivityOptions{
		TaskQueue: queueOf(d.in.Queue, shape.Group, d.in.Outermost != ""), StartToCloseTimeout: shape.Limit + d.in.Grace + startSlack,
		HeartbeatTimeout: heartbeat, WaitForCancellation: true, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
	}))
	u.cancel = cancel
	d.selector.AddFuture(workflow.ExecuteActivity(ctx, activityExecute, in), func(f workflow.Future) {
		if u.gone {
			return
		}
		out := &TaskOutcome{}
		d.after(u, out, f.Get(d.ctx, out))
	})
}

// after continues after an attempt.
func (d *driver) after(u *unit, out *TaskOutcome, err error) {
	switch {
	case isLost(err):
		d.lost = err
		return
	case temporal.IsCanceledError(err) && u.stopping != "":
		d.ended(u, chain.Cancelled, true)
		return
	case err != nil, out.Unrecorded && u.stopping == "": // it stopped without being asked to
		d.settle(u, err)
		return
	}
	u.made, u.after = out.Made, out.After
	switch {
	case out.State == chain.InProgress && out.Each:
		d.expand(u, out)
	case out.State == chain.Waiting && u.stopping != "":
		d.ended(u, chain.Cancelled, true)
	case out.State == chain.Waiting:
		d.remove(u)
		d.plan.Wait(u.task)
		d.ask(u.task, out.After, out.Until)
		d.count(true)
	case out.State == chain.InProgress || out.State == chain.Pending:
		u.resume = u.resume || out.State == chain.InProgress
		switch {
		case u.stopping != "":
			d.ended(u, chain.Cancelled, true)
		case out.Pause > 0:
			d.pause(u, out.Pause)
		default:
			d.execute(u)
		}
	default:
		d.ended(u, out.State, out.Unrecorded)
	}
}

// settle finds out what became of an attempt whose worker is gone or too slow.
func (d *driver) settle(u *unit, cause error) {
	var late *temporal.TimeoutError
	in := TaskInput{Target: d.target(), Task: u.task, Element: u.element, Before: d.tasks[u.task].before, Made: u.made, After: u.after,
		Overdue: errors.As(cause, &late) && late.TimeoutType() == enums.TIMEOUT_TYPE_START_TO_CLOSE}
	d.selector.AddFuture(workflow.ExecuteActivity(d.lasting(), activitySettle, in), func(f workflow.Future) {
		if u.gone {
			return
		}
		out := &TaskOutcome{}
		if err := f.Get(d.ctx, out); err != nil {
			d.lost = err
			return
		}
		d.after(u, out, nil)
	})
}

// expand starts a for_each.
func (d *driver) expand(u *unit, out *TaskOutcome) {
	u.gone = true
	d.remove(u)
	e := &expansion{task: u.task, elements: out.Elements, after: out.After, done: out.Done, limit: d.shape.Tasks[u.task].MaxParallel, stopped: u.stopping}
	if e.limit == 0 {
		e.limit = d.shape.MaxParallel
	}
	e.skip()
	if d.plan.State(u.task) == chain.Pending {
		d.plan.Start(u.task)
	}
	d.expansions = append(d.expansions, e)
}

// collect ends each for_each that has nothing left to run.
func (d *driver) collect() {
	for _, e := range d.expansions {
		if e.collecting || e.inFlight > 0 || e.next < e.elements && e.stopped == "" {
			continue
		}
		e.collecting = true
		u := &unit{task: e.task, element: -1, collecting: true}
		d.units = append(d.units, u)
		in := CollectInput{Target: d.target(), Task: e.task, Started: e.next, Before: d.tasks[e.task].before, Cause: e.stopped}
		d.selector.AddFuture(workflow.ExecuteActivity(d.lasting(), activityCollect, in), func(f workflow.Future) {
			var state chain.State
			if err := f.Get(d.ctx, &state); err != nil {
				d.lost = err
				return
			}
			d.expansions = slices.DeleteFunc(d.expansions, func(o *expansion) bool { return o == e })
			d.ended(u, state, false)
		})
	}
}

// ended continues after the end of a unit. An end that is not on record yet is
// noted for it.
func (d *driver) ended(u *unit, state chain.State, unrecorded bool) {
	u.gone = true
	d.remove(u)
	if unrecorded {
		cause := u.stopping
		if cause == "" {
			cause = causeCancelled
		}
		d.changes = append(d.changes, Change{Task: u.task, Element: u.element + 1, State: state, Cause: cause})
	}
	if u.element >= 0 {
		u.each.inFlight--
		return
	}
	delete(d.questions, u.task)
	if d.plan.State(u.task) == chain.Pending && (state == chain.Completed || state == chain.Failed) {
		d.plan.Start(u.task)
	}
	d.follow()
	d.tasks[u.task].recorded = true
	d.plan.Done(u.task, state)
	d.follow()
}

func (d *driver) remove(u *unit) {
	d.units = slices.DeleteFunc(d.units, func(o *unit) bool { return o == u })
}

// stopUnit tells a unit to stop. After the grace period it is given up.
func (d *driver) stopUnit(u *unit, cause string) {
	u.stopping = cause
	if u.cancel != nil {
		u.cancel()
	}
	d.selector.AddFuture(workflow.NewTimer(d.ctx, d.in.Grace+stopSlack), func(workflow.Future) {
		if u.gone {
			return
		}
		d.unstopped = append(d.unstopped, u.task)
		d.ended(u, chain.Cancelled, true)
		d.changes[len(d.changes)-1].Unstopped = true
	})
}
