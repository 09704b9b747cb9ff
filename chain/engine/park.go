package engine

import "time"

// whenWoken is the time from which on a released run may be claimed that only
// an answer moves.
var whenWoken = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// park releases a run that has done nothing but wait for answers for half the
// length of a lease, so that it waits without a process: the answer wakes it, or
// the time when a question times out.
func (x *run) park() {
	if !x.parkable() {
		x.idle = time.Time{}
		return
	}
	if x.idle.IsZero() {
		x.idle = x.now
	}
	if x.now.Sub(x.idle) < x.engine.lease.length/2 {
		return
	}
	wake := whenWoken
	for _, q := range x.asked {
		if !q.until.IsZero() && q.until.Before(wake) {
			wake = q.until
		}
	}
	x.engine.opts.Log.Debug().Str("run_id", x.row.ID).Time("until", wake).Msg("a run waits for an answer without a process")
	x.recorder.leave(wake, x.now)
}

// parkable reports whether nothing of a run is in flight or ready, a task waits
// for an answer, and a process that may continue the run looks for it.
func (x *run) parkable() bool {
	switch {
	case len(x.asked) == 0, x.pool.inFlight > 0, !x.waits(), x.nested, x.closing, x.halted != nil, len(x.waiters) > 0, !x.engine.adopts():
		return false
	}
	for _, q := range x.asked {
		if q.expiring {
			return false
		}
	}
	return x.engine.adopt.may(x.row)
}

// look has an engine that adopts runs look for some at once.
func (r *Engine) look() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.adopt == nil {
		return
	}
	select {
	case r.adopt.look <- struct{}{}:
	default:
	}
}
