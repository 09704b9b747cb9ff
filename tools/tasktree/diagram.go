package tasktree

import (
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/chain"
)

// Mermaid returns a tree as a Mermaid flowchart. A task is a box; with a
// condition it is a diamond, and with for_each a double box. An arrow is a
// required dependency; a dotted one is a dependency that may end in any state. Each
// list of handlers has a frame.
func Mermaid(tree *chain.Tree) string {
	var b strings.Builder
	b.WriteString("flowchart TD\n")
	list := ""
	for i := range tree.Tasks {
		task := &tree.Tasks[i]
		if task.Handler != list {
			if list != "" {
				b.WriteString("  end\n")
			}
			list = task.Handler
			fmt.Fprintf(&b, "  subgraph %s\n", list)
		}
		left, right := `["`, `"]`
		switch {
		case task.When != nil:
			left, right = `{"`, `"}`
		case task.ForEach != nil:
			left, right = `[["`, `"]]`
		}
		label := quoted(task.Name)
		if task.Name != task.Executor {
			label += "<br/>" + quoted(task.Executor)
		}
		fmt.Fprintf(&b, "  t%d%s%s%s\n", i+1, left, label, right)
	}
	if list != "" {
		b.WriteString("  end\n")
	}
	for i := range tree.Tasks {
		for _, dep := range tree.Tasks[i].Dependencies {
			arrow := "-->"
			if !dep.Required {
				arrow = "-.->"
			}
			fmt.Fprintf(&b, "  t%d %s t%d\n", dep.Task+1, arrow, i+1)
		}
	}
	return b.String()
}

// quoted escapes a text, so that nothing in it is read as Mermaid or HTML.
func quoted(text string) string {
	return strings.NewReplacer("&", "#amp;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "#", "#35;", "`", "#96;", "\n", " ", "\r", " ").Replace(text)
}
