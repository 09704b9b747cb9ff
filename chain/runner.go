package chain

import (
	"context"
	"encoding/json"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// What to do with the rest of a run when a task fails.
const (
	OnFailureContinue = "continue"
	OnFailureStop     = "stop"
)

// RunnerOptions are what a Runner works with. Registry and Store are
// required.
type RunnerOptions struct {
	Registry *executors.Registry
	Store    store.Store
	Log      zerolog.Logger
	// MaxParallel bounds the tasks in flight of the whole process (64).
	MaxParallel int
	// Grace is how long what is cancelled may take to stop (5 s).
	Grace time.Duration
	// Owner names this process in the store; random where empty.
	Owner string
}

// RunOptions are how one tree is run.
type RunOptions struct {
	Inputs map[string]any
	// MaxParallel bounds the tasks of this run in flight (64).
	MaxParallel int
	// OnFailure is OnFailureContinue where empty.
	OnFailure      string
	IdempotencyKey string
	Principal      string
	UserID         string
}

// CallOptions are how one executor is called.
type CallOptions struct {
	Principal  string
	OnProgress func(executors.Progress)
}

// CallResult is how a direct call ended.
type CallResult struct {
	RunID string
	executors.Outcome
	Duration time.Duration
	Warnings []string
}

// ListOptions select runs. Status is one of the states, or empty for all.
type ListOptions struct {
	Status    string
	Limit     int
	Cursor    string
	Principal string
}

// Runner runs task trees and direct calls in this process.
type Runner struct {
	opts RunnerOptions
}

// Run is the handle of a run that this process has started.
type Run struct {
	ID   string
	done chan struct{}
}

// Done is closed when the run has ended.
func (r *Run) Done() <-chan struct{} { return r.done }

// NewRunner makes a Runner. Close it before the store.
func NewRunner(opts RunnerOptions) *Runner { return &Runner{opts: opts} }

// Close lets what runs go on for the grace period, then interrupts it.
func (r *Runner) Close(ctx context.Context) error { return nil }

// Start starts a run and returns once its record is durable.
func (r *Runner) Start(ctx context.Context, tree *Tree, opts RunOptions) (*Run, error) {
	return nil, nil
}

// Call calls one executor: a run of one task.
func (r *Runner) Call(ctx context.Context, executorID string, args json.RawMessage, opts CallOptions) CallResult {
	return CallResult{}
}

// ViewOption narrows what a view contains.
type ViewOption func(*viewOptions)

type viewOptions struct{ maxResult int }

// ResultsUpTo leaves results out that are longer than n bytes.
func ResultsUpTo(n int) ViewOption { return func(o *viewOptions) { o.maxResult = n } }

// Run reads a run.
func (r *Runner) Run(ctx context.Context, runID, principal string, opts ...ViewOption) (*RunView, error) {
	return nil, nil
}

// Wait waits until a run has ended or the context has, then reads the run.
// The end of the context is no error: the view says how far the run is.
func (r *Runner) Wait(ctx context.Context, runID, principal string, opts ...ViewOption) (*RunView, error) {
	return nil, nil
}

// Progress calls fn with the run's latest counts and a short message when
// they have changed, at most ten times a second, until the run has ended or
// the context has.
func (r *Runner) Progress(ctx context.Context, runID, principal string, fn func(Counts, string)) error {
	return nil
}

// TaskResult reads the whole result of a task (null where it has none).
func (r *Runner) TaskResult(ctx context.Context, runID, taskRef, principal string) (json.RawMessage, *TaskView, error) {
	return nil, nil, nil
}

// Events reads the changes of state of a run after the given number.
func (r *Runner) Events(ctx context.Context, runID, principal string, after int64) ([]Event, error) {
	return nil, nil
}

// List reads the caller's runs, the newest first, and the cursor of the next
// page ("": there is none).
func (r *Runner) List(ctx context.Context, opts ListOptions) ([]RunSummary, string, error) {
	return nil, "", nil
}

// Cancel cancels a run, or with a task the task and its children.
func (r *Runner) Cancel(ctx context.Context, runID, taskRef, principal string) (*RunView, error) {
	return nil, nil
}

// Retry opens a run again that has ended.
func (r *Runner) Retry(ctx context.Context, runID string, tasks []string, principal string) (*Run, error) {
	return nil, nil
}
