package cli

import "github.com/chainwright/chainwright/chain"

// order returns the dependencies of each task of a recorded run. It returns nil if
// they are not known, or if there are too many tasks to draw.
func (p *program) order(view *chain.RunView) map[string][]string {
	if len(view.Tasks) > maxPicture {
		return nil
	}
	tasks, whole := p.tools.OutlineOf(view)
	if !whole {
		return nil
	}
	return awaited(tasks)
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
