package chain

import (
	"runtime/debug"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

// drive begins the run, and takes the turns that no worker takes, until the
// run is over.
func (x *run) drive() {
	for {
		x.turns.Lock()
		over := x.turn()
		x.turns.Unlock()
		if over {
			return
		}
		<-x.inbox.wake
	}
}

// help is drive for a worker that has just handed in a report: where nobody
// else has the turn it takes it, which saves waking somebody up for each task.
func (x *run) help() {
	if !x.turns.TryLock() {
		x.inbox.signal()
		return
	}
	over := x.turn()
	x.turns.Unlock()
	if over {
		x.inbox.signal()
	}
}

// turn does what there is to do: handles the mail, starts what may start. It
// says whether the run is over: it has ended and is stored, or can't be.
func (x *run) turn() (over bool) {
	if x.over {
		return true
	}
	defer x.survive(&over)
	if x.seq == x.row.Seq {
		x.record(store.Transition{Task: -1, State: string(InProgress)})
		if x.first != nil {
			x.first()
		}
		x.follow(errStopped)
	}
	for again := true; again; again = x.inbox.more(x.durable) {
		x.handle()
		if x.broken == nil {
			x.dispatch()
			if x.plan.Ended() && x.final == 0 {
				x.conclude()
			}
			if x.hurry {
				x.flush()
			}
		}
		x.send()
		if x.broken != nil && x.flying == 0 || x.final > 0 && x.durable >= x.final {
			x.close()
			return true
		}
	}
	return false
}

// survive ends a run whose turn panicked, so that nobody waits for it forever
// and other runs go on.
func (x *run) survive(over *bool) {
	p := recover()
	if p == nil {
		return
	}
	x.runner.opts.Log.Error().Interface("panic", p).Str("run_id", x.row.ID).Bytes("stack", debug.Stack()).Msg("driving a run panicked")
	for _, w := range x.workers {
		if w.cancel != nil {
			w.cancel(errInterrupted)
		}
	}
	x.broken = errInside
	x.close()
	*over = true
}

// handle handles the mail, and what has become durable.
func (x *run) handle() {
	x.mail, x.durable, x.broken = x.inbox.take(x.mail)
	if n := len(x.mail.reports); n > 0 && x.mail.reports[n-1].at.After(x.now) {
		x.now = x.mail.reports[n-1].at
	} else {
		x.now = time.Now()
	}
	for _, s := range x.mail.grants {
		s.arrived()
	}
	for _, fn := range x.mail.asks {
		fn()
	}
	for i := range x.mail.reports {
		x.reported(&x.mail.reports[i])
	}
	clear(x.mail.reports)
	clear(x.mail.asks)
	if x.broken == nil && x.hurry {
		x.flush()
	}
	x.settle()
	if x.broken != nil && x.halted != errStore {
		x.halt(errStore)
	}
}

// settle tells the plan of the ends that are durable now.
func (x *run) settle() {
	n := 0
	for ; n < len(x.ends) && x.ends[n].seq <= x.durable; n++ {
		x.plan.Done(x.ends[n].task, x.ends[n].state)
		x.follow(errStopped)
		x.forget(x.ends[n].task)
	}
	if n > 0 {
		x.ends = append(x.ends[:0], x.ends[n:]...)
	}
	if x.plan.Stopped() && x.halted == nil {
		x.halt(errStopped)
	}
	x.tellWaiters()
}

// close frees what the run holds and says that it is over.
func (x *run) close() {
	x.over = true
	if x.broken != nil {
		x.runner.unsavedRun(x, x.broken)
	}
	x.process.close()
	x.principal.close()
	for _, s := range x.bounded {
		s.close()
	}
	rest := x.inbox.close()
	for _, s := range rest.grants {
		s.arrived()
		s.tidy()
	}
	for i := range rest.reports {
		rest.reports[i].unit.giveBack(x)
	}
	for _, w := range x.workers {
		close(w.units)
	}
	x.runner.ended(x)
	for _, w := range x.waiters {
		w.unstopped = x.unstopped
		close(w.done)
	}
	close(x.done)
}
