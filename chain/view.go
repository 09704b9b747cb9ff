package chain

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/chainwright/chainwright/executors"
)

// Counts are the numbers of tasks by state. States without tasks are left out.
type Counts map[State]int

// Done returns how many tasks have ended, and how many there are.
func (c Counts) Done() (done, of int) {
	for state, n := range c {
		of += n
		if state.Ended() {
			done += n
		}
	}
	return done, of
}

// RunView is what readers see of a run.
type RunView struct {
	RunID     string `json:"run_id"`
	ParentRun string `json:"parent_run,omitempty"`
	Name      string `json:"name,omitempty"`
	Status    State  `json:"status"`
	// Outcome is how the tasks of a run ended whose handlers run; then the run is
	// in progress.
	Outcome State `json:"outcome,omitempty"`
	// Counts are those of the tasks that are no handlers.
	Counts Counts `json:"counts"`
	// Progress is how many of those tasks have ended; nil: the run has ended.
	Progress *Progress `json:"progress,omitempty"`
	// Outputs are those of the tree that could be evaluated, and OutputErrors
	// the others; both only when the run has ended.
	Outputs      map[string]json.RawMessage `json:"outputs,omitempty"`
	OutputErrors []OutputError              `json:"output_errors,omitempty"`
	Tasks        []TaskView                 `json:"tasks"`
	Handlers     []TaskView                 `json:"handlers,omitempty"`
	Error        string                     `json:"error,omitempty"`
	ErrorType    executors.ErrorType        `json:"error_type,omitempty"`
	Hint         string                     `json:"hint,omitempty"`
	Warnings     []string                   `json:"warnings,omitempty"`
	CreatedAt    time.Time                  `json:"created_at"`
	DurationMS   float64                    `json:"duration_ms"`

	// Seq is the number of the latest transition that the view contains.
	Seq int64 `json:"-"`
	// OutputsSize is the length in bytes of the record of the outputs, also if
	// the reader limited the length of results.
	OutputsSize int `json:"-"`
	// Call is set for a direct call of an executor.
	Call bool `json:"-"`
	// Source is the tree as canonical JSON; nil for a call. Inputs are those of the
	// run, or the arguments of the call.
	Source, Inputs json.RawMessage `json:"-"`
	// Labels are recorded with the run.
	Labels map[string]string `json:"-"`
	// Owner drives the run; nil: it has ended, or no process does.
	Owner *Owner `json:"-"`
}

// Count sets Counts and Progress from the states of the tasks.
func (v *RunView) Count() {
	v.Counts, v.Progress = Counts{}, nil
	for i := range v.Tasks {
		if v.Tasks[i].Handler == "" {
			v.Counts[v.Tasks[i].Status]++
		}
	}
	if !v.Status.Ended() {
		done, of := v.Counts.Done()
		v.Progress = &Progress{done, of}
	}
}

// Progress is how many tasks of a run have ended, without handlers.
type Progress struct {
	Done int `json:"done"`
	Of   int `json:"of"`
}

// Owner is the process that drives a run.
type Owner struct {
	// Process is its id and its machine: "process 812 on build-3".
	Process string `json:"process"`
	// Since is when it began to drive the run, and Seen its last sign of life.
	Since time.Time `json:"since"`
	Seen  time.Time `json:"seen"`
	// Gone means that it has not been seen for as long as its lease. Another
	// process may take the run.
	Gone bool `json:"gone,omitempty"`
}

// All returns the tasks and the handlers, in the order of the tree.
func (v *RunView) All() []TaskView { return slices.Concat(v.Tasks, v.Handlers) }

// At returns a task or handler by its index in the tree.
func (v *RunView) At(task int) *TaskView {
	if handler := task - len(v.Tasks); handler >= 0 {
		return &v.Handlers[handler]
	}
	return &v.Tasks[task]
}

// TaskView is what readers see of a task. Result is the stored result, unless the
// reader limited its length; Size is the length in bytes in any case.
type TaskView struct {
	ID          string              `json:"id"`
	Name        string              `json:"name"`
	Executor    string              `json:"executor"`
	UserID      string              `json:"user_id,omitempty"`
	ParentID    string              `json:"parent_id,omitempty"`
	Handler     string              `json:"handler,omitempty"` // the list of handlers that the task is in
	Status      State               `json:"status"`
	Result      json.RawMessage     `json:"result,omitempty"`
	Error       string              `json:"error,omitempty"`
	ErrorType   executors.ErrorType `json:"error_type,omitempty"`
	ErrorCode   string              `json:"error_code,omitempty"`
	Field       string              `json:"field,omitempty"`
	Hint        string              `json:"hint,omitempty"`
	Retryable   bool                `json:"retryable,omitempty"`
	RetryAfter  float64             `json:"retry_after,omitempty"`
	Errors      []ElementError      `json:"errors,omitempty"`
	Reason      string              `json:"reason,omitempty"`
	BlockedBy   []string            `json:"blocked_by,omitempty"`
	RootCauses  []string            `json:"root_causes,omitempty"`
	Attempts    int                 `json:"attempts"`
	Approval    *ApprovalView       `json:"approval,omitempty"`
	StartedAt   *time.Time          `json:"started_at,omitempty"`
	CompletedAt *time.Time          `json:"completed_at,omitempty"`

	// Elements are those of a for_each that has started.
	Elements *ElementCounts `json:"elements,omitempty"`

	Size int `json:"-"`
	// Head is the beginning of a result that was left out, if the reader asked
	// for it: see Heads.
	Head string `json:"-"`
}

// ElementCounts are how far a for_each is.
type ElementCounts struct {
	// Done is the number of elements that have ended, and Failed of those that
	// failed.
	Done   int `json:"done"`
	Failed int `json:"failed,omitempty"`
	// Of is the number of elements. It is 0 in records of older programs.
	Of int `json:"of,omitempty"`
}

// ElementError is the failure of one element of a for_each.
type ElementError struct {
	Index     int                 `json:"index"`
	Error     string              `json:"error"`
	ErrorType executors.ErrorType `json:"error_type"`
}

// RunSummary is a run in a list of runs.
type RunSummary struct {
	RunID      string    `json:"run_id"`
	Name       string    `json:"name,omitempty"`
	Kind       string    `json:"kind"` // tree, call
	Status     State     `json:"status"`
	Counts     Counts    `json:"counts"`
	CreatedAt  time.Time `json:"created_at"`
	DurationMS float64   `json:"duration_ms"`
	// Warning is about handlers that failed.
	Warning string `json:"warning,omitempty"`
	// Owner drives the run; nil: it has ended, or no process does.
	Owner *Owner `json:"-"`
	// Labels are recorded with the run.
	Labels map[string]string `json:"-"`
	// Asks are the questions that wait for an answer.
	Asks []AskSummary `json:"asks,omitempty"`
}
