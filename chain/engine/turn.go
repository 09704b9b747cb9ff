package engine

import (
	"runtime/debug"
	"slices"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store"
)

// drive starts the run, and takes the turns that no worker takes, until the run
// is over.
func (x *run) drive() {
	for {
		x.turns.Lock()
		over := x.turn()
		x.turns.Unlock()
		if over {
			x.expiries.Wait()
			return
		}
		<-x.inbox.wake
	}
}

// help takes the turn for a worker that has just reported, if it is free. This
// saves a switch of goroutines for each task.
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

// turn handles the messages and starts what can start, until there is nothing to
// do. It reports whether the run is over: its end is stored, or can't be.
func (x *run) turn() (over bool) {
	if x.over {
		return true
	}
	defer x.survive(&over)
	if x.recorder.seq == x.row.Seq {
		x.record(store.Transition{Task: -1, State: string(chain.InProgress)})
		if x.first != nil {
			x.first()
		}
		x.follow(errStopped)
	}
	for again := true; again; again = x.more() {
		x.handle()
		if x.recorder.broken == nil {
			x.dispatch()
			switch {
			case x.recorder.final > 0 || x.ending:
			case x.conclude():
			case x.closing && x.pool.inFlight == 0 && len(x.ends) == 0:
				x.endInterrupted()
			}
			if x.recorder.urgent {
				x.recorder.flush(x.now)
			}
			x.lendBack()
		}
		x.pool.send()
		if x.recorder.broken != nil && x.pool.inFlight == 0 || x.recorder.concluded() {
			x.close()
			return true
		}
	}
	return false
}

// more reports whether there is something to handle.
func (x *run) more() bool {
	return !x.inbox.empty() || x.recorder.acks.has(x.recorder.durable+1)
}

// survive ends a run whose turn panicked, so that other runs go on and callers do
// not wait for it forever.
func (x *run) survive(over *bool) {
	p := recover()
	if p == nil {
		return
	}
	x.engine.opts.Log.Error().Interface("panic", p).Str("run_id", x.row.ID).Bytes("stack", debug.Stack()).Msg("driving a run panicked")
	x.pool.cancelAll(errInterrupted)
	x.recorder.broken = errInside
	x.close()
	*over = true
}

// handle handles the messages, and the ends that have become durable.
func (x *run) handle() {
	x.messages = x.inbox.take(x.messages)
	x.recorder.refresh()
	m := &x.messages
	if n := len(m.reports); n > 0 && m.reports[n-1].at.After(x.now) {
		x.now = m.reports[n-1].at
	} else {
		x.now = time.Now()
	}
	for _, s := range m.grants {
		s.Granted()
	}
	for _, fn := range m.requests {
		fn()
	}
	for i := range m.reports {
		r := &m.reports[i]
		x.giveBack(r.worker, &r.unit)
		if x.pool.free(r.worker) {
			x.unitEnded(r)
		}
	}
	clear(m.reports)
	clear(m.requests)
	if x.recorder.broken == nil && x.recorder.urgent {
		x.dispatch() // so that the starts of other tasks are stored with the ends
		x.recorder.flush(x.now)
	}
	x.settle()
	if x.recorder.broken != nil && x.halted != errStore {
		x.halt(errStore)
	}
}

// settle tells the plan of the ends that are durable now.
func (x *run) settle() {
	for _, e := range x.backlog.expansions {
		e.stored(x.recorder.durable)
	}
	n := 0
	for ; n < len(x.ends) && x.ends[n].seq <= x.recorder.durable; n++ {
		x.plan.Done(x.ends[n].task, x.ends[n].state)
		x.follow(errStopped)
		x.results.release(x.ends[n].task)
	}
	if n > 0 {
		x.ends = append(x.ends[:0], x.ends[n:]...)
	}
	if x.plan.Stopped() && x.halted == nil {
		x.halt(errStopped)
	}
	x.waiters = slices.DeleteFunc(x.waiters, func(w *waiter) bool {
		for _, task := range w.tasks {
			if !x.plan.State(task).Ended() {
				return false
			}
		}
		w.unstopped = slices.Clone(x.unstopped)
		close(w.done)
		return true
	})
}

// close frees what the run holds.
func (x *run) close() {
	x.over = true
	if x.recorder.broken != nil {
		x.engine.unsavedRun(x, x.recorder.broken)
	}
	x.shares.close()
	rest := x.inbox.close()
	for _, s := range rest.grants {
		s.Granted()
		s.ReturnSpare()
	}
	for i := range rest.reports {
		x.giveBack(rest.reports[i].worker, &rest.reports[i].unit)
	}
	x.pool.close()
	x.engine.ended(x)
	for _, w := range x.waiters {
		w.unstopped = x.unstopped
		close(w.done)
	}
	x.endSpan()
	close(x.done)
}
