package tasktree

import (
	"context"
	"fmt"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/nested"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools"
)

// run runs the tree to its end. The plan stays in the output in any case. If
// the call ends first, the run is cancelled.
func (g *Generator) run(ctx context.Context, call *executors.Call, in Input, p *plan) error {
	if g.opts.Runner == nil {
		return executors.Errorf(executors.PermissionDenied, "this server does not run trees").WithField("mode")
	}
	if _, err := p.parsed.BindInputs(nil); err != nil {
		return err.WithField("mode").WithHint("the plan is in this result: run it with run_task_tree, and give the run's inputs there")
	}
	started, err := chain.Start(ctx, g.opts.Runner, p.parsed, chain.RunOptions{Principal: call.Principal, UserID: in.UserID})
	if err != nil {
		return err
	}
	p.out.RunID = started.ID
	view, err := nested.Follow(ctx, g.opts.Runner, started.ID, call, chain.ResultsUpTo(tools.MaxResult))
	if ctx.Err() != nil {
		_, cancelErr := g.opts.Runner.Cancel(context.WithoutCancel(ctx), started.ID, "", call.Principal)
		if cancelErr != nil {
			return fmt.Errorf("cancelling the run %s: %w", started.ID, cancelErr)
		}
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("waiting for the run %s: %w", started.ID, err)
	}
	p.out.Run = view
	if view.Status != chain.Completed {
		return executors.Errorf(executors.ExecutionError, "the plan is valid, but its run %s is %s", started.ID, view.Status).
			WithHint("call get_run to see the state of each task")
	}
	return nil
}
