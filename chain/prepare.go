package chain

import (
	"context"
	"encoding/json"
	"time"

	"github.com/chainwright/chainwright/executors"
)

// PreparedCall is a call of one executor that was checked and not started.
// Nothing is held for it, and nothing is on record.
type PreparedCall interface {
	// Target returns the executor's definition and the inputs with their
	// defaults. They are not to be changed.
	Target() (*executors.Definition, map[string]any)
	// Arguments returns the arguments that the inputs were read from, for
	// records and questions.
	Arguments() json.RawMessage
	// Start makes exactly this call, once, and returns its result. It refuses
	// the call if the executor was replaced since.
	Start(ctx context.Context) CallResult
	// StartWithin is Start for a call that may take long. If the call does not
	// end within the given time, its record is made durable, and the call goes
	// on without ctx: the result then has GoesOn and the id of the run, which
	// Get, Wait and Cancel take. A call that can't be recorded is waited for.
	StartWithin(ctx context.Context, wait time.Duration) CallResult
}

// PreparedRun is a run of a tree, or a retry of one, that was checked and not
// started. Nothing is held for it, and nothing is on record.
type PreparedRun interface {
	// Target returns the tree, the run's inputs as they are bound, and the
	// indices of the tasks that would run. They are not to be changed.
	Target() (tree *Tree, inputs map[string]any, tasks []int)
	// Start starts exactly this run, once, and returns when its record is
	// durable. The run goes on after the context ends, unless it was started
	// from inside a task. It is refused if an executor was replaced since, or
	// if the run to retry has changed.
	Start(ctx context.Context) (*Run, error)
}

// Start prepares a run and starts it.
func Start(ctx context.Context, e Engine, tree *Tree, opts RunOptions) (*Run, error) {
	run, err := e.PrepareRun(tree, opts)
	if err != nil {
		return nil, err
	}
	return run.Start(ctx)
}

// Retry prepares the retry of a run and starts it.
func Retry(ctx context.Context, e Engine, runID string, tasks []string, principal string) (*Run, error) {
	run, err := e.PrepareRetry(ctx, runID, tasks, principal)
	if err != nil {
		return nil, err
	}
	return run.Start(ctx)
}

// Call prepares a call and makes it.
func Call(ctx context.Context, e Engine, executor string, args json.RawMessage, opts CallOptions) CallResult {
	call, err := e.PrepareCall(executor, args, opts)
	if err != nil {
		return CallResult{Outcome: executors.Outcome{Err: executors.AsError(err)}}
	}
	return call.Start(ctx)
}
