package nested

import (
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/external"
	"github.com/chainwright/chainwright/executors/shorten"
)

// longestDescription is the number of characters of a description that
// assistants are shown.
const longestDescription = 900

// Publish writes an executor that runs a tree into a folder of executors, and
// returns the paths of its files. A server that follows the folder publishes it
// as a tool.
func Publish(dir, id string, tree *chain.Tree, registry *executors.Registry) (files []string, err error) {
	if err := asks(tree); err != nil {
		return nil, err
	}
	from := external.TreeStarter{
		ID: id, Title: tree.Name, Description: describe(tree), Annotations: worst(tree, registry),
		Inputs: tree.InputSchema, Outputs: tree.OutputNames(), Tree: tree.Source(),
	}
	return external.StartTree(dir, from)
}

// describe returns the tree's description, or else the names of its tasks.
func describe(tree *chain.Tree) string {
	text := strings.TrimSpace(tree.Description)
	if text == "" {
		names := make([]string, tree.Main())
		for i := range names {
			names[i] = tree.Tasks[i].Name
		}
		text = fmt.Sprintf("Runs a saved task tree: %s.", strings.Join(names, "; "))
	}
	return shorten.Runes(text, longestDescription)
}

// worst returns the annotations of a tree: what any of its executors may do.
func worst(tree *chain.Tree, registry *executors.Registry) executors.Annotations {
	all := executors.Annotations{ReadOnly: true, Idempotent: true}
	for i := range tree.Tasks {
		used, ok := registry.Lookup(tree.Tasks[i].Executor)
		if !ok {
			return executors.Annotations{Destructive: true, OpenWorld: true}
		}
		may := used.Definition().Annotations
		all.ReadOnly = all.ReadOnly && may.ReadOnly
		all.Idempotent = all.Idempotent && may.Idempotent
		all.Destructive = all.Destructive || may.Destructive
		all.OpenWorld = all.OpenWorld || may.OpenWorld
	}
	return all
}
