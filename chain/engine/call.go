package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/internal/step"
	"github.com/chainwright/chainwright/chain/limit"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// callTask is the id of the only task of a direct call.
const callTask = "task_1"

// preparedCall implements chain.PreparedCall.
type preparedCall struct {
	engine *Engine
	def    *executors.Definition
	inputs map[string]any
	args   json.RawMessage // what inputs were read from, for the record
	opts   chain.CallOptions
}

// PrepareCall implements chain.Engine.
func (r *Engine) PrepareCall(executorID string, args json.RawMessage, opts chain.CallOptions) (chain.PreparedCall, error) {
	inputs, args, problem := r.opts.Registry.ReadInputs(executorID, args)
	if problem != nil {
		return nil, problem
	}
	e, ok := r.opts.Registry.Lookup(executorID)
	if !ok {
		return nil, executors.Errorf(executors.NotFound, "there is no executor %q", executorID)
	}
	if setting, closed := r.opts.Registry.Closed(executorID); closed {
		return nil, executors.Errorf(executors.PermissionDenied, "policy closes the executor %s", executorID).WithHint("open it with " + setting)
	}
	return &preparedCall{engine: r, def: e.Definition(), inputs: inputs, args: args, opts: opts}, nil
}

// Target implements chain.PreparedCall.
func (p *preparedCall) Target() (*executors.Definition, map[string]any) { return p.def, p.inputs }

// Arguments implements chain.PreparedCall.
func (p *preparedCall) Arguments() json.RawMessage { return p.args }

// Start implements chain.PreparedCall. A call is a run of one task that needs
// no scheduler. If the call may be repeated, its record is written after the
// answer; the record of any other call is durable before the call starts.
func (p *preparedCall) Start(ctx context.Context) chain.CallResult {
	if p.opts.GivenUp == nil {
		return p.startApart(ctx)
	}
	return p.start(ctx, nil)
}

// start makes the call on the caller's goroutine. begun, which may be nil, is
// called when it can no longer be refused without a trace.
func (p *preparedCall) start(ctx context.Context, begun func(*call)) chain.CallResult {
	r, def, inputs, opts := p.engine, p.def, p.inputs, p.opts
	c := &call{engine: r, id: newID(), executor: def.ID, principal: opts.Principal, started: time.Now(), givenUp: opts.GivenUp}
	c.report = c.reporter(opts.OnProgress)
	refuse := func(err *executors.Error) chain.CallResult {
		return chain.CallResult{Outcome: executors.Outcome{Err: err}, Duration: time.Since(c.started)}
	}
	if problem := r.unchanged(def.ID, def); problem != nil {
		return refuse(problem)
	}
	enclosed, outermost, inside := enclose(ctx, c.id)
	c.ctx, c.cancel = context.WithCancelCause(enclosed)
	defer c.cancel(nil)
	c.ahead = !step.Repeatable(def, inputs)
	c.row = &store.Run{
		Policy: r.opts.Registry.Policy().Digest(), Config: r.opts.Config, Trace: opts.Trace, Within: withinOf(ctx),
		ID: c.id, Kind: store.KindCall, Principal: opts.Principal, Name: def.ID, Owner: r.opts.Owner, Status: string(chain.InProgress),
		Inputs: r.opts.Registry.Policy().RedactJSON(p.args), MaxParallel: 1, OnFailure: chain.OnFailureContinue, CreatedAt: c.started,
	}
	if problem := r.enterCall(c); problem != nil {
		return refuse(problem)
	}
	defer r.leaveCall(c)
	ahead := c.ahead
	if begun != nil {
		begun(c)
	}
	if inside {
		r.began(def.ID, opts.Principal)
	} else {
		permits := r.permitsOf(def.ID, opts.Principal)
		queued := false
		if err := permits.take(c.ctx, opts.Principal, func() { queued = true; c.says(waitingForSlot) }); err != nil {
			r.principals.Leave(opts.Principal)
			return c.refuse(waitError(err, def.ID))
		}
		defer r.giveBack(permits, opts.Principal)
		if queued {
			c.says("running " + def.ID)
		}
	}
	if ahead {
		if err := c.store(c.ctx); err != nil {
			return c.refuse(storeError(err))
		}
	}
	job := step.Call{
		Definition: def, Timeout: executors.TimeoutFor(def, inputs, 0), Retry: def.Retry,
		Call: &executors.Call{
			Inputs: inputs, RunID: c.id, TaskID: callTask, Outermost: outermost, Principal: opts.Principal, OnProgress: c.report, Logs: c,
			IdempotencyKey: step.Key(c.id, callTask, -1, 0),
		},
	}
	if def.RowsIn != "" {
		job.Call.Columns = plainjson.Columns(p.args, def.RowsIn)
	}
	out, attempts := c.do(&job)
	if !c.ended.CompareAndSwap(false, true) {
		return chain.CallResult{} // it was given up
	}
	state, out := c.ending(out)
	return c.end(state, out, attempts)
}

// startApart starts the call on a goroutine of its own, and returns when it has
// ended or was given up.
func (p *preparedCall) startApart(ctx context.Context) chain.CallResult {
	results := make(chan chain.CallResult, 2)
	own := *p
	own.opts.GivenUp = func(r chain.CallResult) { results <- r }
	go func() { results <- own.Start(ctx) }()
	return <-results
}

// call is a direct call in progress. It ends once: when its executor returns, or
// when the watcher gives it up because it ignores its context or its time-out.
// A call that was given up keeps its permits until its executor returns.
type call struct {
	engine    *Engine
	id        string
	executor  string
	principal string
	started   time.Time
	ctx       context.Context
	cancel    context.CancelCauseFunc
	// ahead means that the record is written before the call is made. Then other
	// processes can cancel it.
	ahead   bool
	row     *store.Run
	givenUp func(chain.CallResult)
	record  sync.Mutex               // orders the record of the call and of its end
	stored  bool                     // the call has a record; guarded by record
	logs    []*attemptLog            // guarded by record
	report  func(executors.Progress) // nil: no progress is wanted

	deadline atomic.Int64 // when the current attempt must end, in Unix nanoseconds; 0: no attempt has begun
	ended    atomic.Bool
	ownedAt  time.Time // when the store had its record; guarded by Engine.mu
	stopped  time.Time // when it was cancelled, or the watcher saw that; guarded by Engine.mu
}

// do calls the executor. A panic becomes an error.
func (c *call) do(job *step.Call) (out executors.Outcome, attempts int) {
	defer func() {
		if p := recover(); p != nil {
			c.engine.opts.Log.Error().Interface("panic", p).Str("run_id", c.id).Bytes("stack", debug.Stack()).Msg("a call panicked")
			out, attempts = executors.Outcome{Err: executors.Errorf(executors.ExecutionError, "internal error while making the call")}, 1
		}
	}()
	c.deadline.Store(time.Now().Add(job.Timeout).UnixNano())
	ctx, measured := c.engine.beginTask(c.ctx, job.Call, c.executor)
	defer func() { measured.end(out, attempts) }()
	if job.Retry.MaxAttempts > 1 {
		made := 1
		job.Failed = func(attempt int, err *executors.Error, pause time.Duration) {
			measured.retried(attempt, err)
			c.deadline.Store(time.Now().Add(pause + job.Timeout).UnixNano())
			made = attempt + 1
			c.says(pausing(pause, made, job.Retry.MaxAttempts))
		}
		job.Again = func(time.Time) {
			c.engine.began(c.executor, c.principal)
			c.says(trying(c.executor, made, job.Retry.MaxAttempts))
		}
	}
	return job.Do(ctx, c.engine.opts.Registry)
}

// reporter passes progress on until the call has ended.
func (c *call) reporter(report func(executors.Progress)) func(executors.Progress) {
	if report == nil {
		return nil
	}
	return func(p executors.Progress) {
		if !c.ended.Load() {
			report(p)
		}
	}
}

// ending returns how the call ends. A call is cancelled when the engine is closed:
// nothing continues it.
func (c *call) ending(out executors.Outcome) (chain.State, executors.Outcome) {
	if cause := context.Cause(c.ctx); out.Err != nil && errors.Is(cause, errInterrupted) {
		out.Err = callStopped()
		return chain.Cancelled, out
	}
	return ending(c.ctx, out)
}

// callStopped is the error of a call that the end of the program cancelled.
func callStopped() *executors.Error {
	return executors.Errorf(executors.Cancelled, "cancelled: the program that made the call was stopped").
		WithHint("retry_run makes the call again; if repeating it is not safe, check first what it has done")
}

// says reports what the call is doing.
func (c *call) says(text string) {
	if c.report != nil {
		c.report(executors.Progress{Message: text})
	}
}

// end records the end of the call and returns its result.
func (c *call) end(state chain.State, out executors.Outcome, attempts int) chain.CallResult {
	ended := time.Now()
	defer c.finishLogs()
	c.record.Lock()
	defer c.record.Unlock()
	c.engine.recordCall(c.row, c.stored, store.Transition{Seq: 2, State: string(state), Attempt: attempts, At: ended, Started: c.started,
		Result: out.Result, Size: len(out.Result), Problem: noted(out)})
	result := chain.CallResult{RunID: c.id, Outcome: out, Duration: ended.Sub(c.started)}
	if attempts > 1 {
		result.Warnings = []string{fmt.Sprintf("it took %d attempts", attempts)}
	}
	if out.Err == nil && out.Warning != "" {
		result.Warnings = append(result.Warnings, out.Warning)
	}
	return result
}

// overdue reports whether the executor should have stopped a grace period ago.
// Engine.mu is held.
func (c *call) overdue(now time.Time, grace time.Duration) bool {
	if c.ctx.Err() != nil && c.stopped.IsZero() {
		c.stopped = now
	}
	deadline := c.deadline.Load()
	if deadline == 0 {
		return false
	}
	return now.UnixNano() >= deadline+int64(grace) || !c.stopped.IsZero() && now.Sub(c.stopped) >= grace
}

// giveUp ends the call without its executor.
func (c *call) giveUp() {
	if !c.ended.CompareAndSwap(false, true) {
		return // it has ended by itself
	}
	c.cancel(errDeadline)
	c.engine.opts.Log.Warn().Str("run_id", c.id).Str("executor", c.executor).Msg("a call does not stop")
	cause := context.Cause(c.ctx)
	state, out := c.ending(executors.Outcome{Err: stopError(cause)})
	out.Err.Message += fmt.Sprintf("; it has not stopped after %s", c.engine.patience(cause))
	result := c.end(state, out, 1)
	c.engine.leaveCall(c)
	c.givenUp(result)
}

// enterCall adds a call to the calls in progress.
func (r *Engine) enterCall(c *call) *executors.Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return errClosing()
	}
	r.calls[c.id] = c
	r.startWatch()
	return nil
}

func (r *Engine) leaveCall(c *call) {
	r.mu.Lock()
	if r.calls[c.id] != nil {
		delete(r.calls, c.id)
		r.checkIdle()
	}
	r.mu.Unlock()
}

// stop cancels a call for a cause. Engine.mu is held.
func (c *call) stop(cause error) {
	c.cancel(cause)
	if c.stopped.IsZero() {
		c.stopped = time.Now()
	}
}

// recordCall queues the end of a call for the store.
func (r *Engine) recordCall(row *store.Run, ahead bool, t store.Transition) {
	if ahead {
		begun := store.Transition{Seq: 1, State: string(chain.InProgress), Attempt: 1, At: row.CreatedAt}
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

// permits are the limiters of a call. That of the principal comes first: a call
// that waits for it must not hold the permit of an executor.
type permits [3]*limit.Limiter

func (r *Engine) permitsOf(executor, principal string) permits {
	return permits{r.principals.Enter(principal), r.limits[executor], r.process}
}

// take waits for a permit of each limiter.
// queued is called when it has to wait.
func (p permits) take(ctx context.Context, principal string, queued func()) error {
	for i, b := range p {
		if b == nil {
			continue
		}
		if err := b.Wait(ctx, principal, queued); err != nil {
			for _, taken := range p[:i] {
				if taken != nil {
					taken.ReleaseUnused()
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
			b.Release()
		}
	}
}

// giveBack returns the permits of a call.
func (r *Engine) giveBack(held permits, principal string) {
	held.give()
	r.principals.Leave(principal)
}

// began counts the start of a call, or of another attempt, that needs no permit.
func (r *Engine) began(executor, principal string) {
	r.limits[executor].CountStart()
	r.principals.Of(principal).CountStart()
}

// codeTooFast is the error code of a call that was refused because of the limit
// on starts.
const codeTooFast = "rate_limited"

// waitError returns the error of a call that did not get its permits.
func waitError(err error, executor string) *executors.Error {
	var fast *limit.RateError
	switch {
	case errors.As(err, &fast):
		return executors.Errorf(executors.ExecutionError, "too many calls per second: this call could start in %s", fast.After.Round(time.Second)).
			WithCode(codeTooFast).Retry(fast.After).WithHint("call less often; the operator sets policy.limits.executors." + executor + ".per_second and policy.limits.principal.per_second")
	case errors.Is(err, errInterrupted):
		return callStopped()
	case err == errCancelled:
		return stopError(err)
	}
	return executors.AsError(fmt.Errorf("waiting for other calls to end: %w", err))
}
