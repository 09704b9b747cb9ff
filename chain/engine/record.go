package engine

import (
	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// hintRetry is the hint of a run that was interrupted.
const hintRetry = "retry_run continues the run; completed tasks are not run again"

// problemOf converts an error for the store.
func problemOf(err *executors.Error) *store.Problem {
	if err == nil {
		return nil
	}
	return &store.Problem{Type: string(err.Type), Message: err.Message, Code: err.Code, Field: err.Field, Hint: err.Hint,
		Retryable: err.Retryable, RetryAfter: err.RetryAfter}
}

// noted returns what the store keeps of an outcome besides the result: the error,
// or the warning.
func noted(out executors.Outcome) *store.Problem {
	if out.Err == nil && out.Warning != "" {
		return &store.Problem{Warning: out.Warning}
	}
	return problemOf(out.Err)
}

// errorOf converts an error from the store.
func errorOf(p *store.Problem) *executors.Error {
	if !p.Failed() {
		return nil
	}
	return &executors.Error{Type: executors.ErrorType(p.Type), Message: p.Message, Code: p.Code, Field: p.Field, Hint: p.Hint,
		Retryable: p.Retryable, RetryAfter: p.RetryAfter}
}

// storeError returns the error of a run whose records can't be written.
func storeError(err error) *executors.Error {
	return executors.Errorf(executors.ExecutionError, "the run's record could not be written: %w", err).
		WithHint("check the free space and the permissions of the store's file")
}

// unknownRun returns the error for a run that does not exist or belongs to another
// principal. It does not reveal which.
func unknownRun(id string) *executors.Error {
	return executors.Errorf(executors.NotFound, "there is no run %q", id).WithField("run_id").WithHint("list_runs lists your runs")
}

// tasksOf returns the tasks of a tree for the store.
func tasksOf(tree *chain.Tree, userID string) []store.Task {
	list := make([]store.Task, len(tree.Tasks))
	for i := range tree.Tasks {
		t := &tree.Tasks[i]
		list[i] = store.Task{ID: t.ID, Name: t.Name, Executor: t.Executor, UserID: t.UserID, Parent: t.Parent, Handler: t.Handler}
		if t.UserID == "" {
			list[i].UserID = userID
		}
	}
	return list
}
