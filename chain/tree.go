// Package chain defines task trees and their runs: the types, the states, and
// the plan that decides which task starts next. Package parse reads trees,
// package engine runs them.
package chain

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"sync"

	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
)

// Tree is a valid task tree: package parse and Single make no others. It never
// changes.
type Tree struct {
	// Name and Description are for people. Both may be empty.
	Name        string
	Description string
	// InputSchema is the schema of the run's inputs, or nil.
	InputSchema *executors.Schema
	// Tasks are in the order of the source. The last ones are the handlers, in the
	// order of HandlerLists.
	Tasks []Task
	// Handlers is the number of handlers.
	Handlers int
	// Size is the number of tasks, with those of the saved trees that tasks run,
	// and Levels is how many saved trees are below each other at most.
	Size, Levels int
	// Outputs are the named results of a run, by name.
	Outputs []Output
	// Schedule says when the saved tree is run by itself, or is nil.
	Schedule *Schedule

	// Refs are the indexes of the tasks by id, and by name where no task has
	// that id; Ambiguous for a name of several tasks. Nil for the tree of a
	// direct call.
	Refs map[string]int
	// Needs are the run inputs that the tasks read.
	Needs []Need

	value  any // the decoded source; built on demand for a direct call
	once   sync.Once
	source json.RawMessage
}

// Ambiguous stands in the refs of a tree for a name that several tasks have.
const Ambiguous = -1

// NewTree returns an empty tree with the given decoded source. It is for package
// parse, which fills in the rest.
func NewTree(value any) *Tree { return &Tree{value: value} }

// Need is a run input that a reference reads, and the first task that reads it,
// -1 for the outputs.
type Need struct {
	Name string
	Task int
}

// Index returns the index of a task by reference: its id, else its name if no
// other task has it, else task_N by position from 1.
func (t *Tree) Index(ref string) (int, bool) {
	i, ok := t.Lookup(ref)
	return i, ok && i != Ambiguous
}

// Lookup is Index, except that it returns Ambiguous and true for a name of
// several tasks.
func (t *Tree) Lookup(ref string) (int, bool) {
	if i, ok := t.Refs[ref]; ok {
		return i, true
	}
	if t.Refs == nil && ref == t.Tasks[0].Name {
		return 0, true
	}
	digits, ok := strings.CutPrefix(ref, "task_")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > t.Main() || strconv.Itoa(n) != digits {
		return 0, false
	}
	return n - 1, true
}

// Source returns the tree as canonical JSON: the source with sorted keys. Parsing
// it returns the same tree.
func (t *Tree) Source() json.RawMessage {
	t.once.Do(func() {
		if t.value == nil {
			t.value = t.call()
		}
		t.source = plainjson.Must(t.value) // it came out of a JSON decoder
	})
	return t.source
}

// Hash returns the SHA-256 of Source and of the saved trees in it, in hex: the
// same for the same tree in JSON or YAML, in any order of the keys.
func (t *Tree) Hash() string {
	sum := sha256.New()
	sum.Write(t.Source())
	for i := range t.Tasks {
		if saved := t.Tasks[i].Tree; saved != nil {
			sum.Write([]byte(saved.Hash()))
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// BindInputs returns the inputs of a run: the given ones with defaults filled in,
// validated. The error names inputs that references read and that are missing.
func (t *Tree) BindInputs(given map[string]any) (map[string]any, *executors.Error) {
	var bound map[string]any
	var wrong []executors.Violation
	if t.InputSchema != nil {
		if given == nil {
			given = map[string]any{}
		}
		bound, wrong = t.InputSchema.Apply(given)
	} else if bound = maps.Clone(given); bound == nil {
		bound = map[string]any{}
	}
	named := map[string]bool{}
	for _, v := range wrong {
		named[v.Path] = true
	}
	for _, n := range t.Needs {
		if _, ok := bound[n.Name]; !ok && !named[n.Name] {
			reader := "an output"
			if n.Task >= 0 {
				reader = t.Tasks[n.Task].ID
			}
			wrong = append(wrong, executors.Violation{Path: n.Name, Message: "is required: " + reader + " reads it"})
		}
	}
	if len(wrong) == 0 {
		return bound, nil
	}
	return nil, executors.Errorf(executors.ValidationError, "the run's inputs are not valid: %s", shorten.List(wrong, maxListed, executors.Violation.String)).
		WithField(Under("inputs", wrong[0].Path)).WithHint(`give them with the run: {"inputs": {…}}`)
}

// Single returns the tree of a direct call of an executor: one task. The inputs
// hold no references; placeholders of secrets keep their meaning.
func Single(def *executors.Definition, inputs map[string]any) *Tree {
	return &Tree{Tasks: []Task{{
		ID: "task_1", Name: def.ID, Executor: def.ID, Definition: def,
		Inputs: expr.Literal(inputs), Parent: -1, Priority: Normal,
	}}}
}

// call returns the decoded source of the tree of a direct call.
func (t *Tree) call() any {
	inputs, _ := t.Tasks[0].Inputs.Static()
	return []any{map[string]any{"name": t.Tasks[0].Name, "inputs": expr.Escape(inputs)}}
}

// Subtree returns a task and all tasks grouped under it.
func (t *Tree) Subtree(task int) []int {
	list := []int{task}
	for i := 0; i < len(list); i++ {
		list = append(list, t.Tasks[list[i]].Children...)
	}
	return list
}

// Reset sets the states of the tasks that a retry runs again to Pending: the
// named tasks with those grouped under them and all that depend on them, or, if
// none is named, all that ended without completing. If any of these is not a
// handler, all handlers run again at the new end; else the handlers that did not
// complete do. It reports whether there are any.
func (t *Tree) Reset(states []State, named []int) bool {
	if len(named) == 0 {
		any := false
		for i, s := range states[:t.Main()] {
			if s != Completed && s != Waiting {
				states[i], any = Pending, true
			}
		}
		if any {
			t.resetHandlers(states)
			return true
		}
		if named = t.unfinished(states); len(named) == 0 {
			return false
		}
	}
	followers := make([][]int, len(t.Tasks))
	for i := range t.Tasks {
		for _, d := range t.Tasks[i].Dependencies {
			followers[d.Task] = append(followers[d.Task], i)
		}
	}
	seen := make([]bool, len(t.Tasks))
	var queue []int
	add := func(tasks []int) {
		for _, i := range tasks {
			if !seen[i] {
				seen[i] = true
				queue = append(queue, i)
			}
		}
	}
	for _, i := range named {
		add(t.Subtree(i))
	}
	for len(queue) > 0 {
		i := queue[0]
		queue = queue[1:]
		states[i] = Pending
		add(followers[i])
	}
	t.resetHandlers(states)
	return true
}

// Before reports whether task a starts before task b when both are ready: the
// more urgent first, then in the order of the tree.
func (t *Tree) Before(a, b int) bool { return before(t.Tasks, a, b) }

func before(tasks []Task, a, b int) bool {
	if tasks[a].Priority != tasks[b].Priority {
		return tasks[a].Priority < tasks[b].Priority
	}
	return a < b
}
