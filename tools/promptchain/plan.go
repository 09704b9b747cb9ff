package promptchain

import (
	"context"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/bind"
	"github.com/chainwright/chainwright/tools"
)

var (
	_ tools.Planned     = (*Generator)(nil)
	_ executors.Checker = (*Generator)(nil)
)

// Check implements executors.Checker: it compiles the chain. A part of a prompt
// or of an executor's inputs that is not known is a reference in the chain too.
func (g *Generator) Check(inputs map[string]any) []*executors.Error {
	steps, ok := inputs["steps"].([]any)
	if !ok {
		return nil
	}
	if steps = open(steps).([]any); !executors.Known(steps) {
		return nil
	}
	if _, wrong := g.compileWithout(nil, Input{Input: "x", Steps: steps}); wrong != nil {
		return []*executors.Error{wrong}
	}
	return nil
}

// open returns steps in which the texts and inputs that are not known are a
// reference.
func open(v any) any {
	const reference = "${{ inputs.input }}"
	switch v := v.(type) {
	case executors.Unknown:
		return reference
	case []any:
		list := make([]any, len(v))
		for i, each := range v {
			list[i] = open(each)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(v))
		for key, each := range v {
			switch key {
			case "prompt", "system", "inputs":
				each = open(each)
			}
			object[key] = each
		}
		return object
	}
	return v
}

// Plan returns the tree that a call with these inputs would run. Prompts change
// nothing; a step that names another executor may.
func (g *Generator) Plan(ctx context.Context, inputs map[string]any) (*chain.Tree, error) {
	var in Input
	if err := bind.Into(&in, inputs); err != nil {
		return nil, executors.Errorf(executors.ValidationError, "%w", err)
	}
	c, wrong := g.compile(ctx, in)
	if wrong != nil {
		return nil, wrong
	}
	return c.tree, nil
}
