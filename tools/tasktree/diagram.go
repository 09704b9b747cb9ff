package tasktree

import (
	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/graph"
)

// Mermaid returns a tree as a Mermaid flowchart.
func Mermaid(tree *chain.Tree) string {
	text, _ := (&graph.Subject{Name: tree.Name, Tasks: tree.Outline()}).Mermaid(graph.Options{})
	return text
}
