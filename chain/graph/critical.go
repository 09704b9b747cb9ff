package graph

import (
	"time"

	"github.com/chainwright/chainwright/chain"
)

// span is when a task was worked on; nil: it has not begun, or not ended.
type span struct{ begin, end *time.Time }

// criticalPath returns the tasks that decided how long the run took: of those that
// are no handlers, the one that ended last, the one of its dependencies that ended
// last, and so on. A task in progress has not ended, and is the last. before has, for those tasks, the one
// before, or -1.
func criticalPath(tasks []chain.Outline, spans []span) (critical []bool, before []int) {
	critical, before = make([]bool, len(tasks)), make([]int, len(tasks))
	for i := range before {
		before[i] = -1
	}
	later := func(a, b int) bool {
		x, y := &spans[a], &spans[b]
		if (x.end == nil) != (y.end == nil) {
			return x.end == nil
		}
		if x.end == nil {
			return x.begin.Before(*y.begin) // it has taken longer
		}
		return x.end.After(*y.end)
	}
	i := -1
	for k := range tasks {
		if tasks[k].Handler == "" && spans[k].begin != nil && (i < 0 || later(k, i)) {
			i = k
		}
	}
	for i >= 0 && !critical[i] {
		critical[i] = true
		next := -1
		for _, d := range tasks[i].Dependencies {
			if inside := d.Task >= 0 && d.Task < len(tasks); inside && spans[d.Task].begin != nil && (next < 0 || later(d.Task, next)) {
				next = d.Task
			}
		}
		before[i] = next
		i = next
	}
	return critical, before
}

// SetCritical sets the critical path in the states of the tasks of a run.
func SetCritical(states []TaskState, tasks []chain.Outline, views []chain.TaskView) {
	if len(tasks) != len(views) {
		return // of another tree
	}
	critical, before := criticalPath(tasks, spansOf(views))
	for i := range states {
		states[i].critical(critical[i], tasks, before[i])
	}
}

// critical sets whether the task is on the critical path, and after which task. It
// reports whether that is new.
func (t *TaskState) critical(is bool, tasks []chain.Outline, before int) bool {
	after := ""
	if before >= 0 {
		after = tasks[before].ID
	}
	changed := t.Critical != is || t.After != after
	t.Critical, t.After = is, after
	return changed
}

func spansOf(views []chain.TaskView) []span {
	spans := make([]span, len(views))
	for i := range views {
		spans[i] = span{views[i].StartedAt, views[i].CompletedAt}
	}
	return spans
}
