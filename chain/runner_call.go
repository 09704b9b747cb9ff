package chain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// CallOptions are how one executor is called.
type CallOptions struct {
	Principal string
	// OnProgress, when set, takes progress; it never blocks.
	OnProgress func(executors.Progress)
	// Approve, when set, is asked before anything is started or recorded; what
	// it returns refuses the call.
	Approve func(def *executors.Definition, inputs map[string]any) error
}

// CallResult is how a direct call ended. RunID is empty where the call was
// refused before anything was started.
type CallResult struct {
	RunID string
	executors.Outcome
	Duration time.Duration
	Warnings []string
}

// Call calls one executor: a run of one task that needs nobody to drive it. A call
// that may be made again is recorded behind its answer; of any other the
// record is durable before it starts.
func (r *Runner) Call(ctx context.Context, executorID string, args json.RawMessage, opts CallOptions) CallResult {
	started := time.Now()
	refuse := func(err *executors.Error) CallResult {
		return CallResult{Outcome: executors.Outcome{Err: err}, Duration: time.Since(started)}
	}
	inputs, problem := r.opts.Registry.ResolveInputs(executorID, args)
	if problem != nil {
		return refuse(problem)
	}
	e, ok := r.opts.Registry.Lookup(executorID)
	if !ok {
		return refuse(executors.Errorf(executors.NotFound, "there is no executor %q", executorID))
	}
	if setting, closed := r.opts.Registry.Closed(executorID); closed {
		return refuse(executors.Errorf(executors.PermissionDenied, "policy closes the executor %s", executorID).WithHint("open it with " + setting))
	}
	def := e.Definition()
	if opts.Approve != nil {
		if err := opts.Approve(def, inputs); err != nil {
			return refuse(executors.AsError(err))
		}
	}
	id := newID(started)
	inside := ctx.Value(nested{}) != nil
	ctx, cancel := context.WithCancelCause(context.WithValue(ctx, nested{}, true))
	defer cancel(nil)
	ahead := !replayable(def, inputs)
	if problem := r.enterCall(id, cancel, ahead); problem != nil {
		return refuse(problem)
	}
	defer r.leaveCall(id)
	if !inside {
		held := r.permitsOf(executorID, opts.Principal)
		defer r.askers.leave(opts.Principal)
		if err := held.take(ctx, opts.Principal); err != nil {
			return refuse(waitError(err, executorID))
		}
		defer held.give()
	} else {
		r.began(executorID, opts.Principal)
	}
	row := &store.Run{
		ID: id, Kind: store.KindCall, Principal: opts.Principal, Name: executorID, Owner: r.opts.Owner, Status: string(InProgress),
		Inputs: r.opts.Registry.Policy().RedactJSON(args), MaxParallel: 1, OnFailure: OnFailureContinue, CreatedAt: started,
	}
	if ahead {
		row.Tasks = []store.Task{{ID: "task_1", Name: executorID, Executor: executorID, Parent: -1}}
		if _, err := r.opts.Store.Create(ctx, row); err != nil {
			return refuse(storeError(err))
		}
	}
	job := work{
		def: def, timeout: executors.TimeoutFor(def, inputs, 0), retry: def.Retry,
		call: &executors.Call{Inputs: inputs, RunID: id, TaskID: "task_1", Principal: opts.Principal, OnProgress: opts.OnProgress},
	}
	out, attempts := r.attempt(ctx, &job)
	state, out := ending(ctx, out)
	ended := time.Now()
	r.recordCall(row, ahead, store.Transition{Seq: 2, State: string(state), Attempt: attempts, At: ended, Started: started,
		Result: out.Result, Size: len(out.Result), Problem: problemOf(out.Err)})
	result := CallResult{RunID: id, Outcome: out, Duration: ended.Sub(started)}
	if attempts > 1 {
		result.Warnings = []string{fmt.Sprintf("it took %d attempts", attempts)}
	}
	return result
}

// recordCall has the end of a call stored, some time soon.
func (r *Runner) recordCall(row *store.Run, ahead bool, t store.Transition) {
	if ahead {
		begun := store.Transition{Seq: 1, State: string(InProgress), Attempt: 1, At: row.CreatedAt}
		r.opts.Store.Append(&store.Batch{
			RunID: row.ID, Owner: row.Owner, Behind: true, Transitions: []store.Transition{begun, t},
			Status: t.State, CompletedAt: t.At, Counts: map[string]int{t.State: 1},
		}, func(err error) {
			if err != nil {
				r.opts.Log.Error().Err(err).Str("run_id", row.ID).Msg("the end of a call could not be stored")
			}
		})
		return
	}
	row.Status, row.CompletedAt, row.Outcome, row.Seq = t.State, t.At, &t, t.Seq
	r.opts.Store.Record(row)
}

// enterCall takes a call in, so that it can be closed, and cancelled if
// others can see it.
func (r *Runner) enterCall(id string, cancel context.CancelCauseFunc, visible bool) *executors.Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return errClosing()
	}
	r.calls[id] = cancel
	if visible {
		r.startWatch()
	}
	return nil
}

func (r *Runner) leaveCall(id string) {
	r.mu.Lock()
	delete(r.calls, id)
	r.checkIdle()
	r.mu.Unlock()
}

// permits are the bounds that a call is under. Who asks comes first: while his
// own bound makes him wait, he must not keep others from an executor.
type permits [3]*bound

func (r *Runner) permitsOf(executor, principal string) permits {
	return permits{r.askers.enter(principal), r.limits[executor], r.process}
}

// take waits for a permit of each bound.
func (p permits) take(ctx context.Context, principal string) error {
	for i, b := range p {
		if b == nil {
			continue
		}
		if err := b.wait(ctx, principal); err != nil {
			for _, taken := range p[:i] {
				if taken != nil {
					taken.putBack()
				}
			}
			return err
		}
	}
	return nil
}

func (p permits) give() {
	for _, b := range p {
		if b != nil {
			b.give()
		}
	}
}

// began counts a call, or another attempt at one, that needs no permit.
func (r *Runner) began(executor, principal string) {
	r.limits[executor].began()
	r.askers.of(principal).began()
}

// codeTooFast is the error code of a call that was refused because more of
// them would begin in a second than may.
const codeTooFast = "rate_limited"

// waitError is the failure of a call that was given up before it started.
func waitError(err error, executor string) *executors.Error {
	var fast *tooFast
	switch {
	case errors.As(err, &fast):
		return executors.Errorf(executors.ExecutionError, "too many calls in a second: its turn would come in %s", fast.after.Round(time.Second)).
			WithCode(codeTooFast).Retry(fast.after).WithHint("call less often; the operator sets policy.limits.executors." + executor + ".per_second and policy.limits.principal.per_second")
	case err == errInterrupted || err == errCancelled:
		return stopError(err)
	}
	return executors.AsError(fmt.Errorf("waiting for other calls to end: %w", err))
}
