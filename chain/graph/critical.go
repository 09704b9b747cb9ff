package graph

import "github.com/chainwright/chainwright/chain"

// criticalPath returns the tasks that decided how long the run took: of those that
// are no handlers, the one that ended last, the one of its dependencies that ended
// last, and so on. A task in progress has not ended, and is the last. before has, for those tasks, the one
// before, or -1.
func criticalPath(tasks []chain.Outline, views []chain.TaskView) (critical []bool, before []int) {
	critical, before = make([]bool, len(tasks)), make([]int, len(tasks))
	for i := range before {
		before[i] = -1
	}
	later := func(a, b int) bool {
		x, y := &views[a], &views[b]
		if (x.CompletedAt == nil) != (y.CompletedAt == nil) {
			return x.CompletedAt == nil
		}
		if x.CompletedAt == nil {
			return x.StartedAt.Before(*y.StartedAt) // it has taken longer
		}
		return x.CompletedAt.After(*y.CompletedAt)
	}
	i := -1
	for k := range tasks {
		if tasks[k].Handler == "" && views[k].StartedAt != nil && (i < 0 || later(k, i)) {
			i = k
		}
	}
	for i >= 0 && !critical[i] {
		critical[i] = true
		next := -1
		for _, d := range tasks[i].Dependencies {
			if inside := d.Task >= 0 && d.Task < len(tasks); inside && views[d.Task].StartedAt != nil && (next < 0 || later(d.Task, next)) {
				next = d.Task
			}
		}
		before[i] = next
		i = next
	}
	return critical, before
}
