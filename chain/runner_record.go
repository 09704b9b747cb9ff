package chain

import (
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// hintRetry says what to do about a run that did not get to its end.
const hintRetry = "retry_run goes on from here; tasks that completed are not run again"

// problemOf is an error as the store keeps it.
func problemOf(err *executors.Error) *store.Problem {
	if err == nil {
		return nil
	}
	return &store.Problem{Type: string(err.Type), Message: err.Message, Code: err.Code, Field: err.Field, Hint: err.Hint,
		Retryable: err.Retryable, RetryAfter: err.RetryAfter}
}

// errorOf is the way back.
func errorOf(p *store.Problem) *executors.Error {
	if p == nil {
		return nil
	}
	return &executors.Error{Type: executors.ErrorType(p.Type), Message: p.Message, Code: p.Code, Field: p.Field, Hint: p.Hint,
		Retryable: p.Retryable, RetryAfter: p.RetryAfter}
}

// storeError is the failure of what could not be recorded.
func storeError(err error) *executors.Error {
	return executors.Errorf(executors.ExecutionError, "the run's record could not be written: %w", err).
		WithHint("see to the space and the permissions of the store's file")
}

// unknownRun is the answer about a run that does not exist, or is not the
// caller's: which of the two is nobody's business.
func unknownRun(id string) *executors.Error {
	return executors.Errorf(executors.NotFound, "there is no run %q", id).WithField("run_id").WithHint("list_runs gives the runs there are")
}

// tasksOf is what the store keeps of the tasks before they run.
func tasksOf(tree *Tree, userID string) []store.Task {
	list := make([]store.Task, len(tree.Tasks))
	for i := range tree.Tasks {
		t := &tree.Tasks[i]
		list[i] = store.Task{ID: t.ID, Name: t.Name, Executor: t.Executor, UserID: t.UserID, Parent: t.Parent}
		if t.UserID == "" {
			list[i].UserID = userID
		}
	}
	return list
}
