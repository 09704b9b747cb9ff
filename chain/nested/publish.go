package nested

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/external"
)

// longestDescription is what assistants are shown of an executor.
const longestDescription = 900

// Publish writes an executor that runs a tree into a folder of executors, and
// gives the files' paths. A server that follows the folder makes a tool of it.
func Publish(dir, id string, tree *chain.Tree, registry *executors.Registry) (files []string, err error) {
	from := external.TreeStarter{
		ID: id, Title: tree.Name, Description: describe(tree), Annotations: worst(tree, registry),
		Inputs: tree.InputSchema, Tree: tree.Source(),
	}
	return external.StartTree(dir, from)
}

// describe says what a tree is for: its own words, or those of its tasks.
func describe(tree *chain.Tree) string {
	text := strings.TrimSpace(tree.Description)
	if text == "" {
		names := make([]string, len(tree.Tasks))
		for i := range tree.Tasks {
			names[i] = tree.Tasks[i].Name
		}
		text = fmt.Sprintf("Runs a saved task tree: %s.", strings.Join(names, "; "))
	}
	if utf8.RuneCountInString(text) > longestDescription {
		text = string([]rune(text)[:longestDescription-1]) + "…"
	}
	return text
}

// worst is what a run of a tree may do, by the executors of its tasks.
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
