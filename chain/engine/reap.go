package engine

import (
	"github.com/chainwright/chainwright/chain"
)

// reap ends what a process that is gone has left of a run's tasks, such as
// containers. It does so in the background: an executor may have to wait.
func (r *Engine) reap(a *abandoned) {
	left := map[string]bool{}
	for i, state := range a.before {
		if state == chain.InProgress {
			left[a.tree.Tasks[i].Executor] = true
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return
	}
	for id := range left {
		r.watched.Go(func() { r.opts.Registry.Reap(r.reaping, id, a.row.ID) })
	}
}
