package chain

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"

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

	refs  map[string]int // nil for the tree of a direct call
	needs []need
	value any // what came; built on demand for a direct call

	once   sync.Once
	source json.RawMessage
}

// need is a run input that a reference reads, and a task that does.
type need struct {
	name string
	task int
}

// Index finds a task by a ref: its id, else its name where no other task has
// it, else task_N by position.
func (t *Tree) Index(ref string) (int, bool) {
	i, ok := t.lookup(ref)
	return i, ok && i != ambiguous
}

// lookup is Index that tells a name which several tasks have apart.
func (t *Tree) lookup(ref string) (int, bool) {
	if i, ok := t.refs[ref]; ok {
		return i, true
	}
	if t.refs == nil && ref == t.Tasks[0].Name {
		return 0, true
	}
	digits, ok := strings.CutPrefix(ref, "task_")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > len(t.Tasks) || strconv.Itoa(n) != digits {
		return 0, false
	}
	return n - 1, true
}

// Source is the tree as canonical JSON: what came, with sorted keys. Parsing
// it gives the same tree again.
func (t *Tree) Source() json.RawMessage {
	t.once.Do(func() {
		if t.value == nil {
			t.value = t.call()
		}
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(t.value); err != nil {
			// Only values of a JSON decoder get here.
			panic(fmt.Errorf("encoding a task tree: %w", err))
		}
		t.source = bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	})
	return t.source
}

// Hash is the same for trees that were written the same, in JSON or YAML,
// whatever the order of the keys.
func (t *Tree) Hash() string {
	sum := sha256.Sum256(t.Source())
	return hex.EncodeToString(sum[:])
}

// BindInputs makes the inputs of a run from what its caller gave: defaults
// are filled in and the whole is validated. Inputs that references read, and
// that are neither given nor have a default, are named in the error.
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
	for _, n := range t.needs {
		if _, ok := bound[n.name]; !ok && !named[n.name] {
			wrong = append(wrong, executors.Violation{Path: n.name, Message: "is required: " + t.Tasks[n.task].ID + " reads it"})
		}
	}
	if len(wrong) == 0 {
		return bound, nil
	}
	lines := make([]string, 0, told+1)
	for i, v := range wrong {
		if i == told {
			lines = append(lines, fmt.Sprintf("and %d more", len(wrong)-told))
			break
		}
		lines = append(lines, v.String())
	}
	return nil, executors.Errorf(executors.ValidationError, "the run's inputs are not valid: %s", strings.Join(lines, "; ")).
		WithField(under("inputs", wrong[0].Path)).WithHint(`give them with the run: {"inputs": {…}}`)
}

// Single is the tree of one task, for a direct call of an executor. Its
// inputs are final: nothing in them is a reference, but placeholders of
// secrets stay what they are.
func Single(def *executors.Definition, inputs map[string]any) *Tree {
	return &Tree{Tasks: []Task{{
		ID: "task_1", Name: def.ID, Executor: def.ID, Definition: def,
		Inputs: expr.Literal(inputs), Parent: -1, Priority: Normal,
	}}}
}

// call is the value of the tree of a direct call.
func (t *Tree) call() any {
	inputs, _ := t.Tasks[0].Inputs.Static()
	return []any{map[string]any{"name": t.Tasks[0].Name, "inputs": expr.Escape(inputs)}}
}
