//go:build temporal

package temporal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/telemetry"
)

// Options are the parts and settings of an Engine. Address, Registry and Store are
// required.
type Options struct {
	Address  Address
	Registry *executors.Registry
	// Store is the one that all processes of this namespace share.
	Store store.Store
	Log   zerolog.Logger
	// MaxParallel limits the tasks in flight in this process. 0: as the policy
	// says, else 64.
	MaxParallel int
	// Grace is how long a cancelled task may take to stop. 0: 5 s.
	Grace time.Duration
	// Telemetry creates spans and counts. Nil: off.
	Telemetry *telemetry.Telemetry
	// Config is the digest of the configuration file, or empty.
	Config string
	// Queue begins the names of the task queues. Empty: chainwright.
	Queue string
	// Build names what this program and others must agree on to work for the same
	// runs. Empty: that of this program.
	Build string
	// MaxEvents is the length of a history at which a workflow continues as
	// new. 0: when the server suggests it.
	MaxEvents int
	// BeatEvery is how often an activity reports that it goes on, and learns
	// that it is to stop. 0: a second.
	BeatEvery time.Duration
	// LookEvery is how often this process looks for runs without a workflow, which
	// is a sign that a process died when it started one, and for runs whose task
	// is gone. Runs younger than half of it are not looked at. 0: 30 s.
	LookEvery time.Duration
}

// Engine runs task trees on a Temporal server, and does tasks itself. Direct calls
// are made in this process.
type Engine struct {
	opts     Options
	owner    string // of the runs, in the store
	local    *engine.Engine
	client   client.Client
	workers  []worker.Worker
	sessions sessions

	stop       context.CancelFunc
	closing    context.Context
	background sync.WaitGroup
	closed     sync.Once
	closeErr   error
}

var _ chain.Engine = (*Engine)(nil)

// Open connects to the server. Work makes this process a worker as well. Close the
// engine before the store.
func Open(ctx context.Context, opts Options) (*Engine, error) {
	if opts.Grace == 0 {
		opts.Grace = 5 * time.Second
	}
	if opts.Queue == "" {
		opts.Queue = defaultQueue
	}
	if opts.BeatEvery == 0 {
		opts.BeatEvery = time.Second
	}
	if opts.LookEvery == 0 {
		opts.LookEvery = 30 * time.Second
	}
	if opts.Build == "" {
		opts.Build = build
	}
	opts.Queue += "-" + opts.Build
	c, err := dial(ctx, opts.Address, opts.Log)
	if err != nil {
		return nil, unreachable(opts.Address, err)
	}
	e := &Engine{
		opts: opts, owner: ownerOf(opts.Address), client: c,
		local: engine.New(engine.Options{Registry: opts.Registry, Store: opts.Store, Log: opts.Log, MaxParallel: opts.MaxParallel, Grace: opts.Grace,
			Config: opts.Config, Telemetry: opts.Telemetry}),
		sessions: sessions{open: map[Target]*opening{}},
	}
	e.local.Serve(e, e.tellAnswer)
	e.closing, e.stop = context.WithCancel(context.WithoutCancel(ctx))
	return e, nil
}

// Load returns what this process has to do now.
func (e *Engine) Load() engine.Load { return e.local.Load() }

// dial connects to the server. A server that comes back must be found again before
// it counts the tasks of this process as lost.
func dial(ctx context.Context, a Address, log zerolog.Logger) (client.Client, error) {
	again := grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: callTime}
	again.Backoff.BaseDelay, again.Backoff.MaxDelay = 100*time.Millisecond, time.Second
	return client.DialContext(ctx, client.Options{
		HostPort: a.Host, Namespace: a.Namespace, Logger: logger{log},
		ConnectionOptions: client.ConnectionOptions{DialOptions: []grpc.DialOption{grpc.WithConnectParams(again)}},
	})
}

// Work begins to do tasks: those whose executors are registered and open by now.
func (e *Engine) Work() error {
	if err := e.startWorkers(); err != nil {
		return unreachable(e.opts.Address, err)
	}
	e.background.Go(e.tend)
	return nil
}

// ownerOf returns the owner of the runs of a namespace in the store: they belong to
// no process.
func ownerOf(a Address) string { return store.Elsewhere + "temporal/" + a.Namespace }

func unreachable(a Address, err error) error {
	var unknown *serviceerror.NamespaceNotFound
	if errors.As(err, &unknown) {
		return executors.Errorf(executors.NotFound, "the Temporal server at %s has no namespace %q", a.Host, a.Namespace).WithField("engine").
			WithHint("create it with: temporal operator namespace create -n " + a.Namespace)
	}
	return executors.Errorf(executors.NetworkError, "the Temporal server at %s can't be used: %w", a.Host, err).WithField("engine").Retry(0).
		WithHint("check that it runs; for tests: temporal server start-dev")
}

// PrepareCall implements chain.Engine.
func (e *Engine) PrepareCall(executor string, args json.RawMessage, opts chain.CallOptions) (chain.PreparedCall, error) {
	return e.local.PrepareCall(executor, args, opts)
}

// prepared is a run, or a retry of one, that was checked.
type prepared struct {
	chain.PreparedRun
	start func(ctx context.Context, p chain.PreparedRun) (*chain.Run, error)
}

// Start implements chain.PreparedRun.
func (p *prepared) Start(ctx context.Context) (*chain.Run, error) { return p.start(ctx, p.PreparedRun) }

// PrepareRun implements chain.Engine.
func (e *Engine) PrepareRun(tree *chain.Tree, opts chain.RunOptions) (chain.PreparedRun, error) {
	p, err := e.local.PrepareRun(tree, opts)
	if err != nil {
		return nil, err
	}
	return &prepared{p, func(ctx context.Context, p chain.PreparedRun) (*chain.Run, error) {
		row, run, err := e.local.Record(ctx, p, e.owner)
		switch {
		case err != nil:
			return nil, err
		case row == nil:
			return run, e.resumePart(ctx, run.ID)
		}
		return run, e.begin(ctx, row)
	}}, nil
}

// PrepareRetry implements chain.Engine.
func (e *Engine) PrepareRetry(ctx context.Context, runID string, tasks []string, principal string) (chain.PreparedRun, error) {
	p, err := e.local.PrepareRetry(ctx, runID, tasks, principal)
	if err != nil {
		return nil, err
	}
	return &prepared{p, func(ctx context.Context, p chain.PreparedRun) (*chain.Run, error) {
		row, err := e.local.Reopen(ctx, p, e.owner)
		if err != nil {
			return nil, err
		}
		return &chain.Run{ID: runID}, e.begin(ctx, row)
	}}, nil
}

// callTime is how long a call of the server may take.
const callTime = 10 * time.Second

func (e *Engine) cancelWorkflow(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	return e.client.CancelWorkflow(ctx, id, "")
}

// Get implements chain.Engine.
func (e *Engine) Get(ctx context.Context, runID, principal string, opts ...chain.ViewOption) (*chain.RunView, error) {
	return e.local.Get(ctx, runID, principal, opts...)
}

// TaskResult implements chain.Engine.
func (e *Engine) TaskResult(ctx context.Context, runID, task, principal string) (json.RawMessage, *chain.TaskView, error) {
	return e.local.TaskResult(ctx, runID, task, principal)
}

// Log implements chain.Engine.
func (e *Engine) Log(ctx context.Context, runID, task, principal string, element, after int64) (chain.LogPage, error) {
	return e.local.Log(ctx, runID, task, principal, element, after)
}

// Events implements chain.Engine.
func (e *Engine) Events(ctx context.Context, runID, principal string, after int64) ([]chain.Event, error) {
	return e.local.Events(ctx, runID, principal, after)
}

// List implements chain.Engine.
func (e *Engine) List(ctx context.Context, opts chain.ListOptions) ([]chain.RunSummary, string, error) {
	return e.local.List(ctx, opts)
}

// Watch implements chain.Engine.
func (e *Engine) Watch(ctx context.Context, runID, principal string, fn func(chain.Counts, string)) error {
	return e.local.Watch(ctx, runID, principal, fn)
}

// Answer implements chain.Engine.
func (e *Engine) Answer(ctx context.Context, runID, task string, answer chain.Answer) (*chain.TaskView, error) {
	return e.local.Answer(ctx, runID, task, answer)
}

// tellAnswer tells the workflow of a run that there is an answer.
func (e *Engine) tellAnswer(a store.Answer) {
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	// If it fails, it is sent again: see tend.
	if err := e.client.SignalWorkflow(ctx, a.RunID, "", signalAnswer, AnswerInput{Task: a.Task, Asked: a.Asked}); err != nil {
		e.opts.Log.Debug().Err(err).Str("run_id", a.RunID).Msg("the workflow of a run could not be told of an answer")
	}
}

// Approvals implements chain.Engine.
func (e *Engine) Approvals(ctx context.Context, opts chain.ApprovalOptions) ([]chain.WaitingTask, error) {
	return e.local.Approvals(ctx, opts)
}

// Wait implements chain.Engine.
func (e *Engine) Wait(ctx context.Context, runID, principal string, opts ...chain.ViewOption) (*chain.RunView, error) {
	row, err := e.local.Row(context.WithoutCancel(ctx), runID, principal)
	if err != nil {
		return nil, err
	}
	if row.Owner == e.owner && !chain.State(row.Status).Ended() {
		// How it ends is in the record.
		_ = e.client.GetWorkflow(ctx, runID, "").Get(ctx, nil)
	}
	return e.local.Wait(ctx, runID, principal, opts...)
}

// Cancel implements chain.Engine.
func (e *Engine) Cancel(ctx context.Context, runID, taskRef, principal string) (*chain.RunView, error) {
	row, err := e.local.Row(ctx, runID, principal)
	if err != nil {
		return nil, err
	}
	if row.Owner != e.owner || row.Kind == store.KindCall || chain.State(row.Status).Ended() {
		return e.local.Cancel(ctx, runID, taskRef, principal)
	}
	var unstopped []int
	if taskRef == "" {
		unstopped, err = e.cancelAll(ctx, row)
	} else {
		var task int
		if task, err = engine.TaskOf(row, taskRef); err != nil {
			return nil, err
		}
		unstopped, err = e.cancelTasks(ctx, row, task)
	}
	var warning string
	switch {
	case errors.Is(err, errHandlers):
		warning = engine.HandlersGoOn
	case over(ctx, err):
		warning = "the cancelled tasks were asked to stop; the call ended before they did"
	case err != nil:
		return nil, executors.AsError(fmt.Errorf("cancelling run %s: %w", runID, err))
	case len(unstopped) > 0:
		warning = engine.Unstopped(row, unstopped, e.opts.Grace)
	}
	v, err := e.local.Get(context.WithoutCancel(ctx), runID, principal)
	if err == nil && warning != "" {
		v.Warnings = append(v.Warnings, warning)
	}
	return v, err
}

// over reports whether a call of the server failed because its context has ended.
// The server knows the deadline as well, and may be the first to end the call.
func over(ctx context.Context, err error) bool {
	if err == nil || ctx.Err() != nil {
		return err != nil
	}
	var cancelled *serviceerror.Canceled
	var late *serviceerror.DeadlineExceeded
	deadline, bounded := ctx.Deadline()
	return bounded && time.Until(deadline) < time.Second && (errors.As(err, &cancelled) || errors.As(err, &late))
}

// cancelRun cancels the workflow of a run and waits for it. A run without one gets
// one that ends it.
func (e *Engine) cancelRun(ctx context.Context, row *store.Run) (unstopped []int, err error) {
	var gone *serviceerror.NotFound
	err = e.cancelWorkflow(ctx, row.ID)
	if errors.As(err, &gone) {
		in := e.input(row, "")
		in.Cancelled = true
		var began bool
		if _, began, err = e.execute(ctx, in); err == nil && !began { // another process has just started it
			err = e.cancelWorkflow(ctx, row.ID)
		}
	}
	if err != nil {
		return nil, err
	}
	var result RunResult
	err = e.client.GetWorkflow(ctx, row.ID, "").Get(ctx, &result)
	var cancelled *temporal.CanceledError
	switch {
	case errors.As(err, &cancelled) && cancelled.HasDetails():
		return unstopped, cancelled.Details(&unstopped)
	case errors.As(err, &cancelled):
		return nil, nil
	}
	return result.Unstopped, err
}

// cancelTasks cancels a task with those grouped under it.
func (e *Engine) cancelTasks(ctx context.Context, row *store.Run, task int) (unstopped []int, err error) {
	return e.cancelThese(ctx, row, engine.Grouped(row, task))
}

func (e *Engine) cancelThese(ctx context.Context, row *store.Run, tasks []int) (unstopped []int, err error) {
	handle, err := e.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: row.ID, UpdateName: updateCancel, Args: []any{tasks}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return nil, err
	}
	return unstopped, handle.Get(ctx, &unstopped)
}

// Close implements chain.Engine. Runs go on in other processes, or later.
func (e *Engine) Close(ctx context.Context) error {
	e.closed.Do(func() {
		e.stop()
		var all sync.WaitGroup
		for _, w := range e.workers {
			all.Go(w.Stop)
		}
		all.Go(func() { e.closeErr = e.local.Close(ctx) })
		all.Wait()
		e.background.Wait()
		e.client.Close()
	})
	return e.closeErr
}
