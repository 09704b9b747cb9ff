package engine

import (
	"context"
	"runtime/debug"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/internal/step"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// endRun ends a run without handlers, after its outputs were evaluated. That
// takes place outside of the turn, because it can take long.
func (x *run) endRun() {
	if len(x.tree.Outputs) == 0 {
		x.recordEnd(nil)
		return
	}
	x.ending = true
	go func() {
		all := x.outputs()
		x.inbox.post(func() {
			if x.recorder.broken == nil {
				x.recordEnd(all)
			}
		})
	}()
}

// outputs evaluates the outputs. It is safe without the turn.
func (x *run) outputs() (all *chain.Outputs) {
	defer func() {
		if p := recover(); p != nil {
			x.engine.opts.Log.Error().Interface("panic", p).Str("run_id", x.row.ID).Bytes("stack", debug.Stack()).Msg("the outputs of a run panicked")
			all = &chain.Outputs{}
			for _, out := range x.tree.Outputs {
				all.Errors = append(all.Errors, chain.OutputError{Name: out.Name, Error: errInside.Error(), ErrorType: executors.ExecutionError})
			}
		}
	}()
	return step.Outputs(context.WithoutCancel(x.base), x.tree, x.results.env(unit{element: -1}))
}

// recordEnd records the end of the run.
func (x *run) recordEnd(all *chain.Outputs) {
	status, problem, outputs := x.verdict(all)
	x.recorder.conclude(status, problem, outputs, x.now)
}

// verdict returns how the run ends, and its encoded outputs. A run whose tasks
// completed fails if an output could not be evaluated.
func (x *run) verdict(all *chain.Outputs) (status chain.State, problem *store.Problem, outputs []byte) {
	status, policy := x.plan.Status(), x.engine.opts.Registry.Policy()
	switch {
	case x.halted == errStore:
		status = chain.Failed
	case x.halted == errInterrupted || x.plan.Handling() && !x.plan.Ended():
		if status == chain.Completed && x.plan.Ended() {
			break // what was in flight has completed
		}
		status, problem = chain.Failed, problemOf(stopError(errInterrupted))
		problem.Hint = hintRetry
	}
	if x.refused != nil {
		status, problem = chain.Failed, x.refused
	}
	if all != nil {
		for i := range all.Errors {
			all.Errors[i].Error = policy.RedactString(all.Errors[i].Error)
		}
		outputs = policy.RedactJSON(plainjson.Must(all)) // its parts are JSON
	}
	if failed := step.OutputsFailed(all); failed != nil && status == chain.Completed {
		status, problem = chain.Failed, problemOf(failed)
	}
	return status, problem, outputs
}
