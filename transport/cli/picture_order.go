package cli

import (
	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
)

// order returns the dependencies of each task of a recorded run. It returns nil if
// they are not known, or if there are too many tasks to draw.
func (p *program) order(s *session, view *chain.RunView) map[string][]string {
	if len(view.Tasks) > maxPicture {
		return nil
	}
	tasks, whole := p.outline(s, view)
	if !whole {
		return nil
	}
	return awaited(tasks)
}

// outline returns the outlines of the tasks of a run, read from its tree. If that
// can't be read, whole is false, and the tasks wait for nothing.
func (p *program) outline(s *session, view *chain.RunView) (tasks []chain.Outline, whole bool) {
	all := view.All()
	if view.Call {
		whole = true
	} else if p.store != nil {
		if row, err := p.store.Run(afterwards(s.ctx), view.RunID); err == nil {
			tree, _ := parse.Parse(row.Tree, p.registry, parse.Options{})
			if tree != nil && len(tree.Tasks) == len(all) {
				return tree.Outline(), true
			}
		}
	}
	index := make(map[string]int, len(all))
	for i := range all {
		index[all[i].ID] = i
	}
	for i := range all {
		t := &all[i]
		parent, grouped := index[t.ParentID]
		if !grouped {
			parent = -1
		}
		tasks = append(tasks, chain.Outline{ID: t.ID, Name: t.Name, Executor: t.Executor, Handler: t.Handler, Parent: parent, Approval: t.Approval != nil})
	}
	return tasks, whole
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
