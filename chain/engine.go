package chain

import (
	"context"
	"encoding/json"
)

// Engine runs task trees and single executors, and keeps the records of both.
// Package engine implements it in this process. The tests in
// internal/enginetest say what every implementation must do.
//
// A run belongs to the principal that started it: for everyone else it does
// not exist. Errors are *executors.Error.
type Engine interface {
	// PrepareCall checks a call of one executor, without starting or recording
	// anything.
	PrepareCall(executor string, args json.RawMessage, opts CallOptions) (PreparedCall, error)
	// PrepareRun checks a run of a tree in the same way.
	PrepareRun(tree *Tree, opts RunOptions) (PreparedRun, error)
	// PrepareRetry checks whether tasks of a run can run again that has ended,
	// or lost its process: the named ones with all that depends on them, or, if
	// none is named, all that did not complete.
	PrepareRetry(ctx context.Context, runID string, tasks []string, principal string) (PreparedRun, error)
	// Answer answers the question of a task that waits, and returns the task.
	// The first answer counts; for the second it returns an error.
	Answer(ctx context.Context, runID, task string, answer Answer) (*TaskView, error)
	// Approvals returns the tasks that wait for an answer, those that wait
	// longest last.
	Approvals(ctx context.Context, opts ApprovalOptions) ([]WaitingTask, error)
	// Cancel cancels a run, or one of its tasks with those grouped under it,
	// and waits until what was running has stopped. What does not stop is
	// named in the view's warnings.
	Cancel(ctx context.Context, runID, task, principal string) (*RunView, error)

	// Get returns a run with its tasks.
	Get(ctx context.Context, runID, principal string, opts ...ViewOption) (*RunView, error)
	// TaskResult returns a task and its whole result, which is nil if the task
	// has none.
	TaskResult(ctx context.Context, runID, task, principal string) (json.RawMessage, *TaskView, error)
	// Log returns what a task puts out from a place on, also while it runs: one
	// page of it, which may be empty. element is an index, or AnyElement. A
	// negative place is that many bytes before the end.
	Log(ctx context.Context, runID, task, principal string, element, after int64) (LogPage, error)
	// Events returns the changes of state of a run after the given number.
	Events(ctx context.Context, runID, principal string, after int64) ([]Event, error)
	// List returns the principal's runs, newest first, and the cursor of the
	// next page, which is empty on the last page.
	List(ctx context.Context, opts ListOptions) (runs []RunSummary, next string, err error)
	// Wait waits until the run or the context ends, then returns the run. The
	// end of the context is not an error.
	Wait(ctx context.Context, runID, principal string, opts ...ViewOption) (*RunView, error)
	// Watch calls fn with the run's counts and a short message when they have
	// changed, at most ten times a second, until the run or the context ends.
	Watch(ctx context.Context, runID, principal string, fn func(Counts, string)) error

	// Close interrupts what runs, within 1.5 seconds. When it returns, the
	// records are stored.
	Close(ctx context.Context) error
}
