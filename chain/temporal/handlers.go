//go:build temporal

package temporal

import (
	"context"
	"errors"

	"go.temporal.io/sdk/workflow"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/store"
)

// EndTasks records how the tasks of a run have ended, before its handlers.
func (a *activities) EndTasks(ctx context.Context, in EndInput) (chain.State, error) {
	work, done := a.beating(ctx, in.Target)
	defer done()
	s, err := a.fresh(work, in.Target)
	if err != nil {
		return "", err
	}
	outcome, b, err := s.EndTasks(work, in.Cancelled)
	if b == nil || err != nil {
		return outcome, err // an attempt before this one has recorded it
	}
	for i := range b.Transitions {
		b.Transitions[i].After = s.Row().Seq
	}
	if err := a.local.Append(b); err != nil {
		if engine.Lost(err) && !isChanged(err) {
			return "", lostError(err)
		}
		return "", err
	}
	return outcome, nil
}

// startHandlers starts the handlers when all tasks have ended. It reports whether
// it did.
func (d *driver) startHandlers() (bool, error) {
	if d.tree.Handlers == 0 || d.plan.Handling() || !d.plan.TasksEnded() || len(d.changes) > 0 || len(d.units) > 0 {
		return false, nil
	}
	outcome := d.shape.Outcome
	if outcome == "" {
		end := EndInput{Target: d.target(), Cancelled: d.halted == causeCancelled}
		if err := workflow.ExecuteActivity(d.lasting(), activityOutcome, end).Get(d.ctx, &outcome); err != nil {
			return false, err
		}
	}
	d.halted = "" // cancelling the run from now on ends the handlers
	d.plan.Handle(outcome)
	if d.again {
		d.halt(causeCancelled)
	}
	return true, nil
}

// present returns the tasks that cancelling the run is about: its tasks, or its
// handlers once they run.
func (d *driver) present() []int {
	main := d.tree.Main()
	from, to := 0, main
	if d.plan.Handling() {
		from, to = main, len(d.tasks)
	}
	var list []int
	for i := from; i < to; i++ {
		list = append(list, i)
	}
	return list
}

// errHandlers means that the handlers of a cancelled run still run.
var errHandlers = errors.New(engine.HandlersGoOn)

// cancelAll cancels a run. If its handlers run, it ends them; else it waits for
// those that follow, for the grace period.
func (e *Engine) cancelAll(ctx context.Context, row *store.Run) (unstopped []int, err error) {
	var handlers []int
	for i := range row.Tasks {
		if row.Tasks[i].Handler != "" {
			handlers = append(handlers, i)
		}
	}
	if len(handlers) == 0 {
		return e.cancelRun(ctx, row)
	}
	v, err := e.local.Get(ctx, row.ID, row.Principal, chain.ResultsUpTo(0))
	if err != nil {
		return nil, err
	}
	if v.Outcome != "" {
		if unstopped, err = e.cancelThese(ctx, row, handlers); err == nil {
			_ = e.client.GetWorkflow(ctx, row.ID, "").Get(ctx, nil) // how it ends is in the record
		}
		return unstopped, err
	}
	bounded, cancel := context.WithTimeout(ctx, 2*e.opts.Grace+stopSlack)
	defer cancel()
	unstopped, err = e.cancelRun(bounded, row)
	if over(bounded, err) && !over(ctx, err) {
		err = errHandlers
	}
	return unstopped, err
}
