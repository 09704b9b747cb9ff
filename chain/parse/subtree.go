package parse

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/nearest"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
)

// MaxNesting is the largest depth of trees that run saved trees.
const MaxNesting = 16

// longestTree is the time limit of a saved tree that runs as a task.
const longestTree = 24 * time.Hour

// nest is what the parsers of a tree and of the saved trees in it share.
type nest struct {
	known map[string]*choice // by name
	stack []string           // the trees that are being read
	// trouble is a circle, or the level that is too deep, on the way back to the
	// task of the outermost tree.
	trouble *choice
}

// saved returns the saved tree NAME as an executor.
func (p *parser) saved(id, name string) *choice {
	n := p.nest
	if len(n.stack) == 0 {
		n.trouble = nil
	}
	if at := slices.Index(n.stack, name); at >= 0 {
		loop := append(slices.Clone(n.stack[at:]), name)
		n.trouble = &choice{wrong: chain.CodeCycle, message: "trees run each other in a circle: tree/" + strings.Join(loop, " → tree/")}
		return n.trouble
	}
	c := n.known[name]
	below := 0
	if c != nil && c.tree != nil {
		below = c.tree.Levels
	}
	if len(n.stack)+below >= MaxNesting {
		n.trouble = &choice{wrong: chain.CodeTooLarge, message: fmt.Sprintf("trees run trees more than %d deep", MaxNesting)}
		return n.trouble
	}
	if c != nil {
		return c
	}
	n.stack = append(n.stack, name)
	c = p.readSaved(id, name)
	n.stack = n.stack[:len(n.stack)-1]
	if n.trouble != nil { // it depends on the stack
		return n.trouble
	}
	n.known[name] = c
	return c
}

func (p *parser) readSaved(id, name string) *choice {
	trees := p.reg.Trees()
	if trees == nil {
		return &choice{wrong: chain.CodeUnknownExecutor, message: fmt.Sprintf("there is no saved tree %q", name), hint: "no folder for saved trees is configured"}
	}
	data, err := trees.Read(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &choice{wrong: chain.CodeUnknownExecutor, message: fmt.Sprintf("there is no saved tree %q", name), hint: savedHint(name, trees.Names())}
	case err != nil:
		return &choice{wrong: chain.CodeInvalidTree, message: fmt.Sprintf("the saved tree %q can't be read: %v", name, err)}
	case len(data) > MaxBytes:
		return &choice{wrong: chain.CodeTooLarge, message: fmt.Sprintf("the saved tree %q has %d bytes; at most %d are read", name, len(data), MaxBytes)}
	}
	v, _, err := readText(data)
	if err != nil {
		return &choice{wrong: chain.CodeInvalidTree, message: fmt.Sprintf("the saved tree %q can't be read: %v", name, err)}
	}
	tree, report := parseNested(v, p.reg, p.opts, p.nest, func([]placed) {})
	if tree == nil {
		const most = 3
		return &choice{wrong: chain.CodeInvalidTree, message: fmt.Sprintf("the saved tree %q is not valid: %s", name, shorten.List(report.Problems, most, chain.Problem.String))}
	}
	c := &choice{tree: tree, def: savedDefinition(id, name, tree)}
	for _, warning := range report.Warnings {
		if warning.Code == chain.CodeNotAllowed {
			c.closed, c.setting = true, strings.TrimPrefix(warning.Hint, "open ")
		}
	}
	return c
}

func savedHint(name string, names []string) string {
	const most = 20
	list := "no tree is saved"
	if len(names) > 0 {
		list = "saved are " + shorten.Names(names[:min(most, len(names))], len(names))
	}
	if near := nearest.Hint(name, names); near != "" {
		return near + "; " + list
	}
	return list
}

// savedDefinition describes a saved tree as an executor: its inputs are those of
// the tree, its result are the tree's outputs, or else the results of its tasks.
func savedDefinition(id, name string, tree *chain.Tree) *executors.Definition {
	def := &executors.Definition{
		ID: id, Title: name, Description: tree.Description, BuiltIn: true, Annotations: tree.Effect(), Input: tree.InputSchema,
		Timeout: executors.Timeout{Default: longestTree, Ceiling: longestTree},
	}
	if def.Input == nil {
		def.Input = compiled("inputs", map[string]any{"type": "object", "additionalProperties": false, "properties": needed(tree)})
	}
	def.Output = compiled("outputs", savedOutputs(tree))
	return def
}

// needed returns the properties of the inputs that a tree reads without
// declaring them.
func needed(tree *chain.Tree) map[string]any {
	properties := map[string]any{}
	for _, need := range tree.Needs {
		properties[need.Name] = map[string]any{}
	}
	return properties
}

func savedOutputs(tree *chain.Tree) map[string]any {
	closed := func(names []string) map[string]any {
		properties := map[string]any{}
		for _, name := range names {
			properties[name] = map[string]any{}
		}
		return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	}
	if len(tree.Outputs) > 0 {
		return closed(tree.OutputNames())
	}
	ids := make([]string, tree.Main())
	for i := range ids {
		ids[i] = tree.Tasks[i].ID
	}
	text := map[string]any{"type": "string"}
	return map[string]any{"type": "object", "additionalProperties": false, "properties": map[string]any{
		"run_id": text, "status": text, "counts": map[string]any{"type": "object"}, "results": closed(ids),
	}}
}

// compiled compiles a schema of this package's own making.
func compiled(name string, schema map[string]any) *executors.Schema {
	compiled, err := executors.CompileSchema(name, plainjson.Must(schema))
	if err != nil {
		panic(fmt.Errorf("the schema of a saved tree: %w", err))
	}
	return compiled
}

// savedNeeds reports the inputs that a saved tree reads and that its task does
// not give.
func (p *parser) savedNeeds(i int, known map[string]any) {
	t := &p.tree.Tasks[i]
	if t.Tree == nil {
		return
	}
	filled, violations := t.Definition.Input.Apply(known)
	for _, need := range t.Tree.Needs {
		_, given := filled[need.Name]
		wrong := slices.ContainsFunc(violations, func(v executors.Violation) bool { return v.Path == need.Name })
		if !given && !wrong {
			p.problem(i, field("inputs", need.Name), chain.CodeInvalidInput, "", "is required: %s reads it", t.Executor)
		}
	}
}

// countAll counts the tasks and levels with those of the saved trees.
func (p *parser) countAll() {
	p.tree.Size = len(p.tree.Tasks)
	for i := range p.tree.Tasks {
		if sub := p.tree.Tasks[i].Tree; sub != nil {
			p.tree.Size += sub.Size
			p.tree.Levels = max(p.tree.Levels, sub.Levels+1)
		}
	}
	if p.tree.Size > MaxTasks {
		p.problem(-1, "tasks", chain.CodeTooLarge, "run a part of it as a run of its own", "there are %d tasks, with those of the saved trees; at most %d are allowed", p.tree.Size, MaxTasks)
	}
}
