package cli

import (
	"cmp"
	"slices"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/graph"
)

// order is in which order the tasks of a run are drawn, and after what. The zero
// value is the order of the tree.
type order struct {
	after map[string][]string // by task: the ids of its dependencies
	place map[string]int      // by task: its place in the layout
}

// order returns the order of a recorded run. Dependencies are left out if they are
// not known, or if there are too many tasks to draw.
func (p *program) order(view *chain.RunView) order {
	tasks, whole := p.tools.OutlineOf(view)
	switch {
	case !whole:
		return order{}
	case len(view.Tasks) > maxPicture:
		return order{place: places(tasks)}
	}
	return orderOf(tasks)
}

// orderOf returns the order of a tree.
func orderOf(tasks []chain.Outline) order {
	return order{after: awaited(tasks), place: places(tasks)}
}

// places returns the place of each task in the layout, by its id: as on the page,
// from left to right, and each layer from the top.
func places(tasks []chain.Outline) map[string]int {
	layout := graph.Of(tasks, graph.Options{})
	at := make(map[string]int, len(tasks))
	for place, node := range layout.Order() {
		at[layout.Nodes[node].ID] = place
	}
	return at
}

// sort puts tasks in order.
func (o *order) sort(nodes []*pictured) {
	slices.SortStableFunc(nodes, func(a, b *pictured) int { return cmp.Compare(o.place[a.task.ID], o.place[b.task.ID]) })
	for _, node := range nodes {
		o.sort(node.under)
	}
}

// awaited returns the ids of the dependencies of each task, by its id. One that is
// not required has a question mark.
func awaited(tasks []chain.Outline) map[string][]string {
	after := map[string][]string{}
	for i := range tasks {
		after[tasks[i].ID] = awaitedBy(tasks, i)
	}
	return after
}

func awaitedBy(tasks []chain.Outline, i int) []string {
	var names []string
	for _, dep := range tasks[i].Dependencies {
		name := tasks[dep.Task].ID
		if !dep.Required {
			name += "?"
		}
		names = append(names, name)
	}
	return names
}
