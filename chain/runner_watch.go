package chain

import (
	"context"
	"time"
)

const (
	// While runs are live the store is asked this often whether another
	// process wants one cancelled, and told that this one is alive.
	watchEvery = 500 * time.Millisecond
	beatEvery  = 5 * time.Second
	// defaultDeadAfter is how long an owner is not seen before it is taken for
	// dead.
	defaultDeadAfter = 20 * time.Second
)

// startWatch starts the watcher if there is none. The lock is held.
func (r *Runner) startWatch() {
	if r.watch != nil {
		return
	}
	stop := make(chan struct{})
	r.watch = stop
	r.watched.Go(func() { r.watchRuns(stop) })
}

// watchRuns looks after the live runs until told to stop.
func (r *Runner) watchRuns(stop <-chan struct{}) {
	ctx := context.Background()
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	beat := time.Now()
	for {
		var now time.Time
		select {
		case <-stop:
			return
		case now = <-ticker.C:
		}
		if now.Sub(beat) >= beatEvery {
			beat = now
			if err := r.opts.Store.Beat(ctx, r.opts.Owner); err != nil {
				r.opts.Log.Warn().Err(err).Msg("could not note in the store that this process is alive")
			}
		}
		wishes, err := r.opts.Store.TakeCancels(ctx, r.opts.Owner)
		if err != nil {
			r.opts.Log.Warn().Err(err).Msg("could not look for cancel requests")
		}
		for _, w := range wishes {
			if x := r.liveRun(w.RunID); x != nil {
				x.inbox.ask(func() { x.cancel(w.Task) })
			} else {
				r.cancelCall(w.RunID)
			}
		}
		r.mu.Lock()
		for _, x := range r.live {
			x.inbox.ask(func() {
				x.overdue(x.now)
				x.flush()
			})
		}
		r.mu.Unlock()
	}
}

func (r *Runner) liveRun(id string) *run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live[id]
}

// cancelCall cancels a direct call; false where it is not under way here.
func (r *Runner) cancelCall(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	cancel, ok := r.calls[id]
	if ok {
		cancel(errCancelled)
	}
	return ok
}

// cancel carries out a cancel request, in a turn: of a task with those grouped
// under it, or of the run (-1).
func (x *run) cancel(task int) (tasks []int) {
	if task < 0 {
		x.halt(errCancelled)
		for i := range x.tree.Tasks {
			tasks = append(tasks, i)
		}
		return tasks
	}
	if task < len(x.tree.Tasks) {
		tasks = x.tree.subtree(task)
		x.haltTasks(tasks, errCancelled)
	}
	return tasks
}

// subtree is a task and everything that is grouped under it.
func (t *Tree) subtree(task int) []int {
	list := []int{task}
	for i := 0; i < len(list); i++ {
		list = append(list, t.Tasks[list[i]].Children...)
	}
	return list
}
