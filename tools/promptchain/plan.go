package promptchain

import (
	"context"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/bind"
	"github.com/chainwright/chainwright/tools"
)

var _ tools.Planned = (*Generator)(nil)

// Plan is the tree that a call with these inputs runs: prompts alone destroy
// nothing, a step that names another executor may.
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
