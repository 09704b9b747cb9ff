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

const (
	// tendEvery is how often this process passes on what other processes have
	// left in the store for the runs: requests to cancel, and answers.
	tendEvery = time.Second
	// lookEvery is how often it looks for runs without a workflow, which is a
	// sign that a process died when it started one; lookAfter is how old they are
	// at least.
	lookEvery = 30 * time.Second
	lookAfter = 15 * time.Second
)

// tend looks after the runs until the engine is closed.
func (e *Engine) tend() {
	looked := time.Time{}
	for retry.Sleep(e.closing, tendEvery) {
		e.passOn(e.closing)
		if time.Since(looked) >= lookEvery {
			looked = time.Now()
			e.startMissing(e.closing)
		}
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

// mostMissing is the largest number of runs that are looked at for a workflow.
const mostMissing = 500

func (e *Engine) startMissing(ctx context.Context) {
	rows, err := e.opts.Store.List(ctx, store.Query{Anyone: true, Kind: store.KindTree, Status: string(chain.InProgress), Limit: mostMissing})
	for i := range rows {
		row := &rows[i]
		if row.Owner != e.owner || time.Since(row.CreatedAt) < lookAfter {
			continue
		}
		var gone *serviceerror.NotFound
		found, err := e.client.DescribeWorkflowExecution(ctx, row.ID, "")
		if err == nil && found.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING || err != nil && !errors.As(err, &gone) {
			continue
		}
		// It may have ended since it was listed.
		if fresh, err := e.opts.Store.Run(ctx, row.ID); err != nil || fresh.Owner != e.owner || chain.State(fresh.Status).Ended() {
			continue
		}
		e.opts.Log.Warn().Str("run_id", row.ID).Msg("a run in progress had no workflow; it gets one")
		in := RunInput{Run: row.ID, Epoch: row.Epoch, Queue: e.opts.Queue, Grace: e.opts.Grace, MaxEvents: e.opts.MaxEvents}
		if err := e.execute(ctx, in); err != nil {
			e.opts.Log.Warn().Err(err).Str("run_id", row.ID).Msg("its workflow could not be started")
		}
	}
	if err != nil && ctx.Err() == nil {
		e.opts.Log.Warn().Err(err).Msg("could not look for runs without a workflow")
	}
}
