//go:build temporal

package temporal

import (
	"time"

	"github.com/chainwright/chainwright/chain"
)

// The names of the workflow, of its activities and of its update. They are in the
// histories of runs, so they never change.
const (
	workflowRun     = "RunTree"
	activityExecute = "ExecuteTask"
	activityLoad    = "LoadRun"
	activityRecord  = "RecordChanges"
	activitySettle  = "SettleTask"
	activityCollect = "CollectElements"
	activityEnd     = "EndRun"
	activityOutcome = "EndTasks"
	activityAnswer  = "TakeAnswer"
	updateCancel    = "cancel"
	signalAnswer    = "answer"
)

// RunInput is the input of the workflow of a run.
type RunInput struct {
	Run string `json:"run"`
	// Epoch is that of the run in the store: a retry is another workflow run.
	Epoch int64 `json:"epoch"`
	// Outermost is the run from inside whose task this one was started, directly
	// or through others.
	Outermost string `json:"outermost,omitempty"`
	// Queue is the beginning of the names of the task queues.
	Queue string        `json:"queue"`
	Grace time.Duration `json:"grace"`
	// MaxEvents is the length of a history at which the workflow continues as
	// new. 0: when the server suggests it.
	MaxEvents int `json:"max_events,omitempty"`
	// Cancelled means that the run was cancelled before.
	Cancelled bool `json:"cancelled,omitempty"`
}

// RunResult is the result of the workflow of a run.
type RunResult struct {
	Status chain.State `json:"status"`
	// Unstopped are the tasks that did not stop in time.
	Unstopped []int `json:"unstopped,omitempty"`
}

// Target is the run that an activity works for.
type Target struct {
	Run       string `json:"run"`
	Epoch     int64  `json:"epoch"`
	Outermost string `json:"outermost,omitempty"`
}

// TaskInput is the input of ExecuteTask.
type TaskInput struct {
	Target
	Task    int `json:"task"`
	Element int `json:"element"` // -1: the task as a whole
	// Before are the attempts made before the task started, and Made those since.
	Before int `json:"before,omitempty"`
	Made   int `json:"made,omitempty"`
	// After is the number of the last known transition of an element.
	After int64 `json:"after,omitempty"`
	// Resume means that the task is in progress by its record.
	Resume bool `json:"resume,omitempty"`
	// Overdue means, for SettleTask, that the attempt took too long.
	Overdue bool `json:"overdue,omitempty"`
}

// TaskOutcome is the result of ExecuteTask and SettleTask.
type TaskOutcome struct {
	// State is how the task or the element has ended; InProgress: another
	// attempt follows after Pause.
	State chain.State   `json:"state"`
	Pause time.Duration `json:"pause,omitempty"`
	// Made are the attempts made since the task started.
	Made  int   `json:"made,omitempty"`
	After int64 `json:"after,omitempty"`
	// Unrecorded means that the end is not on record.
	Unrecorded bool `json:"unrecorded,omitempty"`
	// Elements is the number of elements of a for_each that has started, and
	// Done marks those that completed earlier.
	Each     bool   `json:"each,omitempty"`
	Elements int    `json:"elements,omitempty"`
	Done     []byte `json:"done,omitempty"`
	// Until is when the question of a task that waits times out, if it does.
	Until time.Time `json:"until,omitzero"`
}

// AnswerInput is the input of TakeAnswer, and without Late what the workflow is
// told of an answer.
type AnswerInput struct {
	Target
	Task  int   `json:"task"`
	Asked int64 `json:"asked"` // the number of the transition that asked
	// Late means that nobody has answered in time.
	Late bool `json:"late,omitempty"`
}

// Change is a change of state that the workflow decided on.
type Change struct {
	Task    int         `json:"task"`
	Element int         `json:"element,omitempty"` // counted from 1; 0: the task
	State   chain.State `json:"state"`
	Reason  string      `json:"reason,omitempty"`
	By      []int       `json:"by,omitempty"`
	Roots   []int       `json:"roots,omitempty"`
	Cause   string      `json:"cause,omitempty"`
	// Unstopped means that the task did not stop in time.
	Unstopped bool `json:"unstopped,omitempty"`
}

// Why tasks are stopped.
const (
	causeCancelled = "cancelled"
	causeStopped   = "stopped"
)

// RecordInput is the input of RecordChanges.
type RecordInput struct {
	Target
	Changes []Change      `json:"changes,omitempty"` // none: only the counts are written
	Grace   time.Duration `json:"grace"`
}

// CollectInput is the input of CollectElements.
type CollectInput struct {
	Target
	Task    int    `json:"task"`
	Started int    `json:"started"`
	Before  int    `json:"before,omitempty"`
	Cause   string `json:"cause,omitempty"` // why it was stopped
}

// EndInput is the input of EndRun, and of EndTasks.
type EndInput struct {
	Target
	Cancelled bool `json:"cancelled,omitempty"`
}

// skeleton is what the workflow knows of a run: what the plan needs.
type skeleton struct {
	OnFailure   string         `json:"f"`
	MaxParallel int            `json:"m"`
	Tasks       []skeletonTask `json:"t"`
	// Outcome is how the tasks have ended, if the handlers have started.
	Outcome chain.State `json:"o,omitempty"`
}

type skeletonTask struct {
	Dependencies []int         `json:"d,omitempty"` // twice the task's index, plus one if it is required
	Priority     int           `json:"p"`
	AllowFailure bool          `json:"a,omitempty"`
	ForEach      bool          `json:"e,omitempty"`
	MaxParallel  int           `json:"m,omitempty"`
	Limit        time.Duration `json:"l"` // of one attempt
	Group        string        `json:"g,omitempty"`
	Handler      string        `json:"h,omitempty"` // the list of handlers that it is in
	State        chain.State   `json:"s,omitempty"` // empty: pending
	Before       int           `json:"b,omitempty"`
	Made         int           `json:"n,omitempty"`
	Pause        time.Duration `json:"w,omitempty"` // before the next attempt
	Asked        int64         `json:"q,omitempty"` // the transition with which it waits for an answer
	Until        time.Time     `json:"u,omitzero"`  // when that times out
}
