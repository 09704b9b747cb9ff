package engine

import (
	"slices"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/internal/heap"
	"github.com/chainwright/chainwright/chain/limit"
)

// backlog holds what can start in addition to the ready tasks of the plan: tasks
// that the plan has returned and that have not started, and the for_each tasks
// with elements left.
type backlog struct {
	tree       *chain.Tree
	progress   *progress
	parked     []*parking
	expansions []*expansion
}

// parking holds parked tasks, by the limiter of their executor.
type parking struct {
	share *limit.Share
	tasks heap.Heap
}

// source is where the next unit comes from.
type source int

const (
	nowhere source = iota
	fromPlan
	fromParking
	fromElements
)

// next returns the most urgent task that can start, and of equals the first in
// the tree. A free unit needs no permit, so it need not wait for one.
func (b *backlog) next(plan *chain.Plan, free bool) (task int, each *expansion, from source) {
	if t, ok := plan.Peek(); ok {
		task, from = t, fromPlan
	}
	if len(b.parked) == 0 && len(b.expansions) == 0 {
		return task, nil, from
	}
	better := func(t int) bool { return from == nowhere || b.tree.Before(t, task) }
	for _, p := range b.parked {
		for len(p.tasks.Items) > 0 && b.progress.ended(int(p.tasks.Items[0])) {
			p.tasks.Pop()
		}
		if len(p.tasks.Items) > 0 && (free || !p.share.Queued()) && better(int(p.tasks.Items[0])) {
			task, each, from = int(p.tasks.Items[0]), nil, fromParking
		}
	}
	for _, e := range b.expansions {
		if e.ready() && (free || !e.share.Queued()) && better(e.task) {
			task, each, from = e.task, e, fromElements
		}
	}
	return task, each, from
}

// park adds a task that can't start yet: its executor's limiter has no permit,
// or its condition was evaluated first.
func (b *backlog) park(task int, share *limit.Share) {
	b.parking(share).tasks.Push(int32(task))
}

// unpark removes the first parked task of a limiter.
func (b *backlog) unpark(share *limit.Share) { b.parking(share).tasks.Pop() }

func (b *backlog) parking(share *limit.Share) *parking {
	for _, p := range b.parked {
		if p.share == share {
			return p
		}
	}
	p := &parking{share: share, tasks: heap.Heap{Less: func(x, y int32) bool { return b.tree.Before(int(x), int(y)) }}}
	b.parked = append(b.parked, p)
	return p
}

// remove removes a for_each that has ended.
func (b *backlog) remove(e *expansion) {
	b.expansions = slices.DeleteFunc(b.expansions, func(o *expansion) bool { return o == e })
}
