package engine

// lends is the key of the contexts of calls for worker.lend.
type lends struct{}

// lend returns a function with which the run that the call in progress has started
// gives back the permits of the call. The executor calls it, through the engine.
func (w *worker) lend() (giveBack func()) {
	turn := w.turn // the scheduler changes it between units only
	return func() {
		w.run.inbox.post(func() {
			if w.busy && !w.lost && !w.gave && w.turn == turn {
				w.run.shares.release(&w.unit)
				w.gave = true
				w.run.pool.waiting++
			}
		})
	}
}

// giveBack returns the permits of a unit that has ended, unless it was done before.
func (x *run) giveBack(w *worker, u *unit) {
	if !w.gave {
		x.shares.release(u)
	}
}

// lendBack has the task that started this run give back its permits if the run does
// nothing but wait for a person. When it goes on, its tasks take permits as those of
// other runs do.
func (x *run) lendBack() {
	if x.outer == nil || x.gaveBack || x.closing || !x.waits() {
		return
	}
	x.gaveBack = true
	x.outer()
}

// waits reports whether a task of the run, or of a run that a task has started,
// waits for an answer, and nothing else is in flight or ready.
func (x *run) waits() bool {
	switch {
	case len(x.asked)+x.pool.waiting == 0, x.pool.inFlight > x.pool.waiting, len(x.ends) > 0,
		x.ending, x.evaluating, x.recorder.final > 0, x.recorder.broken != nil:
		return false
	}
	_, _, from := x.backlog.next(x.plan, true)
	return from == nowhere
}
