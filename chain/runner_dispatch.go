package chain

import (
	"context"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

// unit is what a worker is given to do.
type unit struct {
	task int
	elem int // of a for_each, -1: the task as a whole
	item any
	// check: evaluate the task's condition or its elements, nothing else.
	check bool
	// startSeq is the transition that says that the task has begun.
	startSeq int64
	// attempts is how many were made in earlier rounds.
	attempts int
	// free: it runs without permits.
	free bool
	at   time.Time // when it was handed out
}

// giveBack returns the permits of a unit that is through. A check is no call,
// and does not count as one that has begun.
func (u *unit) giveBack(x *run) {
	switch at := &x.tasks[u.task]; {
	case u.free:
	case u.check:
		at.share.putBack()
		x.principal.putBack()
		x.process.give()
	default:
		at.share.give()
		x.principal.give()
		x.process.give()
	}
}

type launch struct {
	worker *worker
	unit   unit
}

// parking is where tasks wait that the plan has handed out already, by the
// bound of their executor.
type parking struct {
	share *share
	heap  heap
}

// dispatch starts what may start, the most urgent first, while there is room.
func (x *run) dispatch() {
	for x.flying < x.max {
		free := x.nested && x.flying == 0
		task, each, from := x.next(free)
		if from == nowhere {
			break
		}
		at := &x.tasks[task]
		if !free {
			if !at.share.take() {
				if from == fromPlan {
					x.plan.Ready()
					x.park(task)
				} // anything else is passed over while it is in line
				continue
			}
			if !x.principal.take() {
				at.share.putBack()
				break
			}
			if !x.process.take() {
				at.share.putBack()
				x.principal.putBack()
				break
			}
		} else {
			at.share.began()
			x.principal.began()
		}
		x.start(task, each, from, free)
	}
	x.process.tidy()
	x.principal.tidy()
	for _, s := range x.bounded {
		s.tidy()
	}
}

// source is where the next thing to do comes from.
type source int

const (
	nowhere source = iota
	fromPlan
	fromParking
	fromElements
)

// next finds the most urgent of what may start; of equals, the first in the
// tree. What is free need not wait for a permit.
func (x *run) next(free bool) (task int, each *expansion, from source) {
	if t, ok := x.plan.Peek(); ok {
		task, from = t, fromPlan
	}
	if len(x.parked) == 0 && len(x.expansions) == 0 {
		return task, nil, from
	}
	better := func(t int) bool {
		if from == nowhere {
			return true
		}
		a, b := x.tree.Tasks[t].Priority, x.tree.Tasks[task].Priority
		return a < b || a == b && t < task
	}
	for _, p := range x.parked {
		for len(p.heap.items) > 0 && x.ended(int(p.heap.items[0])) {
			p.heap.pop()
		}
		if len(p.heap.items) > 0 && (free || !p.share.inLine()) && better(int(p.heap.items[0])) {
			task, each, from = int(p.heap.items[0]), nil, fromParking
		}
	}
	for _, e := range x.expansions {
		if e.ready() && (free || !e.share.inLine()) && better(e.task) {
			task, each, from = e.task, e, fromElements
		}
	}
	return task, each, from
}

// ended says that a task's end is recorded, though the plan may not know yet.
func (x *run) ended(task int) bool { return states[x.shown[task].Load()].Ended() }

// park sets a task aside that was handed out but can't start: its executor has
// no permit to give, or its condition was looked at first.
func (x *run) park(task int) {
	at := &x.tasks[task]
	for _, p := range x.parked {
		if p.share == at.share {
			p.heap.push(int32(task))
			return
		}
	}
	p := &parking{share: at.share, heap: heap{less: x.plan.ready.less}}
	p.heap.push(int32(task))
	x.parked = append(x.parked, p)
}

// start takes the thing to do from where it is and gives it to a worker.
func (x *run) start(task int, each *expansion, from source, free bool) {
	t, at := &x.tree.Tasks[task], &x.tasks[task]
	u := unit{task: task, elem: -1, free: free}
	switch from {
	case fromPlan:
		x.plan.Ready()
	case fromParking:
		for _, p := range x.parked {
			if p.share == at.share {
				p.heap.pop()
			}
		}
	case fromElements:
		u.elem, u.item = each.take()
	}
	if each == nil {
		if u.check = !at.checked && (t.When != nil || t.ForEach != nil); !u.check {
			x.begin(task)
		}
	}
	u.startSeq, u.attempts, u.at = at.startSeq, at.attempts, x.now
	x.flying++
	x.launched = append(x.launched, launch{x.worker(u), u})
}

// begin records that a task is in progress.
func (x *run) begin(task int) {
	at := &x.tasks[task]
	x.plan.Start(task)
	at.started = x.now
	at.startSeq = x.record(store.Transition{Task: task, State: string(InProgress), Attempt: at.attempts + 1})
	if !mayReplay(x.tree.Tasks[task].Definition) {
		x.hurry = true // its start is waited for
	}
	x.plan.Changes()
}

// worker gives an idle worker, or a new one, whose context is good.
func (x *run) worker(u unit) *worker {
	var w *worker
	if n := len(x.idle); n > 0 {
		w = x.idle[n-1]
		x.idle = x.idle[:n-1]
	} else {
		w = newWorker(x)
		x.workers = append(x.workers, w)
		go w.work()
	}
	if w.ctx == nil || w.ctx.Err() != nil {
		w.ctx, w.cancel = context.WithCancelCause(x.base)
	}
	w.unit, w.busy = u, true
	w.turn++
	return w
}

// send hands out what was launched; its start is on its way to the store by
// then.
func (x *run) send() {
	for _, l := range x.launched {
		l.worker.units <- l.unit
	}
	x.launched = x.launched[:0]
}
