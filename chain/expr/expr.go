// Package expr compiles and evaluates the references of a task tree. It is not a stable API.
//
// A reference is ${{ EXPR }} in a task's inputs, when or for_each. EXPR is jq with
// the functions tasks, inputs, item, index and run. A value with references is
// compiled once, when the tree is validated; then it is known what it reads. A
// reference to a task is a dependency on that task. Results may share parts with
// the values that were read, so neither may be changed.
package expr

import "time"

// Ref is a reference to another task: tasks.fetch.result.
type Ref struct {
	// Task is the reference as written: an id, a name or task_N.
	Task string
	// StatusOnly means that only status, error, error_type or errors are read,
	// which every task that has ended has.
	StatusOnly bool
}

// Env holds what references read.
type Env struct {
	// Task returns a task as expressions see it: an object with status,
	// result, error, error_type and errors (of the elements of a for_each). It
	// is called once for each task that an expression reads, before the
	// expression runs. If ref.StatusOnly is set, result may be missing.
	Task func(ref Ref) (map[string]any, error)
	// Inputs are the inputs of the run.
	Inputs map[string]any
	// Item and Index are the current element of a for_each.
	Item  any
	Index int
	// Run is how the tasks of the run ended, for its handlers; nil before.
	Run map[string]any

	left  int       // bytes that the value may still take, of maxValue
	until time.Time // when its references must have been evaluated
}

// Issue is an error or a warning about a value with references.
type Issue struct {
	// Path is where in the value: "headers.accept", "data[3]"; empty for the
	// value itself.
	Path string
	// Mark is which opening mark of the text at the path it is about, from 1; 0
	// for none.
	Mark    int
	Code    Code
	Message string
	Hint    string
}

// Code is the kind of an Issue.
type Code string

// Warning reports whether the value is usable despite the issue.
func (c Code) Warning() bool { return c == ReadsNothing || c == InKey }

// The kinds of issue.
const (
	// Syntax: the expression is not closed, or is not jq.
	Syntax Code = "bad_expression"
	// Computed: tasks is used without a constant id.
	Computed Code = "computed_reference"
	// Misplaced: a secret where only data is allowed.
	Misplaced Code = "misplaced_secret"
	// ReadsNothing: the expression starts from a key of null.
	ReadsNothing Code = "reads_nothing"
	// InKey: a reference in the key of an object, where it is plain text.
	InKey Code = "reference_in_key"
)

// Reads lists what a value's references read.
type Reads struct {
	// Tasks are the tasks, each once, in the order of the first reference.
	Tasks []Ref
	// Inputs are the run inputs that are read by name without a default
	// (`inputs.city // "Oslo"` has one), each once.
	Inputs []string
	// OptionalInputs are those that are read with a default.
	OptionalInputs []string
	// Item and Index mean that the element or its index is read.
	Item, Index bool
	// Run means that it is read how the run's tasks ended.
	Run bool
	// Secrets are the names of the secrets that the value has placeholders of.
	Secrets []string
}
