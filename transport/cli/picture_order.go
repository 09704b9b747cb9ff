package cli

import (
	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
)

// order returns the dependencies of each task of a recorded run, read from its
// tree. It returns nil if there is no tree, or too many tasks to draw.
func (p *program) order(s *session, view *chain.RunView) map[string][]string {
	if len(view.Tasks) > maxPicture || p.store == nil {
		return nil
	}
	row, err := p.store.Run(afterwards(s.ctx), view.RunID)
	if err != nil || len(row.Tree) == 0 {
		return nil
	}
	tree, report := parse.Parse(row.Tree, p.registry, parse.Options{})
	if !report.Valid() {
		return nil
	}
	after := map[string][]string{}
	for i := range tree.Tasks {
		after[tree.Tasks[i].ID] = awaited(tree, &tree.Tasks[i])
	}
	return after
}

// awaited returns the ids of a task's dependencies. One that is not required has
// a question mark.
func awaited(tree *chain.Tree, task *chain.Task) []string {
	var names []string
	for _, dep := range task.Dependencies {
		name := tree.Tasks[dep.Task].ID
		if !dep.Required {
			name += "?"
		}
		names = append(names, name)
	}
	return names
}
