package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/chainwright/chainwright/chain/retry"
	"github.com/chainwright/chainwright/chain/store"
)

// defaultLease is how long a process without a heartbeat keeps its runs.
const defaultLease = 20 * time.Second

// lease is what this process knows of its hold on its runs. Others may take them
// when its last heartbeat is as old as the lease is long. It stores a heartbeat
// at a quarter of that time. Until a heartbeat is confirmed again, it starts no
// work after 60 %, and stops what can't be repeated after 80 %.
type lease struct {
	length time.Duration

	mu        sync.Mutex
	confirmed time.Time // when the last confirmed heartbeat began
}

// age returns the time since the last confirmed heartbeat began, by the clock of
// the process or by that of the machine: the first one stands still while the
// machine sleeps, and the second one may be set.
func (l *lease) age(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.confirmed.IsZero() {
		return 10 * l.length
	}
	return max(now.Sub(l.confirmed), now.Round(0).Sub(l.confirmed.Round(0)))
}

func (l *lease) due(now time.Time) bool   { return l.age(now) >= l.length/4 }
func (l *lease) fresh(now time.Time) bool { return l.age(now) < l.length*6/10 }
func (l *lease) over(now time.Time) bool  { return l.age(now) >= l.length*8/10 }

func (l *lease) confirm(begun time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if begun.After(l.confirmed) {
		l.confirmed = begun
	}
}

// own notes that the store has given this process a run, with a heartbeat, since
// the given time.
func (r *Engine) own(x *run, begun time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.confirmFirst(begun)
	x.ownedAt = time.Now()
	if r.adopt != nil {
		delete(r.adopt.again, x.row.ID)
	}
}

// ownCall does the same for a call.
func (r *Engine) ownCall(c *call, begun time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.confirmFirst(begun)
	c.ownedAt = time.Now()
}

// confirmFirst notes a heartbeat that was stored with a run. If others may have
// taken earlier runs before it, it proves nothing about those, and beat has to
// look. The lock is held.
func (r *Engine) confirmFirst(begun time.Time) {
	held := 0
	for _, x := range r.live {
		if !x.ownedAt.IsZero() {
			held++
		}
	}
	for _, c := range r.calls {
		if !c.ownedAt.IsZero() {
			held++
		}
	}
	if held == 0 || r.lease.fresh(time.Now()) {
		r.lease.confirm(begun)
	}
}

// beat stores a heartbeat. If the one before is so old that other processes may
// have taken runs, it also finds those, and stops them here.
func (r *Engine) beat(ctx context.Context) error {
	r.beating.Lock()
	defer r.beating.Unlock()
	begun := time.Now()
	late := !r.lease.fresh(begun)
	ctx, cancel := context.WithTimeout(ctx, r.lease.length*3/20)
	defer cancel()
	if err := r.opts.Store.Beat(ctx, r.opts.Owner); err != nil {
		return err
	}
	if late {
		held, err := r.opts.Store.Held(ctx, r.opts.Owner)
		if err != nil {
			return err
		}
		r.dropLost(held, begun)
	}
	r.lease.confirm(begun)
	return nil
}

// dropLost stops the runs and calls that are not held any more, of those that
// were at the given time.
func (r *Engine) dropLost(held map[string]int64, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, x := range r.live {
		if x.ownedAt.IsZero() || !x.ownedAt.Before(at) {
			continue
		}
		if epoch, is := held[id]; !is || epoch != x.row.Epoch {
			x.inbox.post(func() {
				if x.recorder.broken == nil && x.recorder.final == 0 {
					x.recorder.broken = store.ErrLost
				}
			})
		}
	}
	for id, c := range r.calls {
		if _, is := held[id]; !is && c.ahead && !c.ownedAt.IsZero() && c.ownedAt.Before(at) {
			c.stop(errFenced)
		}
	}
}

// errUnsure is why work waits.
var errUnsure = errors.New("waiting for the store to confirm that this process still holds the run")

// hold returns when it is sure that no other process has taken the runs of this
// one, or when the context ends. It is called right before work that may have
// an effect.
func (r *Engine) hold(ctx context.Context, waiting func(string)) error {
	for !r.lease.fresh(time.Now()) {
		if err := r.beat(ctx); err != nil {
			if waiting != nil {
				waiting(errUnsure.Error())
			}
			if !retry.Sleep(ctx, r.lease.length/40) {
				return context.Cause(ctx)
			}
		}
	}
	return context.Cause(ctx)
}

// beatRuns stores heartbeats, while other processes know of a run or call of this
// one, until ctx ends. It does nothing else that could wait for the store.
func (r *Engine) beatRuns(ctx context.Context) {
	ticker := time.NewTicker(min(watchEvery, max(r.lease.length/20, time.Millisecond)))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			if !r.lease.due(now) || !r.shared() {
				continue
			}
			if err := r.beat(ctx); err != nil && ctx.Err() == nil {
				r.opts.Log.Warn().Err(err).Dur("since", r.lease.age(now)).Msg("could not store the heartbeat of this process")
			}
		}
	}
}

// fence stops what can't be repeated, because soon others may take the runs.
func (r *Engine) fence(now time.Time) {
	if !r.lease.over(now) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.live {
		if !x.ownedAt.IsZero() {
			x.inbox.post(x.fence)
		}
	}
	for _, c := range r.calls {
		if c.ahead && !c.ownedAt.IsZero() {
			c.stop(errFenced)
		}
	}
}

// fence stops the units that can't be repeated.
func (x *run) fence() {
	for _, w := range x.pool.workers {
		if w.busy && !w.lost && w.once.Load() {
			w.cancel(errFenced)
		}
	}
}
