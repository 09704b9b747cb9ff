// Package store defines the records of runs and the interface of their stores. It is not a stable API.
//
// The record of a run is its row and its transitions, numbered from 1. Transitions
// are never changed: the latest one of a task is its state, all of them are its
// history.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The errors that callers handle.
var (
	// ErrNotFound: there is no such run.
	ErrNotFound = errors.New("no such run")
	// ErrLost: the run belongs to another owner; nothing was written.
	ErrLost = errors.New("the run belongs to another process")
	// ErrChanged: the run is free, but not as it was read; nothing was written.
	// It is an ErrLost too.
	ErrChanged = fmt.Errorf("%w, or did since it was read", ErrLost)
	// ErrClosed: the store has been closed.
	ErrClosed = errors.New("the store is closed")
	// ErrFull: there is no room for another note of the kind.
	ErrFull = errors.New("the store has no room for it now")
)

// Store keeps runs. Implementations are safe for concurrent use, and a read
// sees every write that this process queued before it. The suite in storetest
// checks the rest.
type Store interface {
	Answers

	// Create writes a run before it starts and returns when it is durable. If
	// the principal has used the run's key before, it writes nothing and
	// returns the run of that key.
	Create(ctx context.Context, run *Run) (existing *Run, err error)
	// Append queues a batch. The batches of a run are written in the order of
	// the calls. done is called once, when the batch is durable or has failed,
	// possibly before Append returns. It must return quickly, because it may
	// delay the writer. The caller must not change the batch afterwards.
	Append(batch *Batch, done func(error))
	// Record queues a finished call and returns at once.
	Record(run *Run)
	// Claim assigns a run that has ended, that has no owner, or whose owner has
	// not been seen for a while, to a new owner and marks it as in progress. Its
	// epoch grows by one. It returns ErrLost if the run is not free, and
	// ErrChanged if it has changed.
	Claim(ctx context.Context, claim Claim) (*Run, error)
	// Free returns the ids of runs in progress that no process drives, the
	// oldest first: those without an owner that are due or have an answer or a
	// cancel request that nobody has taken, and those whose owner
	// was last seen before the given time. Runs whose parent has not ended are left
	// out. It does not create a store that does not exist.
	Free(ctx context.Context, unseenSince time.Time, limit int) ([]string, error)
	// Queued returns the ids of queued runs: the oldest of each principal, then
	// the second of each, and so on. It does not create a store that does not
	// exist.
	Queued(ctx context.Context, limit int) ([]string, error)
	// Held returns the epochs of the runs in progress of an owner, by id.
	Held(ctx context.Context, owner string) (map[string]int64, error)
	// Wake makes a run in progress that has no owner due at once. Any other run
	// is left as it is.
	Wake(ctx context.Context, id string) error

	// Run returns a run's row, or ErrNotFound.
	Run(ctx context.Context, id string) (*Run, error)
	// Transitions returns a run's transitions after the given number, in
	// order. Results longer than maxResult bytes are left out (0: no limit).
	Transitions(ctx context.Context, id string, after int64, maxResult int) ([]Transition, error)
	// Last returns a task's latest transition, result included, or nil.
	// Transitions of its elements are left out.
	Last(ctx context.Context, id string, task int) (*Transition, error)
	// Head returns the first n bytes of the result of a transition, nil if it
	// has none.
	Head(ctx context.Context, id string, seq int64, n int) ([]byte, error)
	// Elements returns the transitions of a task's elements after the given
	// number, in order, results included.
	Elements(ctx context.Context, id string, task int, after int64) ([]Transition, error)
	// Remove removes those of the runs that have ended, with all that belongs to
	// them, and returns their ids.
	Remove(ctx context.Context, ids []string) (removed []string, err error)
	// List returns runs, the newest first.
	List(ctx context.Context, query Query) ([]Run, error)

	// RequestCancel stores a cancel request for the run's owner.
	RequestCancel(ctx context.Context, cancel Cancel) error
	// TakeCancels returns the cancel requests for the runs of an owner and
	// removes them.
	TakeCancels(ctx context.Context, owner string) ([]Cancel, error)
	// Beat stores the heartbeat of an owner. It does not wait for queued writes.
	Beat(ctx context.Context, owner string) error

	// Logs are what tasks put out.
	Logs
	// Notes are what processes share besides runs.
	Notes
	// Schedules are the schedules of saved trees.
	Schedules

	// Flush returns when everything that was queued before is durable.
	Flush(ctx context.Context) error
	// Close flushes and closes the store.
	Close() error
}

// Kinds of run.
const (
	KindTree = "tree"
	KindCall = "call"
)

// Elsewhere begins the names of owners that are no processes, but engines that
// drive runs elsewhere. They store no heartbeats, and their runs are never free.
const Elsewhere = "engine:"

// Run is the row of a run.
type Run struct {
	ID        string
	Kind      string
	Principal string
	Name      string
	UserID    string
	// Key is the idempotency key, and Digest that of the tree and the inputs.
	Key, Digest string
	// Owner is the process that drives the run, and OwnerSeen its last
	// heartbeat; empty: no process does. OwnerSince is when it began to.
	Owner                 string
	OwnerSince, OwnerSeen time.Time
	OwnerPID              int
	OwnerHost             string
	// Epoch grows by one whenever a process claims the run.
	Epoch int64
	// Crashes is how many owners in a row were lost without progress.
	Crashes int
	// Wake is when a run without an owner may be claimed; zero: at once.
	Wake time.Time

	Status string
	// Counts are the numbers of tasks by state.
	Counts map[string]int
	// Problem is why the run as a whole failed, unless a task failed. Its warning is
	// about handlers that failed.
	Problem *Problem

	// Tree is the source as it was given, Inputs the run's inputs. For a
	// call, Tree is empty and Inputs are the arguments.
	Tree, Inputs []byte
	Tasks        []Task
	MaxParallel  int
	OnFailure    string

	// Policy and Config are digests of the policy and of the configuration
	// file that the run was started under; empty if there was none.
	Policy, Config string
	// Trace is the trace context (traceparent) of the call that started the
	// run, or empty.
	Trace  string
	Labels map[string]string
	// Within is what the request that started or retried the run last forbids
	// its calls, as JSON; empty: nothing.
	Within string
	// Parent is the run whose task started this one, or empty. List leaves it
	// out.
	Parent string

	// Seq is the number of the last transition.
	Seq         int64
	CreatedAt   time.Time
	CompletedAt time.Time

	// Outcome is how a recorded call ended: it has no transitions of its own.
	Outcome *Transition
}

// FillCall sets the fields of a call that are not stored because they follow from
// others.
func (r *Run) FillCall() {
	if r.Kind != KindCall {
		return
	}
	r.Tasks = []Task{{ID: "task_1", Name: r.Name, Executor: r.Name, Parent: -1}}
	if r.Counts == nil {
		r.Counts = map[string]int{r.Status: 1}
	}
}

// Task is a task before it runs.
type Task struct {
	ID       string `json:"id"`
	Name     string `json:"name,omitempty"`
	Executor string `json:"executor"`
	UserID   string `json:"user_id,omitempty"`
	Parent   int    `json:"parent"` // -1: none
	// Handler is the list of handlers that the task is in; empty: none.
	Handler string `json:"handler,omitempty"`
}

// Transition is one change of state of a task, or of the run (Task -1).
type Transition struct {
	Seq  int64
	Task int
	// Element is the number of the element of a for_each, counted from 1; 0
	// is the task as a whole.
	Element int
	// State is the new state. An attempt that failed and is to
	// be repeated is recorded too, as in_progress with a Problem.
	State   string
	Attempt int
	At      time.Time
	// Started is when the task's work began; only on a final state.
	Started time.Time
	// Next is when the next attempt starts; only after a failed attempt that
	// is repeated.
	Next time.Time
	// After is, in a shared batch, the number of the last transition of the
	// same task and element that the writer knows. It is not stored.
	After int64
	// Generation is set on a task that goes back to pending to start over:
	// elements recorded before this transition no longer count.
	Generation int
	// Skip is why a task was skipped. The transition of a run whose handlers start
	// has it too, with the outcome, and that of a for_each that starts, with the
	// number of its elements.
	Skip *Skip
	// Approval is what a task asks a person, or how the person answered.
	Approval *Approval
	Result   []byte
	// Size is the length of the result, even if the result is left out.
	Size    int
	Problem *Problem
}

// Skip is why a task was skipped.
type Skip struct {
	Reason string `json:"reason,omitempty"`
	// By are the dependencies that did not complete, and Roots the tasks that
	// caused it.
	By    []int `json:"by,omitempty"`
	Roots []int `json:"roots,omitempty"`
	// Outcome is how the tasks of a run ended, before its handlers.
	Outcome string `json:"outcome,omitempty"`
	// Of is the number of elements of a for_each.
	Of int `json:"of,omitempty"`
}

// Problem is a stored error, or what people must know about a completed task. An
// error has a type.
type Problem struct {
	Type       string         `json:"type"`
	Message    string         `json:"message"`
	Code       string         `json:"code,omitempty"`
	Field      string         `json:"field,omitempty"`
	Hint       string         `json:"hint,omitempty"`
	Retryable  bool           `json:"retryable,omitempty"`
	RetryAfter time.Duration  `json:"retry_after,omitempty"`
	Elements   []ElementError `json:"elements,omitempty"`
	Warning    string         `json:"warning,omitempty"`
}

// Failed reports whether there is an error.
func (p *Problem) Failed() bool { return p != nil && p.Type != "" }

// ElementError is the failure of one element of a for_each.
type ElementError struct {
	Index     int    `json:"index"`
	Error     string `json:"error"`
	ErrorType string `json:"error_type"`
}

// Batch is the transitions of a run since the last batch.
type Batch struct {
	RunID, Owner string
	// Epoch is that of the run. Nothing is written if it has another one.
	Epoch       int64
	Transitions []Transition
	// Counts are the numbers of tasks by state after this batch.
	Counts map[string]int
	// Status, if set, is the run's new status, with Problem and
	// CompletedAt (zero: the run is open again).
	Status      string
	Problem     *Problem
	CompletedAt time.Time
	// Shared means that several processes write the record of the run. The
	// store numbers the transitions then, and sets Seq in them. Nothing is
	// written, and the answer is ErrChanged, if the record has a transition of
	// the same task and element after the After of one.
	Shared bool
	// Behind means that nothing waits for the batch, so it may be delayed.
	Behind bool
	// Release leaves the run without an owner: queued if Status says so, else in
	// progress. It may be claimed from Wake on; zero: at once.
	Release bool
	Wake    time.Time
}

// Guards returns the first transition of each task and element in a shared
// batch.
func (b *Batch) Guards() []Transition {
	if !b.Shared {
		return nil
	}
	type place struct{ task, element int }
	seen := make(map[place]bool, len(b.Transitions))
	var list []Transition
	for i := range b.Transitions {
		if at := (place{b.Transitions[i].Task, b.Transitions[i].Element}); !seen[at] {
			seen[at] = true
			list = append(list, b.Transitions[i])
		}
	}
	return list
}

// Number numbers the transitions of a shared batch, which follow the given
// number.
func (b *Batch) Number(after int64) {
	for i := range b.Transitions {
		b.Transitions[i].Seq = after + int64(i) + 1
	}
}

// Query selects runs. Anyone is every principal.
type Query struct {
	Principal string
	Anyone    bool
	Kind      string
	Status    string
	// Waiting selects runs with a task that waits for an answer.
	Waiting bool
	// Prefix selects runs whose id begins with it.
	Prefix string
	// Name selects runs whose name contains it, whatever the case of the letters
	// A to Z.
	Name string
	// Labels selects runs that have all these labels, with these values.
	Labels map[string]string
	// Since and Until bound when a run was created; Until itself is not included.
	Since, Until time.Time
	Limit        int
	// Before is the id of the last run of the page before.
	Before string
}

// Claim is an owner's claim to a run.
type Claim struct {
	RunID string
	Owner string
	// UnseenSince: an owner that was last seen before this time has lost its
	// runs.
	UnseenSince time.Time
	// Seq is the number of the run's last transition as the owner read it.
	Seq int64
	// Crashes and Within are stored with the run.
	Crashes int
	Within  string
}

// Cancel is a cancel request for a run or for one of its tasks.
type Cancel struct {
	RunID string
	Task  int // -1: the run
}
