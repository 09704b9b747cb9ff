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

// conclude ends the run, after its outputs were evaluated. That takes place
// outside of the turn, because it can take long.
func (x *run) conclude() {
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

// recordEnd records the end of the run. A run whose tasks completed fails if an
// output could not be evaluated.
func (x *run) recordEnd(all *chain.Outputs) {
	status, policy := x.plan.Status(), x.engine.opts.Registry.Policy()
	var problem *store.Problem
	switch x.halted {
	case errStore:
		status = chain.Failed
	case errInterrupted:
		if status == chain.Completed && x.plan.Ended() {
			break // what was in flight has completed
		}
		status, problem = chain.Failed, problemOf(stopError(errInterrupted))
		problem.Hint = hintRetry
	}
	if x.refused != nil {
		status, problem = chain.Failed, x.refused
	}
	var outputs []byte
	if all != nil {
		for i := range all.Errors {
			all.Errors[i].Error = policy.RedactString(all.Errors[i].Error)
		}
		outputs = policy.RedactJSON(plainjson.Must(all)) // its parts are JSON
	}
	if failed := step.OutputsFailed(all); failed != nil && status == chain.Completed {
		status, problem = chain.Failed, problemOf(failed)
	}
	x.recorder.conclude(status, problem, outputs, x.now)
}
