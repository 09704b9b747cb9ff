//go:build temporal

package temporal

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/plainjson"
)

const (
	// mostInFlight is the largest number of tasks of a run in flight: the server
	// allows 2,000 activities.
	mostInFlight = 1_500
	// drainFor is how long nothing new starts before a workflow continues as new:
	// until what is in flight has ended. If that takes longer, the workflow goes
	// on, and tries again some events later, up to lastDrain, from where on it
	// waits.
	drainFor   = time.Minute
	drainAgain = 4_000
	lastDrain  = 40_000
	// stopSlack is added to the grace period: a worker learns with a heartbeat
	// that it is to stop.
	stopSlack = 3 * time.Second
	// startSlack is added to the time of an attempt: for reading what a task
	// needs, and for permits.
	startSlack = 2 * time.Minute
	heartbeat  = 10 * time.Second
	// beatTime is how long one heartbeat may take before another one is sent.
	beatTime = 3 * time.Second
)

// driver drives a run: it is what package engine's scheduler is there. All of its
// methods run in the workflow.
type driver struct {
	ctx    workflow.Context // is not cancelled with the workflow
	in     RunInput
	shape  skeleton
	tree   *chain.Tree
	plan   *chain.Plan
	tasks  []taskState
	limit  int
	events int // when to try to continue as new; 0: as the server says

	selector   workflow.Selector
	wake       workflow.Channel
	units      []*unit // in flight
	expansions []*expansion
	changes    []Change // to be recorded
	recording  bool
	halted     string // why the whole run was stopped
	unstopped  []int
	draining   bool
	lost       error // the run has another owner, or can't be read
	again      bool  // the run was cancelled when its handlers ran, in an earlier workflow
	questions  map[int]*question
	// Counts are written from time to time, for readers of lists.
	countedAt       time.Time
	counting, stale bool
}

// taskState is what the driver knows of a task.
type taskState struct {
	before, made int
	pause        time.Duration
	resume       bool // it is in progress by its record
	recorded     bool // its end is on record
}

// runTree is the workflow of a run.
func runTree(ctx workflow.Context, in RunInput) (*RunResult, error) {
	apart, _ := workflow.NewDisconnectedContext(ctx)
	d := &driver{ctx: apart, in: in, events: in.MaxEvents, selector: workflow.NewSelector(ctx), wake: workflow.NewBufferedChannel(ctx, 1)}
	if err := d.load(); err != nil {
		return nil, err
	}
	d.listen(ctx)
	switch {
	case in.Cancelled && d.shape.Outcome != "":
		d.again = true
	case in.Cancelled:
		d.halt(causeCancelled)
	}
	again, err := d.drive()
	if waiting := workflow.Await(apart, func() bool { return workflow.AllHandlersFinished(ctx) && !d.counting }); err == nil {
		err = waiting
	}
	switch {
	case err != nil:
		return nil, err
	case again:
		in.Cancelled = d.halted == causeCancelled || ctx.Err() != nil && !d.plan.Handling()
		return nil, workflow.NewContinueAsNewError(ctx, workflowRun, in)
	}
	var status chain.State
	end := EndInput{Target: d.target(), Cancelled: d.halted == causeCancelled}
	if err := workflow.ExecuteActivity(d.lasting(), activityEnd, end).Get(apart, &status); err != nil {
		return nil, err
	}
	if status == chain.Cancelled {
		return nil, temporal.NewCanceledError(d.unstopped)
	}
	return &RunResult{Status: status, Unstopped: d.unstopped}, nil
}

func (d *driver) target() Target {
	return Target{Run: d.in.Run, Epoch: d.in.Epoch, Outermost: d.in.Outermost}
}

// lasting returns the context for activities that may be repeated until they
// succeed: those that only read and write the record.
func (d *driver) lasting() workflow.Context {
	return workflow.WithActivityOptions(d.ctx, workflow.ActivityOptions{
		TaskQueue: d.in.Queue, StartToCloseTimeout: 5 * time.Minute, HeartbeatTimeout: heartbeat,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: 100 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 10 * time.Second},
	})
}

// load reads the shape of the tree and the states of the tasks.
func (d *driver) load() error {
	var packed []byte
	if err := workflow.ExecuteActivity(d.lasting(), activityLoad, d.target()).Get(d.ctx, &packed); err != nil {
		return err
	}
	if err := d.shape.unpack(packed); err != nil {
		return err
	}
	d.questions = map[int]*question{}
	d.tree, d.tasks = &chain.Tree{Tasks: make([]chain.Task, len(d.shape.Tasks))}, make([]taskState, len(d.shape.Tasks))
	states := make([]chain.State, len(d.shape.Tasks))
	for i := range d.shape.Tasks {
		s := &d.shape.Tasks[i]
		t := &d.tree.Tasks[i]
		t.ID, t.Priority, t.AllowFailure, t.Parent, t.Handler = fmt.Sprintf("task_%d", i+1), s.Priority, s.AllowFailure, -1, s.Handler
		if s.Handler != "" {
			d.tree.Handlers++
		}
		for _, at := range s.Dependencies {
			t.Dependencies = append(t.Dependencies, chain.Dependency{Task: at / 2, Required: at%2 == 1})
		}
		states[i] = s.State
		if s.State == chain.Waiting {
			d.ask(i, s.Asked, s.Until)
		}
		d.tasks[i] = taskState{before: s.Before, made: s.Made, pause: s.Pause}
		switch s.State {
		case "":
			states[i] = chain.Pending
		case chain.InProgress:
			states[i], d.tasks[i].resume = chain.Pending, true
		}
	}
	d.plan = chain.ResumePlan(d.tree, d.shape.OnFailure, states)
	d.countedAt = workflow.Now(d.ctx)
	d.limit = min(d.shape.MaxParallel, mostInFlight)
	return nil
}

// listen waits for the cancellation of the run, and of tasks.
func (d *driver) listen(ctx workflow.Context) {
	workflow.Go(d.ctx, func(apart workflow.Context) {
		ctx.Done().Receive(apart, nil)
		d.halt(causeCancelled)
		d.wake.SendAsync(nil)
	})
	err := workflow.SetUpdateHandler(ctx, updateCancel, func(asked workflow.Context, tasks []int) ([]int, error) {
		d.cancelTasks(tasks)
		d.wake.SendAsync(nil)
		apart, _ := workflow.NewDisconnectedContext(asked) // the run may be cancelled already
		err := workflow.Await(apart, func() bool {
			return d.lost != nil || len(d.changes) == 0 && !d.recording && !slices.ContainsFunc(tasks, func(t int) bool { return !d.plan.State(t).Ended() })
		})
		var unstopped []int
		for _, t := range d.unstopped {
			if slices.Contains(tasks, t) {
				unstopped = append(unstopped, t)
			}
		}
		return unstopped, err
	})
	if err != nil {
		d.lost = err
	}
	d.listenForAnswers(ctx)
	d.selector.AddReceive(d.wake, func(c workflow.ReceiveChannel, _ bool) { c.Receive(d.ctx, nil) })
}

// drive drives the run until all tasks have ended. again means that the workflow
// has to continue as new first.
func (d *driver) drive() (again bool, err error) {
	for {
		d.follow()
		if err := d.record(); err != nil {
			return false, err
		}
		switch {
		case d.lost != nil:
			return false, d.lost
		case len(d.changes) > 0:
			continue // they came while the others were recorded
		case d.plan.Stopped() && d.halted == "" && !d.plan.Handling():
			d.halt(causeStopped)
			continue
		}
		d.collect()
		if started, err := d.startHandlers(); err != nil {
			return false, err
		} else if started {
			continue
		}
		if d.plan.Ended() && len(d.changes) == 0 {
			return false, nil
		}
		if d.full() && len(d.units) == 0 && len(d.changes) == 0 {
			return true, nil
		}
		if !d.draining && d.halted == "" {
			d.dispatch()
		}
		d.selector.Select(d.ctx)
	}
}

// full reports whether the history is long enough to continue as new, and lets
// nothing start then. Elements that have not started start in the next history.
func (d *driver) full() bool {
	info := workflow.GetInfo(d.ctx)
	length := info.GetCurrentHistoryLength()
	long := info.GetContinueAsNewSuggested() && d.events <= length
	if d.in.MaxEvents > 0 {
		long = length >= d.events
	}
	if !long || d.halted != "" {
		return false
	}
	if !d.draining && length < lastDrain {
		d.selector.AddFuture(workflow.NewTimer(d.ctx, drainFor), func(workflow.Future) {
			if d.draining && len(d.units) > 0 {
				d.draining, d.events = false, workflow.GetInfo(d.ctx).GetCurrentHistoryLength()+drainAgain
			}
		})
	}
	d.draining = true
	return true
}

// follow notes the changes that the plan made by itself, for the record.
func (d *driver) follow() {
	for _, c := range d.plan.Changes() {
		switch {
		case d.tasks[c.Task].recorded:
		case c.To == chain.Skipped:
			d.changes = append(d.changes, Change{Task: c.Task, State: c.To, Reason: c.Reason, By: c.BlockedBy, Roots: c.Roots})
		case c.To == chain.Cancelled:
			cause := d.halted
			if cause == "" && d.plan.Stopped() && !d.plan.Handling() {
				cause = causeStopped
			} else if cause == "" {
				cause = causeCancelled
			}
			d.changes = append(d.changes, Change{Task: c.Task, State: c.To, Cause: cause})
		}
	}
}

// record writes the noted changes, and waits until they are durable.
func (d *driver) record() error {
	if len(d.changes) == 0 {
		return nil
	}
	// Counts are not written at the same time, or the older ones could stay.
	if err := workflow.Await(d.ctx, func() bool { return !d.counting }); err != nil {
		return err
	}
	in := RecordInput{Target: d.target(), Changes: d.changes, Grace: d.in.Grace}
	d.changes, d.recording = nil, true
	err := workflow.ExecuteActivity(d.lasting(), activityRecord, in).Get(d.ctx, nil)
	d.recording = false
	return err
}

// cancelTasks cancels tasks.
func (d *driver) cancelTasks(tasks []int) {
	running := d.plan.CancelTasks(tasks)
	d.follow()
	d.stop(running, causeCancelled)
}

// halt stops the run: no task starts any more, and those in progress are told to
// stop.
func (d *driver) halt(cause string) {
	if d.plan.Ended() || d.halted == causeCancelled {
		return
	}
	d.follow()
	d.halted = cause
	d.plan.Cancel()
	d.follow()
	d.stop(d.present(), cause)
}

// stop tells what is in flight of the given tasks to stop.
func (d *driver) stop(tasks []int, cause string) {
	which := make([]bool, len(d.tasks))
	for _, t := range tasks {
		which[t] = true
	}
	for _, e := range d.expansions {
		if which[e.task] && e.stopped == "" {
			e.stopped = cause
		}
	}
	for task := range d.tasks { // in order
		if which[task] && d.questions[task] != nil {
			d.ended(&unit{task: task, element: -1, stopping: cause}, chain.Cancelled, true)
		}
	}
	for _, u := range slices.Clone(d.units) {
		if which[u.task] && u.stopping == "" && !u.collecting {
			d.stopUnit(u, cause)
		}
	}
}

// pack compresses the skeleton: of 10,000 tasks it has some 50 kB.
func (s *skeleton) pack() ([]byte, error) {
	raw, err := plainjson.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encoding the shape of the tree: %w", err)
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err = w.Write(raw); err == nil {
		err = w.Close()
	}
	return b.Bytes(), err
}

func (s *skeleton) unpack(packed []byte) error {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err == nil {
		err = json.NewDecoder(r).Decode(s)
	}
	if err != nil {
		return fmt.Errorf("decoding the shape of the tree: %w", err)
	}
	return nil
}
