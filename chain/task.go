package chain

import (
	"time"

	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors"
)

// The priorities. Of the tasks that are ready, the one with the lower number
// starts first.
const (
	Urgent = 0
	High   = 1
	Normal = 2
	Low    = 3
)

// MaxElements is the largest number of elements of one for_each.
const MaxElements = 10_000

// Task is one task of a Tree. Code refers to tasks by their index in Tree.Tasks,
// people by their id.
type Task struct {
	// ID is unique in the tree: as written, or task_N by position from 1.
	ID string
	// Name is for people. Several tasks may have the same name.
	Name string
	// Executor is the executor's id, and Definition its definition at the time
	// when the tree was parsed.
	Executor   string
	Definition *executors.Definition
	// Handler is the list of handlers that the task is in, one of HandlerLists;
	// empty: it is no handler. A handler starts when all other tasks have ended.
	Handler string
	// Tree is the saved tree that the task runs, as it was when this tree was
	// parsed; nil if Executor is not tree/NAME.
	Tree *Tree
	// Inputs are the executor's inputs, with compiled references.
	Inputs expr.Template
	// Parent is the task that this one is grouped under, or -1. Children are
	// the tasks grouped under this one. Groups do not affect the order.
	Parent   int
	Children []int
	// Dependencies are the tasks to wait for, those that references read
	// included. Each is listed once, and the task itself never is.
	Dependencies []Dependency
	Priority     int
	UserID       string
	// When is the condition, or nil. The task is skipped if it is null or
	// false.
	When *expr.Value
	// ForEach is the array of the elements to run the task for, or nil.
	ForEach *expr.Value
	// MaxParallel limits the elements in flight. 0: as many as the run allows.
	MaxParallel int
	// Timeout limits one attempt; a smaller input timeout holds. 0: as the
	// executor's definition says.
	Timeout time.Duration
	// Retry is the task's retry policy, completed from the definition. Nil: as
	// the definition says.
	Retry *executors.Retry
	// RetryOn are the failures that Retry repeats, as written: network, 5xx, 429.
	// None: the usual ones.
	RetryOn []string
	// RetryUnsafe means that Retry also repeats calls that are not safe to repeat,
	// if policy allows it.
	RetryUnsafe bool
	// AllowFailure means that the task's failure does not fail the run.
	AllowFailure bool
	// Approval is the question that the task asks a person, or nil. Such a task
	// calls no executor: Executor is ApprovalID, Definition describes the answer,
	// and Inputs are shown with the question.
	Approval *Approval
}

// Dependency is a task to wait for. A required one must complete; any other only
// has to end.
type Dependency struct {
	Task     int
	Required bool
}
