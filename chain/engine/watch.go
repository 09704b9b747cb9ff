package engine

import (
	"context"
	"time"
)

const (
	// watchEvery is how often the watcher looks for overdue attempts and asks the
	// store for cancel requests of other processes, and beatEvery how often a
	// heartbeat is stored, while runs are live.
	watchEvery = 500 * time.Millisecond
	beatEvery  = 5 * time.Second
	// defaultDeadAfter is after how long without a heartbeat an owner counts
	// as dead.
	defaultDeadAfter = 20 * time.Second
)

// startWatch starts the watcher unless it runs. The lock is held.
func (r *Engine) startWatch() {
	if r.watch != nil {
		return
	}
	stop := make(chan struct{})
	r.watch = stop
	r.watched.Go(func() { r.watchRuns(stop) })
}

// endWatch ends the watcher if it runs. The lock is held.
func (r *Engine) endWatch() {
	if r.watch != nil {
		close(r.watch)
		r.watch = nil
	}
}

// watchRuns stores heartbeats, carries out cancel requests of other processes,
// and ends overdue attempts, until stop is closed or nothing is left to watch.
func (r *Engine) watchRuns(stop <-chan struct{}) {
	ctx := context.Background()
	every := min(watchEvery, r.opts.Grace/10)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	beat := time.Now()
	asked := beat
	for {
		var now time.Time
		select {
		case <-stop:
			return
		case now = <-ticker.C:
		}
		shared, left := r.endOverdue(now)
		if !left {
			return
		}
		if !shared || now.Sub(asked) < watchEvery {
			continue
		}
		asked = now
		if now.Sub(beat) >= beatEvery {
			beat = now
			if err := r.opts.Store.Beat(ctx, r.opts.Owner); err != nil {
				r.opts.Log.Warn().Err(err).Msg("could not store the heartbeat of this process")
			}
		}
		requests, err := r.opts.Store.TakeCancels(ctx, r.opts.Owner)
		if err != nil {
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

// endOverdue ends the attempts that should have ended a grace period ago. shared
// reports whether other processes know of a run or call, and left whether any
// is left; if none is, the watcher no longer runs.
func (r *Engine) endOverdue(now time.Time) (shared, left bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.live {
		x.inbox.post(func() {
			x.abandonOverdue()
			x.recorder.flush(x.now)
		})
	}
	shared = len(r.live) > 0
	for _, c := range r.calls {
		shared = shared || c.ahead
		if c.overdue(now, r.opts.Grace) {
			r.watched.Go(c.giveUp)
		}
	}
	left = len(r.live) > 0 || len(r.calls) > 0
	if !left {
		r.watch = nil
	}
	return shared, left
}

func (r *Engine) liveRun(id string) *run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live[id]
}
