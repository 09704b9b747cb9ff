package nested

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/internal/step"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// child runs a tree as a part of another run.
type child struct {
	runner chain.Engine
	tree   *chain.Tree
	grace  time.Duration
	asItIs bool // what failed in an earlier run is not tried again
}

// saved is the executor of a task that runs a saved tree.
type saved struct {
	child
	def *executors.Definition
	// resumed means that the first attempt continues the run of before as it
	// is, and does not retry what failed in it.
	resumed bool
}

// Task returns the executor of a task that runs a saved tree. resumed means that the task was in progress when its process was lost: what failed in
// the run of before is not tried again.
func Task(runner chain.Engine, t *chain.Task, grace time.Duration, resumed bool) executors.Executor {
	return &saved{child{runner: runner, tree: t.Tree, grace: grace}, t.Definition, resumed}
}

// Definition implements executors.Executor.
func (s *saved) Definition() *executors.Definition { return s.def }

// Execute implements executors.Executor.
func (s *saved) Execute(ctx context.Context, call *executors.Call) (any, error) {
	key, err := workKey(call, s.tree)
	if err != nil {
		return nil, err
	}
	c := s.child
	c.asItIs, s.resumed = s.resumed, false
	return c.run(ctx, call, "", chain.RunOptions{Inputs: call.Inputs, Principal: call.Principal, Parent: call.RunID, IdempotencyKey: key})
}

// workKey returns the idempotency key of the run of a call: it is the same
// whenever the same work is done again. A tree or inputs that have changed since
// are other work. It is empty if no engine made the call.
func workKey(call *executors.Call, tree *chain.Tree) (string, error) {
	if call.IdempotencyKey == "" {
		return "", nil
	}
	inputs, err := plainjson.Marshal(call.Inputs)
	if err != nil {
		return "", fmt.Errorf("encoding the inputs: %w", err)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %s", call.IdempotencyKey, tree.Hash(), inputs))
	return "task " + hex.EncodeToString(sum[:]), nil
}

// run runs the tree to its end, or continues the run that an earlier attempt
// started. result names the task whose result is returned; empty: the outputs
// of the tree, or else the results of all tasks.
func (c *child) run(ctx context.Context, call *executors.Call, result string, opts chain.RunOptions) (any, error) {
	started, err := chain.Start(ctx, c.runner, c.tree, opts)
	if err == nil && started.Reused && !c.asItIs {
		err = c.goOn(ctx, started.ID, call.Principal)
	}
	if err != nil {
		return nil, err
	}
	view, err := c.await(ctx, call, started.ID)
	switch {
	case err != nil:
		return nil, err
	case result != "":
		wanted, _ := c.tree.Index(result) // Check has seen it
		return resultOf(view, wanted)
	case len(c.tree.Outputs) > 0:
		return outputsOf(view)
	}
	return resultsOf(view)
}

// goOn runs the tasks of an earlier attempt that did not complete.
func (c *child) goOn(ctx context.Context, id, principal string) error {
	view, err := c.runner.Get(ctx, id, principal, chain.ResultsUpTo(0))
	if err != nil || !view.Status.Ended() || view.Status == chain.Completed {
		return err
	}
	if slices.ContainsFunc(view.Tasks, func(t chain.TaskView) bool {
		return t.Status == chain.Failed || t.Status == chain.Cancelled || t.Status == chain.Pending
	}) {
		_, err = chain.Retry(ctx, c.runner, id, nil, principal)
	}
	return err
}

// await waits for the end of a run and reports its progress. If the call ends
// first, the run is cancelled with it, and await waits until it has stopped.
func (c *child) await(ctx context.Context, call *executors.Call, id string) (*chain.RunView, error) {
	view, err := Follow(ctx, c.runner, id, call)
	if ctx.Err() == nil || err == nil && view.Status.Ended() {
		return view, err
	}
	if errors.Is(context.Cause(ctx), step.ErrLeft) {
		return nil, ctx.Err()
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.grace+time.Second)
	defer cancel()
	if _, err := c.runner.Cancel(ending, id, "", call.Principal); err != nil {
		return nil, fmt.Errorf("%w; cancelling its tree: %w", ctx.Err(), err)
	}
	return nil, ctx.Err()
}
