package engine

import "time"

// Load is what an engine has to do at a moment.
type Load struct {
	Runs, Queued int
	Tasks        int           // calls of executors in flight
	Lease        time.Duration // since the last confirmed heartbeat; 0: nothing is shared with other processes
}

// Load returns what the engine has to do now.
func (r *Engine) Load() Load {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := Load{Runs: len(r.live), Queued: r.queue.waiting, Tasks: int(r.tasks.Load())}
	held := false
	for _, x := range r.live {
		held = held || !x.ownedAt.IsZero()
	}
	if held {
		l.Lease = r.lease.age(time.Now())
	}
	return l
}
