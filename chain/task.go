package chain

import (
	"time"

	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors"
)

// The priorities of a task: of the tasks that are ready, the one with the
// lower number starts first.
const (
	Urgent = 0
	High   = 1
	Normal = 2
	Low    = 3
)

// Task is one piece of work in a Tree. Tasks are named by their place in
// Tree.Tasks wherever speed matters, by their id towards people.
type Task struct {
	// ID names the task in its tree: as written, or task_N by position.
	ID string
	// Name is what a person reads. It may be the name of several tasks.
	Name string
	// Executor is the executor's id; Definition describes it, as it was
	// registered when the tree was parsed.
	Executor   string
	Definition *executors.Definition
	// Inputs are the executor's inputs, with references compiled.
	Inputs expr.Template
	// Parent is the task that this one is grouped under, -1 for none, and
	// Children are those grouped under this one. Grouping never orders.
	Parent   int
	Children []int
	// Dependencies are the tasks to wait for, those that references read
	// included; each task is there once, and never the task itself.
	Dependencies []Dependency
	Priority     int
	UserID       string
	// When, where it is set, decides whether the task runs at all: null and
	// false skip it.
	When *expr.Value
	// ForEach, where it is set, gives the elements to run the task for.
	ForEach *expr.Value
	// MaxParallel bounds the elements in flight; 0 leaves it to the run.
	MaxParallel int
	// Timeout bounds one attempt; 0 where the task does not say.
	Timeout time.Duration
	// Retry is the task's own, with what it leaves out taken from the
	// definition; nil where the task does not say.
	Retry *executors.Retry
	// AllowFailure: the task's failure does not fail the run.
	AllowFailure bool
}

// Dependency is a task to wait for. A required one must complete, any other
// only has to end.
type Dependency struct {
	Task     int
	Required bool
}
