package external

import (
	"context"
	"encoding/json"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// Trees runs task trees. A package above this one implements it.
type Trees interface {
	// Check validates a tree and returns the executors that it uses.
	Check(run TreeRun) (uses []string, err error)
	// Run runs a tree to its end on behalf of a call and returns the output.
	Run(ctx context.Context, call *executors.Call, run TreeRun) (any, error)
}

// TreeRun is one run of a tree.
type TreeRun struct {
	Tree json.RawMessage
	// Schema describes the run's inputs, which are the inputs of the call.
	Schema *executors.Schema
	// Result is the task whose result is the output; empty: the results of all
	// tasks, by ID.
	Result      string
	MaxParallel int
	OnFailure   string
}

// maxNesting is the largest depth of trees that run trees.
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
		return nil, l.section.Errorf([]string{"kind"}, "task trees are not available here")
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
	raw, err := plainjson.Marshal(value)
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

// treeFile reads a tree from a file, relative to the definition.
func (l *loading) treeFile(name string) (any, error) {
	key := []string{"tree"}
	path, err := l.beside(key, name)
	if err != nil {
		return nil, err
	}
	file, err := l.folder.opts.Registry.Policy().OpenTrusted(policy.Trusted{Setting: "a file of this executor", Path: path})
	if err != nil {
		return nil, l.section.Errorf(key, "%w", err)
	}
	data, err := policy.ReadAllRegular(file, maxFile)
	if err != nil {
		return nil, l.section.Errorf(key, "%s: %w", name, err)
	}
	value, err := strictjson.FromYAML(data) // JSON is valid YAML
	if err != nil {
		return nil, l.section.Errorf(key, "%s: %w", name, err)
	}
	return value, nil
}

// inheritNeeds adds the needs of the executors that the tree uses, so that
// policy closes the tree with them.
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

// Definition returns the definition from the file.
func (t *tree) Definition() *executors.Definition { return t.def }

// Execute runs the tree once.
func (t *tree) Execute(ctx context.Context, call *executors.Call) (any, error) {
	depth, _ := ctx.Value(nestingKey{}).(int)
	if depth >= maxNesting {
		return nil, executors.Errorf(executors.ExecutionError, "trees run trees more than %d deep", maxNesting).
			WithHint("check whether one of them runs itself")
	}
	return t.trees.Run(context.WithValue(ctx, nestingKey{}, depth+1), call, t.run)
}
