package engine

import (
	"context"
	"time"
)

const (
	// watchEvery is how often the watcher looks for overdue attempts, and how
	// often the store is asked for cancel requests of other processes, while
	// runs are live.
	watchEvery = 500 * time.Millisecond
)

// startWatch starts the watcher, the heartbeats and the questions to the store
// unless they run. The lock is held.
func (r *Engine) startWatch() {
	if r.watch != nil {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	r.watch = stop
	r.watched.Go(func() { r.watchRuns(ctx) })
	r.watched.Go(func() { r.beatRuns(ctx) })
	r.watched.Go(func() { r.takeCancels(ctx) })
}

// endWatch ends the watcher if it runs. The lock is held.
func (r *Engine) endWatch() {
	if r.watch != nil {
		r.watch()
		r.watch = nil
	}
}

// watchRuns ends overdue attempts, and what can't be repeated when the lease is
// about to end, until ctx ends or nothing is left to watch. It never waits for
// the store.
func (r *Engine) watchRuns(ctx context.Context) {
	ticker := time.NewTicker(min(watchEvery, r.opts.Grace/10))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			shared, left := r.endOverdue(now)
			if !left {
				return
			}
			if shared {
				r.fence(now)
			}
		}
	}
}

// takeCancels carries out cancel requests of other processes until ctx ends.
func (r *Engine) takeCancels(ctx context.Context) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if !r.shared() {
			continue
		}
		r.takeAnswers(ctx)
		requests, err := r.opts.Store.TakeCancels(ctx, r.opts.Owner)
		if err != nil && ctx.Err() == nil {
			r.opts.Log.Warn().Err(err).Msg("could not read cancel requests")
		}
		for _, c := range requests {
			if x := r.liveRun(c.RunID); x != nil {
				x.inbox.post(func() { x.cancel(c.Task) })
			} else {
				r.cancelCall(c.RunID)
			}
		}
	}
}

// shared reports whether other processes know of a run or call of this one.
func (r *Engine) shared() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sharedLocked()
}

func (r *Engine) sharedLocked() bool {
	if len(r.live) > 0 {
		return true
	}
	for _, c := range r.calls {
		if c.ahead {
			return true
		}
	}
	return false
}

// endOverdue ends the attempts that should have ended a grace period ago. shared
// reports whether other processes know of a run or call, and left whether any
// is left; if none is, the watcher no longer runs.
func (r *Engine) endOverdue(now time.Time) (shared, left bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.live {
		x.inbox.post(func() {
			x.abandonOverdue()
			x.askedOverdue()
			x.park()
			x.recorder.flush(x.now)
		})
	}
	shared = r.sharedLocked()
	for _, c := range r.calls {
		if c.overdue(now, r.opts.Grace) {
			r.watched.Go(c.giveUp)
		}
	}
	left = len(r.live) > 0 || len(r.calls) > 0
	if !left {
		r.endWatch()
	}
	return shared, left
}

func (r *Engine) liveRun(id string) *run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live[id]
}
