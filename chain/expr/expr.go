// Package expr reads and evaluates the references of a task tree: the
// ${{ EXPR }} in a task's inputs, when and for_each.
//
// EXPR is jq in which tasks, inputs, item and index are functions. A value
// with references in it is compiled once, when the tree is validated, and
// what it reads is known from then on without running it: a reference to a
// task is a dependency on that task. Evaluating never changes a value it
// reads, so results may share parts with them; whoever takes a result must
// not change it either.
package expr

// Ref is a read of another task: tasks.fetch.result.
type Ref struct {
	// Task is the task as it was written: an id, a name or task_N.
	Task string
	// StatusOnly says that nothing is read but status, error or error_type,
	// which every task has that has ended, whichever way.
	StatusOnly bool
}

// Env is what references read.
type Env struct {
	// Task gives a task as expressions see it: an object with status,
	// result, error and error_type. It is asked once for each task that an
	// expression reads, just before it runs; result may be left out of it
	// where ref.StatusOnly is set.
	Task func(ref Ref) (map[string]any, error)
	// Inputs are the inputs of the run.
	Inputs map[string]any
	// Item and Index are the element at hand of a for_each.
	Item  any
	Index int
}

// Issue is something wrong with a value that holds references.
type Issue struct {
	// Path leads from the value to the place: "headers.accept", "data[3]";
	// empty where it is the value itself.
	Path    string
	Code    Code
	Message string
	Hint    string
}

// Code is the kind of an Issue, for programs.
type Code string

// Warning reports whether an issue of the kind leaves the value usable.
func (c Code) Warning() bool { return c == ReadsNothing || c == InKey }

// The kinds of issue.
const (
	// Syntax: the expression is not closed, or is not jq.
	Syntax Code = "bad_expression"
	// Computed: tasks is used otherwise than with a constant id.
	Computed Code = "computed_reference"
	// Misplaced: a secret where only data may stand.
	Misplaced Code = "misplaced_secret"
	// ReadsNothing: the expression starts from a key of null.
	ReadsNothing Code = "reads_nothing"
	// InKey: a reference in the key of an object, where it is plain text.
	InKey Code = "reference_in_key"
)

// Reads is what a value's references read.
type Reads struct {
	// Tasks are the tasks, each once, in the order of their first mention.
	Tasks []Ref
	// Inputs are the run inputs that are read by name and have no default in
	// the expression (`inputs.city // "Oslo"` has one), each once.
	Inputs []string
	// OptionalInputs are those that do have one.
	OptionalInputs []string
	// Item and Index: the element of a for_each is read.
	Item, Index bool
	// Secrets are the names of the secrets whose placeholders stand in it.
	Secrets []string
}
