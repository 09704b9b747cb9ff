package graph

import "github.com/chainwright/chainwright/chain"

// criticalPath returns the tasks that decided how long the run took: the one that
// ended last, the one of its dependencies that ended last, and so on. A task in
// progress has not ended, and is the last. before has, for those tasks, the one
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
	last := func(candidate func(int) bool) int {
		at := -1
		for i := range tasks {
			if views[i].StartedAt != nil && candidate(i) && (at < 0 || later(i, at)) {
				at = i
			}
		}
		return at
	}
	i := last(func(int) bool { return true })
	for i >= 0 && !critical[i] {
		critical[i] = true
		next := -1
		for _, d := range tasks[i].Dependencies {
			if inside := d.Task >= 0 && d.Task < len(tasks); inside && views[d.Task].StartedAt != nil && (next < 0 || later(d.Task, next)) {
				next = d.Task
			}
		}
		before[i] = next
		if stage := stageOf(tasks[i].Handler); next < 0 && stage > 0 { // it waited for all tasks before the handlers
			next = last(func(k int) bool { return stageOf(tasks[k].Handler) < stage })
		}
		i = next
	}
	return critical, before
}
