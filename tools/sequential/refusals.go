package sequential

import (
	"sync"

	"github.com/chainwright/chainwright/executors"
)

const (
	// mostUnanswered is the number of tasks in a row that may fail although each
	// was tried several times.
	mostUnanswered = 3
	// mostRefused is the number of tasks in a row that may be refused before any
	// task was answered. Later it is the tasks that are refused, not all.
	mostRefused = 10
)

// refusals notices an endpoint that answers no task of a batch. The zero value is
// ready. It is safe for concurrent use.
type refusals struct {
	mu         sync.Mutex
	answered   bool // some task, also in an earlier start
	unanswered int  // tasks in a row that failed in transit
	refused    int  // tasks in a row that failed
	reason     *executors.Error
}

// after counts the outcome of a task, nil for an answer. It returns the error
// that stops the batch, or nil.
func (r *refusals) after(failed *executors.Error) *executors.Error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if failed == nil {
		r.answered, r.unanswered, r.refused = true, 0, 0
		return nil
	}
	if r.refused++; failed.Retryable {
		r.unanswered++
	} else {
		r.unanswered = 0
	}
	if r.reason == nil || failed.Code != executors.CodeLeftAlone { // that is not the first reason
		r.reason = failed
	}
	if r.unanswered < mostUnanswered && (r.answered || r.refused < mostRefused) {
		return nil
	}
	stop := executors.Errorf(r.reason.Type, "the batch stops, because %d rows in a row failed: %w", max(r.unanswered, r.refused), r.reason).
		WithHint("run the same command again when the reason is gone; --retry-failed also repeats the rows that failed")
	stop.Code = r.reason.Code
	return stop
}
