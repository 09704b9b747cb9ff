// Package store keeps the records of runs: what was asked for, each change of
// state in the order in which it happened, and what came out.
//
// A run's record is its row and its transitions, numbered from 1. Nothing is
// rewritten: the state of a task is its latest transition, the history of its
// attempts is all of them. Whoever reads a run folds them.
package store

import (
	"context"
	"errors"
	"time"
)

// What callers branch on.
var (
	// ErrNotFound: there is no such run.
	ErrNotFound = errors.New("no such run")
	// ErrLost: the run belongs to another owner by now, nothing was written.
	ErrLost = errors.New("the run belongs to another process")
	// ErrClosed: the store has been closed.
	ErrClosed = errors.New("the store is closed")
)

// Store keeps runs. Implementations are safe for concurrent use, and a read
// sees every write that this process queued before it. The suite in storetest
// says what else is expected.
type Store interface {
	// Create writes a run before it starts and returns once that is durable.
	// Where the run's principal has used its key before, nothing is written
	// and the run of that key is returned.
	Create(ctx context.Context, run *Run) (existing *Run, err error)
	// Append writes a batch. The batches of a run are written in the order
	// of the calls. done is called exactly once, when the batch is durable or
	// has failed: possibly before Append returns, and never for long, as it
	// may hold up the writer. The bytes of a batch are never changed after.
	Append(batch *Batch, done func(error))
	// Record writes a finished call some time soon, behind the answer.
	Record(run *Run)
	// Claim makes the owner the one who drives a run that has ended, or whose
	// owner has not been seen since the given time, and marks it as in
	// progress; any other run is ErrLost.
	Claim(ctx context.Context, id, owner string, unseenSince time.Time) (*Run, error)

	// Run returns a run's row; ErrNotFound where there is none.
	Run(ctx context.Context, id string) (*Run, error)
	// Transitions returns a run's transitions after the given number, in
	// order. Results longer than the limit are left out (0: none is).
	Transitions(ctx context.Context, id string, after int64, maxResult int) ([]Transition, error)
	// Last returns a task's latest transition, result included, or nil.
	Last(ctx context.Context, id string, task int) (*Transition, error)
	// List returns runs, the newest first.
	List(ctx context.Context, query Query) ([]Run, error)

	// RequestCancel leaves a wish for the run's owner.
	RequestCancel(ctx context.Context, cancel Cancel) error
	// TakeCancels returns the wishes left for the runs of an owner, once.
	TakeCancels(ctx context.Context, owner string) ([]Cancel, error)
	// Beat says that an owner is alive.
	Beat(ctx context.Context, owner string) error

	// Flush returns once everything queued before it is durable.
	Flush(ctx context.Context) error
	// Close flushes, then frees what the store holds.
	Close() error
}

// Kinds of run.
const (
	KindTree = "tree"
	KindCall = "call"
)

// Run is the row of a run.
type Run struct {
	ID        string
	Kind      string
	Principal string
	Name      string
	UserID    string
	// Key is the idempotency key, Digest what it stands for: tree and inputs.
	Key, Digest string
	// Owner is the process that drives the run; OwnerSeen is its last beat.
	Owner     string
	OwnerSeen time.Time

	Status string
	// Counts are the numbers of tasks by state.
	Counts map[string]int
	// Problem is why the run as a whole failed, where that was no task's.
	Problem *Problem

	// Tree is the source as it was given, Inputs the run's inputs. For a
	// call, Tree is empty and Inputs are the arguments.
	Tree, Inputs []byte
	Tasks        []Task
	MaxParallel  int
	OnFailure    string

	// Seq is the number of the last transition.
	Seq         int64
	CreatedAt   time.Time
	CompletedAt time.Time

	// Outcome is how a recorded call ended: it has no transitions of its own.
	Outcome *Transition
}

// FillCall sets what follows from a run's being a call, and so is not kept.
func (r *Run) FillCall() {
	if r.Kind != KindCall {
		return
	}
	r.Tasks = []Task{{ID: "task_1", Name: r.Name, Executor: r.Name, Parent: -1}}
	if r.Counts == nil {
		r.Counts = map[string]int{r.Status: 1}
	}
}

// Task is what is known of a task before it runs.
type Task struct {
	ID       string `json:"id"`
	Name     string `json:"name,omitempty"`
	Executor string `json:"executor"`
	UserID   string `json:"user_id,omitempty"`
	Parent   int    `json:"parent"` // -1: none
}

// Transition is one change of state of a task, or of the run (Task -1).
type Transition struct {
	Seq  int64
	Task int
	// State is the state that was entered. An attempt that failed and is to
	// be repeated is recorded too, as in_progress with a Problem.
	State   string
	Attempt int
	At      time.Time
	// Started is when the task's work began; only on a final state.
	Started time.Time
	// Skip is why a task was skipped.
	Skip   *Skip
	Result []byte
	// Size is the length of the result, also where it is left out.
	Size    int
	Problem *Problem
}

// Skip is why a task was skipped.
type Skip struct {
	Reason string `json:"reason"`
	// By are the dependencies, and Roots the tasks behind them, that kept it
	// from running.
	By    []int `json:"by,omitempty"`
	Roots []int `json:"roots,omitempty"`
}

// Problem is a failure as it is kept.
type Problem struct {
	Type       string         `json:"type"`
	Message    string         `json:"message"`
	Code       string         `json:"code,omitempty"`
	Field      string         `json:"field,omitempty"`
	Hint       string         `json:"hint,omitempty"`
	Retryable  bool           `json:"retryable,omitempty"`
	RetryAfter time.Duration  `json:"retry_after,omitempty"`
	Elements   []ElementError `json:"elements,omitempty"`
}

// ElementError is the failure of one element of a for_each.
type ElementError struct {
	Index     int    `json:"index"`
	Error     string `json:"error"`
	ErrorType string `json:"error_type"`
}

// Batch is what happened to a run since the last one.
type Batch struct {
	RunID, Owner string
	Transitions  []Transition
	// Counts are the numbers of tasks by state after this batch.
	Counts map[string]int
	// Status, where set, is the run's new status, with Problem and
	// CompletedAt (zero: the run is open again).
	Status      string
	Problem     *Problem
	CompletedAt time.Time
	// Behind: nobody waits for this batch, it may linger.
	Behind bool
}

// Query selects runs. Anyone is every principal.
type Query struct {
	Principal string
	Anyone    bool
	Kind      string
	Status    string
	Limit     int
	// Before is the id of the last run of the page before.
	Before string
}

// Cancel is the wish that a run, or one task of it, ends.
type Cancel struct {
	RunID string
	Task  int // -1: the run
}
