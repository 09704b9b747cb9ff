package chain

import (
	"encoding/json"
	"time"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// Counts are the numbers of tasks by state; states that no task has are left
// out.
type Counts map[State]int

// RunView is a run as readers see it.
type RunView struct {
	RunID      string              `json:"run_id"`
	Name       string              `json:"name,omitempty"`
	Status     State               `json:"status"`
	Counts     Counts              `json:"counts"`
	Tasks      []TaskView          `json:"tasks"`
	Error      string              `json:"error,omitempty"`
	ErrorType  executors.ErrorType `json:"error_type,omitempty"`
	Hint       string              `json:"hint,omitempty"`
	Warnings   []string            `json:"warnings,omitempty"`
	CreatedAt  time.Time           `json:"created_at"`
	DurationMS float64             `json:"duration_ms"`

	// Seq is the number of the latest transition that the view contains.
	Seq int64 `json:"-"`
	// Call says that the run is a direct call of an executor.
	Call bool `json:"-"`
}

// TaskView is a task of a run as readers see it. Result is the whole stored
// result unless the reader asked for short ones only; Size is its length in
// bytes either way.
type TaskView struct {
	ID          string              `json:"id"`
	Name        string              `json:"name"`
	Executor    string              `json:"executor"`
	UserID      string              `json:"user_id,omitempty"`
	ParentID    string              `json:"parent_id,omitempty"`
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
	StartedAt   *time.Time          `json:"started_at,omitempty"`
	CompletedAt *time.Time          `json:"completed_at,omitempty"`

	Size int `json:"-"`
}

// ElementError is the failure of one element of a for_each.
type ElementError struct {
	Index     int                 `json:"index"`
	Error     string              `json:"error"`
	ErrorType executors.ErrorType `json:"error_type"`
}

// RunSummary is a run in a list.
type RunSummary struct {
	RunID      string    `json:"run_id"`
	Name       string    `json:"name,omitempty"`
	Kind       string    `json:"kind"` // tree, call
	Status     State     `json:"status"`
	Counts     Counts    `json:"counts"`
	CreatedAt  time.Time `json:"created_at"`
	DurationMS float64   `json:"duration_ms"`
}

// newView folds a run's transitions into what readers see.
func newView(row *store.Run, list []store.Transition) *RunView {
	v := &RunView{
		RunID: row.ID, Name: row.Name, Status: State(row.Status), Call: row.Kind == store.KindCall, Seq: row.Seq,
		CreatedAt: row.CreatedAt, DurationMS: millis(row.CreatedAt, row.CompletedAt), Tasks: make([]TaskView, len(row.Tasks)),
	}
	v.fail(row.Problem)
	for i, t := range row.Tasks {
		v.Tasks[i] = TaskView{ID: t.ID, Name: t.Name, Executor: t.Executor, UserID: t.UserID, Status: Pending}
		if t.Parent >= 0 {
			v.Tasks[i].ParentID = row.Tasks[t.Parent].ID
		}
	}
	if row.Outcome != nil {
		v.Tasks[0].fold(row, row.Outcome)
	}
	for i := range list {
		if t := &list[i]; t.Task >= 0 {
			v.Tasks[t.Task].fold(row, t)
		}
	}
	v.count()
	return v
}

// fold moves a task on by one transition.
func (v *TaskView) fold(row *store.Run, t *store.Transition) {
	state := State(t.State)
	v.Attempts = max(v.Attempts, t.Attempt)
	if state == InProgress && t.Problem != nil {
		return // an attempt that failed and is repeated
	}
	begun := v.StartedAt
	*v = TaskView{ID: v.ID, Name: v.Name, Executor: v.Executor, UserID: v.UserID, ParentID: v.ParentID,
		Status: state, Attempts: v.Attempts, Size: t.Size}
	switch {
	case state == InProgress:
		v.StartedAt = moment(t.At)
	case state.Ended():
		if v.StartedAt = moment(t.Started); v.StartedAt == nil {
			v.StartedAt = begun
		}
		v.CompletedAt = moment(t.At)
		v.Result = t.Result
		if s := t.Skip; s != nil {
			v.Reason, v.BlockedBy, v.RootCauses = s.Reason, idsOf(row, s.By), idsOf(row, s.Roots)
		}
		v.fail(t.Problem)
	}
}

func (v *TaskView) fail(p *store.Problem) {
	if p == nil {
		return
	}
	v.Error, v.ErrorType, v.ErrorCode = p.Message, executors.ErrorType(p.Type), p.Code
	v.Field, v.Hint, v.Retryable, v.RetryAfter = p.Field, p.Hint, p.Retryable, p.RetryAfter.Seconds()
	for _, e := range p.Elements {
		v.Errors = append(v.Errors, ElementError{e.Index, e.Error, executors.ErrorType(e.ErrorType)})
	}
}

func (v *RunView) fail(p *store.Problem) {
	if p != nil {
		v.Error, v.ErrorType, v.Hint = p.Message, executors.ErrorType(p.Type), p.Hint
	}
}

func (v *RunView) count() {
	v.Counts = Counts{}
	for i := range v.Tasks {
		v.Counts[v.Tasks[i].Status]++
	}
}

// settle makes the view honest about a run that nobody drives any more: what
// it was in the middle of was interrupted.
func (v *RunView) settle(problem *store.Problem) {
	if problem != nil {
		v.Status = Failed
		v.fail(problem)
	}
	if !v.Status.Ended() {
		return
	}
	for i := range v.Tasks {
		if t := &v.Tasks[i]; t.Status == InProgress {
			t.Status = Failed
			t.fail(&store.Problem{Type: string(executors.Interrupted), Message: "it was in progress when its run was interrupted"})
		}
	}
	v.count()
}

func idsOf(row *store.Run, tasks []int) []string {
	var ids []string
	for _, t := range tasks {
		ids = append(ids, row.Tasks[t].ID)
	}
	return ids
}

func countsOf(c map[string]int) Counts {
	counts := make(Counts, len(c))
	for s, n := range c {
		counts[State(s)] = n
	}
	return counts
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// millis is how long something took, or has taken until now.
func millis(from, to time.Time) float64 {
	if to.IsZero() {
		to = time.Now()
	}
	return float64(to.Sub(from).Microseconds()) / 1000
}
