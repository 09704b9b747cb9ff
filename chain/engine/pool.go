package engine

import (
	"context"
	"time"
)

// pool holds the workers of a run. It belongs to the scheduler.
type pool struct {
	workers  []*worker
	idle     []*worker
	launched []launch // not sent yet
	inFlight int      // units that have not ended, launched ones included
	waiting  int      // of them, those that have given back their permits
}

// mostWaiting is how many units of a run may wait for a person at once without
// counting as in flight: each has a run of its own, which takes memory.
const mostWaiting = 1000

// active returns how many units count as in flight.
func (p *pool) active() int { return p.inFlight - min(p.waiting, mostWaiting) }

type launch struct {
	worker *worker
	unit   unit
}

// launch gives a unit to an idle worker, or to a new one. send starts it.
func (p *pool) launch(x *run, u unit) {
	var w *worker
	if n := len(p.idle); n > 0 {
		w = p.idle[n-1]
		p.idle = p.idle[:n-1]
	} else {
		w = newWorker(x)
		p.workers = append(p.workers, w)
		go w.work()
	}
	if w.ctx == nil || w.ctx.Err() != nil {
		w.ctx, w.cancel = context.WithCancelCause(context.WithValue(x.base, lends{}, w.lend))
	}
	w.unit, w.busy = u, true
	w.turn++
	p.inFlight++
	p.launched = append(p.launched, launch{w, u})
}

// send starts the launched units. The scheduler calls it when their starts are
// recorded.
func (p *pool) send() {
	for _, l := range p.launched {
		l.worker.units <- l.unit
	}
	p.launched = p.launched[:0]
}

// free makes a worker idle after a unit. It returns false if the worker was
// lost: then its task has ended without it, and it is not used again.
func (p *pool) free(w *worker) bool {
	w.busy = false
	if w.lost {
		return false
	}
	if w.gave {
		w.gave = false
		p.waiting--
	}
	p.idle = append(p.idle, w)
	p.inFlight--
	return true
}

// lose gives up a worker that does not stop.
func (p *pool) lose(w *worker) {
	w.lost = true
	p.inFlight--
	if w.gave {
		p.waiting--
	}
}

// cancel cancels the units of the given tasks, and returns their workers with
// the units' turns.
func (p *pool) cancel(tasks map[int]bool, cause error) map[*worker]int {
	turns := map[*worker]int{}
	for _, w := range p.workers {
		if w.busy && !w.lost && tasks[w.unit.task] {
			w.cancel(cause)
			turns[w] = w.turn
		}
	}
	return turns
}

// cancelAll cancels every unit.
func (p *pool) cancelAll(cause error) {
	for _, w := range p.workers {
		if w.cancel != nil {
			w.cancel(cause)
		}
	}
}

// overdue returns the workers whose attempt should have ended before a time.
func (p *pool) overdue(before time.Time) (list []*worker) {
	for _, w := range p.workers {
		if at := w.deadline.Load(); at != 0 && w.busy && !w.lost && before.UnixNano() > at {
			list = append(list, w)
		}
	}
	return list
}

// close ends the workers.
func (p *pool) close() {
	for _, w := range p.workers {
		close(w.units)
	}
}
