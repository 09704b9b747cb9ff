package tasktree

import (
	"context"
	"fmt"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/nested"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools"
)

// run runs the tree to its end. The plan stays in the answer, however the run
// ends; one that the call's end cuts short is cancelled.
func (g *Generator) run(ctx context.Context, call *executors.Call, in Input, p *plan) error {
	if g.opts.Runner == nil {
		return executors.Errorf(executors.PermissionDenied, "trees can't be run here").WithField("mode")
	}
	if _, err := p.parsed.BindInputs(nil); err != nil {
		return err.WithField("mode").WithHint("the plan is in this answer: run it with run_task_tree, which takes the run's inputs")
	}
	started, err := g.opts.Runner.Start(ctx, p.parsed, chain.RunOptions{Principal: call.Principal, UserID: in.UserID})
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
		return executors.Errorf(executors.ExecutionError, "the plan was run, and the run %s is %s", started.ID, view.Status).
			WithHint("get_run shows what each task did")
	}
	return nil
}
