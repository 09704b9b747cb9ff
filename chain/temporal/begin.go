//go:build temporal

package temporal

import (
	"context"
	"errors"
	"time"

	common "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/internal/step"
	"github.com/chainwright/chainwright/chain/retry"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// memoEpoch is the name under which a workflow shows the epoch of its run.
const memoEpoch = "epoch"

// input returns the input of the workflow of a run.
func (e *Engine) input(row *store.Run, outermost string) RunInput {
	return RunInput{Run: row.ID, Epoch: row.Epoch, Outermost: outermost, Queue: e.opts.Queue, Grace: e.opts.Grace, MaxEvents: e.opts.MaxEvents}
}

// begin starts the workflow of a run. A run that was started from inside a task
// ends with it, unless the task goes on elsewhere. The task waits for the run, so
// begin waits for the server as long as the task may.
func (e *Engine) begin(ctx context.Context, row *store.Run) error {
	outermost, nested := engine.Inside(ctx)
	in := e.input(row, outermost)
	first, _, err := e.execute(context.WithoutCancel(ctx), in)
	for err != nil && nested && retry.Sleep(ctx, time.Second) {
		first, _, err = e.execute(context.WithoutCancel(ctx), in)
	}
	switch {
	case err == nil && nested:
		context.AfterFunc(ctx, func() {
			if !errors.Is(context.Cause(ctx), step.ErrLeft) && e.closing.Err() == nil {
				e.background.Go(func() { e.endPart(in, first) })
			}
		})
		return nil
	case err == nil, nested && errors.Is(context.Cause(ctx), step.ErrLeft): // the next attempt of the task starts it
		return err
	}
	problem := executors.AsError(unreachable(e.opts.Address, err))
	failed := e.local.Append(&store.Batch{RunID: row.ID, Owner: e.owner, Epoch: row.Epoch, Shared: true, Status: string(chain.Failed),
		Problem: engine.Noted(executors.Outcome{Err: problem}), CompletedAt: time.Now(),
		Transitions: []store.Transition{{Task: -1, State: string(chain.Failed), At: time.Now(), After: row.Seq + int64(len(row.Tasks)) + 1}}})
	return errors.Join(problem, failed)
}

// endPart cancels the workflow whose first history is first, if the run goes on. The
// task may be tried again meanwhile, and continue the run in another workflow.
func (e *Engine) endPart(in RunInput, first string) {
	ctx, cancel := context.WithTimeout(e.closing, callTime)
	defer cancel()
	row, err := e.opts.Store.Run(ctx, in.Run)
	if err == nil && row.Epoch == in.Epoch && !chain.State(row.Status).Ended() {
		_, err = e.client.WorkflowService().RequestCancelWorkflowExecution(ctx, &workflowservice.RequestCancelWorkflowExecutionRequest{
			Namespace: e.opts.Address.Namespace, WorkflowExecution: &common.WorkflowExecution{WorkflowId: in.Run}, FirstExecutionRunId: first,
		})
	}
	var gone *serviceerror.NotFound
	if err != nil && !errors.As(err, &gone) && ctx.Err() == nil {
		e.opts.Log.Warn().Err(err).Str("run_id", in.Run).Msg("could not cancel a run whose task has ended")
	}
}

// resumePart starts the workflow of a run that an earlier attempt of the calling
// task has recorded, if it has none: the process of that attempt may be gone.
func (e *Engine) resumePart(ctx context.Context, id string) error {
	if _, nested := engine.Inside(ctx); !nested {
		return nil
	}
	row, err := e.opts.Store.Run(ctx, id)
	if err != nil || row.Owner != e.owner || chain.State(row.Status).Ended() {
		return err
	}
	return e.begin(ctx, row)
}

// execute starts the workflow of a run, and returns the id of its first history.
// began is false if it goes on already. If that of an earlier epoch is about to end,
// execute waits for it.
func (e *Engine) execute(ctx context.Context, in RunInput) (first string, began bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	for {
		started, err := e.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
			ID: in.Run, TaskQueue: in.Queue, WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL, WorkflowExecutionErrorWhenAlreadyStarted: true,
			WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE, WorkflowTaskTimeout: 30 * time.Second,
			Memo: map[string]any{memoEpoch: in.Epoch},
		}, workflowRun, in)
		if err == nil {
			return started.GetRunID(), true, nil
		}
		var there *serviceerror.WorkflowExecutionAlreadyStarted
		if !errors.As(err, &there) {
			return "", false, err
		}
		found, err := e.client.DescribeWorkflowExecution(ctx, in.Run, "")
		if err != nil {
			return "", false, err
		}
		var epoch int64
		info := found.GetWorkflowExecutionInfo()
		if err := converter.GetDefaultDataConverter().FromPayload(info.GetMemo().GetFields()[memoEpoch], &epoch); err != nil {
			return "", false, err
		}
		if epoch >= in.Epoch {
			return info.GetFirstRunId(), false, nil
		}
		if !retry.Sleep(ctx, 50*time.Millisecond) {
			return "", false, context.Cause(ctx)
		}
	}
}
