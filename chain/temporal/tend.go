//go:build temporal

package temporal

import (
	"context"
	"errors"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/retry"
	"github.com/chainwright/chainwright/chain/store"
)

// tendEvery is how often this process passes on what other processes have left in
// the store for the runs: requests to cancel, and answers.
const tendEvery = time.Second

// tend looks after the runs until the engine is closed.
func (e *Engine) tend() {
	e.background.Go(func() {
		for last := ""; retry.Sleep(e.closing, e.opts.LookEvery); {
			last = e.look(e.closing, last)
		}
	})
	for retry.Sleep(e.closing, tendEvery) {
		e.passOn(e.closing)
	}
}

// passOn tells workflows what other processes have left in the store for them.
func (e *Engine) passOn(ctx context.Context) {
	requests, err := e.opts.Store.TakeCancels(ctx, e.owner)
	if err != nil && ctx.Err() == nil {
		e.opts.Log.Warn().Err(err).Msg("could not read cancel requests")
	}
	for _, c := range requests {
		e.background.Go(func() {
			row, err := e.opts.Store.Run(ctx, c.RunID)
			switch {
			case err != nil || chain.State(row.Status).Ended():
			case c.Task < 0:
				_, err = e.cancelAll(ctx, row)
			default:
				_, err = e.cancelTasks(ctx, row, c.Task)
			}
			if err != nil && ctx.Err() == nil && !engine.Lost(err) {
				e.opts.Log.Warn().Err(err).Str("run_id", c.RunID).Msg("could not cancel a run")
			}
		})
	}
	answers, err := e.opts.Store.Answers(ctx, e.owner)
	if err != nil && ctx.Err() == nil {
		e.opts.Log.Warn().Err(err).Msg("could not read the answers to questions")
	}
	for _, a := range answers {
		e.tellAnswer(a)
	}
}

// mostLooked is the largest number of runs that are looked at at a time.
const mostLooked = 500

// look starts the workflows that are missing, and ends runs whose task is gone, among
// the runs before one. It returns the last one, or "" after the end of the list.
func (e *Engine) look(ctx context.Context, before string) (last string) {
	rows, err := e.opts.Store.List(ctx, store.Query{Anyone: true, Kind: store.KindTree, Status: string(chain.InProgress), Limit: mostLooked, Before: before})
	for i := range rows {
		if rows[i].Owner != e.owner || time.Since(rows[i].CreatedAt) < e.opts.LookEvery/2 {
			continue
		}
		if err := e.lookAt(ctx, rows[i].ID); err != nil && ctx.Err() == nil {
			e.opts.Log.Warn().Err(err).Str("run_id", rows[i].ID).Msg("could not look after a run in progress")
		}
	}
	if err != nil && ctx.Err() == nil {
		e.opts.Log.Warn().Err(err).Msg("could not look for runs without a workflow")
	}
	if len(rows) < mostLooked {
		return ""
	}
	return rows[len(rows)-1].ID
}

func (e *Engine) lookAt(ctx context.Context, id string) error {
	var gone *serviceerror.NotFound
	found, err := e.client.DescribeWorkflowExecution(ctx, id, "")
	if err != nil && !errors.As(err, &gone) {
		return err
	}
	works := err == nil && found.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING
	row, err := e.opts.Store.Run(ctx, id) // it may have ended since it was listed
	if err != nil || row.Owner != e.owner || chain.State(row.Status).Ended() {
		return err
	}
	outermost, over, err := e.outermost(ctx, row)
	switch {
	case err != nil:
		return err
	case works && over:
		e.opts.Log.Warn().Str("run_id", id).Msg("a run went on after the task that had started it; it is cancelled")
		return e.cancelWorkflow(ctx, id)
	case works:
		return nil
	}
	e.opts.Log.Warn().Str("run_id", id).Msg("a run in progress had no workflow; it gets one")
	in := e.input(row, outermost)
	in.Cancelled = over
	_, _, err = e.execute(ctx, in)
	return err
}

// outermost returns the run from inside whose task a run was started, directly or
// through others, or "". over means that the run which started it has ended.
func (e *Engine) outermost(ctx context.Context, row *store.Run) (id string, over bool, err error) {
	for at := row; at.Parent != ""; {
		up, err := e.opts.Store.Run(ctx, at.Parent)
		if errors.Is(err, store.ErrNotFound) { // a call, which is recorded when it ends, or purged
			return at.Parent, over, nil
		}
		if err != nil {
			return "", false, err
		}
		id, over, at = up.ID, over || chain.State(up.Status).Ended(), up
	}
	return id, over, nil
}
