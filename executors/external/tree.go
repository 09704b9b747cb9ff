package external

import (
	"context"
	"encoding/json"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// Trees is what runs task trees, which is above this package.
type Trees interface {
	// Check validates a tree, and names the executors that it uses.
	Check(run TreeRun) (uses []string, err error)
	// Run runs a tree to its end, on behalf of a call.
	Run(ctx context.Context, call *executors.Call, run TreeRun) (any, error)
}

// TreeRun is one run of a tree.
type TreeRun struct {
	Tree json.RawMessage
	// Schema describes the run's inputs, which are the call's.
	Schema *executors.Schema
	// Result names the task whose result is the output; empty: all results by
	// task.
	Result      string
	MaxParallel int
	OnFailure   string
}

// maxNesting bounds trees that run trees.
const maxNesting = 16

type nestingKey struct{}

// tree runs a task tree for each call.
type tree struct {
	def   *executors.Definition
	trees Trees
	run   TreeRun
}

func newTree(l *loading) ([]executors.Executor, error) {
	trees := l.folder.opts.Trees
	if trees == nil {
		return nil, l.section.Errorf([]string{"kind"}, "task trees can't be run here")
	}
	var section struct {
		Tree        any    `json:"tree"`
		Result      string `json:"result"`
		MaxParallel int    `json:"max_parallel"`
		OnFailure   string `json:"on_failure"`
	}
	if err := l.bindRun(&section); err != nil {
		return nil, err
	}
	value := section.Tree
	if file, ok := value.(string); ok {
		var err error
		if value, err = l.treeFile(file); err != nil {
			return nil, err
		}
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, l.section.Errorf([]string{"tree"}, "run.tree: %w", err)
	}
	run := TreeRun{
		Tree: raw, Schema: l.def.Input, Result: section.Result, MaxParallel: section.MaxParallel, OnFailure: section.OnFailure,
	}
	if l.uses, err = trees.Check(run); err != nil {
		return nil, l.section.Errorf([]string{"tree"}, "run.tree: %w", err)
	}
	l.inheritNeeds()
	return []executors.Executor{&tree{def: l.def, trees: trees, run: run}}, nil
}

// treeFile reads a tree from a file beside the definition.
func (l *loading) treeFile(name string) (any, error) {
	key := []string{"tree"}
	path, err := l.beside(key, name)
	if err != nil {
		return nil, err
	}
	data, err := readRegular(path)
	if err != nil {
		return nil, l.section.Errorf(key, "%s: %w", name, err)
	}
	value, err := strictjson.FromYAML(data) // JSON is YAML
	if err != nil {
		return nil, l.section.Errorf(key, "%s: %w", name, err)
	}
	return value, nil
}

// inheritNeeds closes the executor where policy closes one that its tree
// uses.
func (l *loading) inheritNeeds() {
	seen := map[string]bool{}
	for _, need := range l.def.Needs {
		seen[need] = true
	}
	for _, id := range l.uses {
		used, ok := l.folder.opts.Registry.Lookup(id)
		if !ok {
			continue
		}
		for _, need := range used.Definition().Needs {
			if !seen[need] {
				seen[need] = true
				l.def.Needs = append(l.def.Needs, need)
			}
		}
	}
}

// Definition is what the file says.
func (t *tree) Definition() *executors.Definition { return t.def }

// Execute runs the tree once.
func (t *tree) Execute(ctx context.Context, call *executors.Call) (any, error) {
	depth, _ := ctx.Value(nestingKey{}).(int)
	if depth >= maxNesting {
		return nil, executors.Errorf(executors.ExecutionError, "trees run trees more than %d deep", maxNesting).
			WithHint("does one of them run itself?")
	}
	return t.trees.Run(context.WithValue(ctx, nestingKey{}, depth+1), call, t.run)
}
