package cli

import "github.com/chainwright/chainwright/chain"

// order is what each task of a run on record waits for, read from the tree
// that it was started with; nil where there is none, or too much to draw.
func (p *program) order(s *session, view *chain.RunView) map[string][]string {
	if len(view.Tasks) > maxPicture || p.store == nil {
		return nil
	}
	row, err := p.store.Run(afterwards(s.ctx), view.RunID)
	if err != nil || len(row.Tree) == 0 {
		return nil
	}
	tree, report := chain.Parse(row.Tree, p.registry, chain.ParseOptions{})
	if !report.Valid() {
		return nil
	}
	after := map[string][]string{}
	for i := range tree.Tasks {
		after[tree.Tasks[i].ID] = awaited(tree, &tree.Tasks[i])
	}
	return after
}

// awaited are the tasks that a task waits for; one that need not have completed
// has a question mark.
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
