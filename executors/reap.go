package executors

import (
	"context"

	"github.com/chainwright/chainwright/executors/policy"
)

// Reaper is an executor whose work can outlive the server that started it, such as
// a container.
type Reaper interface {
	// Reap ends what servers that are gone have left of a run, or (empty) of all
	// runs. It must not end what this process has started.
	Reap(ctx context.Context, pol *policy.Policy, runID string) error
}

// Reap ends what a server that is gone has left of a run, with the named executor.
// Failures are logged: a later call tries again.
func (r *Registry) Reap(ctx context.Context, id, runID string) {
	e, ok := r.enter(id)
	if !ok {
		return
	}
	defer e.leave(r.log)
	reaper, ok := e.Executor.(Reaper)
	if !ok {
		return
	}
	if _, closed := r.closed(e); closed {
		return
	}
	if err := reaper.Reap(ctx, r.policy, runID); err != nil {
		r.log.Warn().Err(err).Str("executor", id).Str("run_id", runID).Msg("what a killed server has left could not be ended")
	}
}

// ReapAll ends what servers that are gone have left of all runs.
func (r *Registry) ReapAll(ctx context.Context) {
	for id, e := range *r.all.Load() {
		if _, ok := e.Executor.(Reaper); ok {
			r.Reap(ctx, id, "")
		}
	}
}
