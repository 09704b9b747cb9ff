package engine

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/internal/step"
	"github.com/chainwright/chainwright/chain/limit"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// expansion is a for_each in progress. Its elements start like tasks: within the
// same limits, and in the order of their task's priority.
type expansion struct {
	task     int
	share    *limit.Share
	elements []any
	limit    int
	next     int       // the next element to start
	past     []element // what is on record from before the run was taken over; nil: nothing
	inFlight int
	unstored []int64 // the records of ends that are not durable yet
	attempts int     // the largest number of an element
	results  []json.RawMessage
	size     int
	errors   []chain.ElementError
	// stop is why no more elements start, and stopped the state of the task then.
	stop    *executors.Error
	stopped chain.State
	setBack bool // elements were interrupted
	ended   int  // the elements that have ended, those before included
}

// expand starts a for_each. Elements that are recorded as completed do not run
// again.
func (x *run) expand(task int, elements []any, recorded []store.Transition) {
	t := &x.tree.Tasks[task]
	e := &expansion{task: task, share: x.shares.byTask[task], elements: elements, limit: t.MaxParallel,
		attempts: x.tasks[task].attempts, results: make([]json.RawMessage, len(elements))}
	if e.limit == 0 {
		e.limit = x.row.MaxParallel
	}
	x.beginEach(task, &store.Skip{Of: len(elements)})
	x.tasks[task].each = e
	e.restore(recorded, x.tasks[task].past.reopened, x.now)
	if e.next == len(elements) {
		x.endExpansion(e)
		return
	}
	x.backlog.expansions = append(x.backlog.expansions, e)
}

// element is what is on record of an element.
type element struct {
	ended bool // it is not run again
	doubt bool // it was in progress
	next  time.Time
}

// restore takes over what is on record of the elements. Those that completed in
// the task's generation, and those that ended in any way since a retry opened
// it last, are skipped.
func (e *expansion) restore(recorded []store.Transition, reopened int64, now time.Time) {
	if len(recorded) == 0 {
		return
	}
	e.past = make([]element, len(e.elements))
	for i := range recorded {
		t := &recorded[i]
		if t.Element > len(e.elements) {
			continue
		}
		at, state := &e.past[t.Element-1], chain.State(t.State)
		switch {
		case state == chain.Completed:
			e.results[t.Element-1] = t.Result
			e.size += len(t.Result)
			*at = element{ended: true}
		case t.Seq < reopened:
		case state.Ended():
			if t.Problem.Failed() {
				e.errors = append(e.errors, chain.ElementError{Index: t.Element - 1, Error: t.Problem.Message, ErrorType: executors.ErrorType(t.Problem.Type)})
			}
			*at = element{ended: true}
		default:
			at.doubt, at.next = inDoubtAt(t.Next, now)
		}
		e.attempts = max(e.attempts, t.Attempt)
	}
	for _, at := range e.past {
		if at.ended {
			e.ended++
		}
	}
	e.skip()
}

// doubtOf returns whether an element may have been in an attempt when the process
// of its run was lost, and when its next attempt is to start.
func (e *expansion) doubtOf(index int) (bool, time.Time) {
	if e.past == nil {
		return false, time.Time{}
	}
	return e.past[index].doubt, e.past[index].next
}

// skip moves on to the next element that has to run.
func (e *expansion) skip() {
	for e.past != nil && e.next < len(e.elements) && e.past[e.next].ended {
		e.next++
	}
}

// recordsAhead is how many elements may have ended, and not be on record, before
// the next one waits. If the process is lost, those run again.
const recordsAhead = 32

// ready reports whether the task allows another element to start.
func (e *expansion) ready() bool {
	return e.stop == nil && e.next < len(e.elements) && e.inFlight < e.limit && len(e.unstored) < recordsAhead
}

// stored forgets the ends that are on record now.
func (e *expansion) stored(durable int64) {
	n := 0
	for n < len(e.unstored) && e.unstored[n] <= durable {
		n++
	}
	e.unstored = append(e.unstored[:0], e.unstored[n:]...)
}

// take returns the next element.
func (e *expansion) take() (index int, item any) {
	index, item = e.next, e.elements[e.next]
	e.elements[e.next] = nil
	e.next++
	e.inFlight++
	e.skip()
	return index, item
}

// halt lets no more elements start. It reports whether none is in flight.
func (e *expansion) halt(state chain.State, err *executors.Error) bool {
	if e.stop == nil {
		e.stop, e.stopped = err, state
	}
	return e.inFlight == 0
}

// elementEnded records the end of an element.
func (x *run) elementEnded(e *expansion, r *report) {
	e.inFlight--
	e.attempts = max(e.attempts, r.attempts)
	e.unstored = append(e.unstored, x.record(store.Transition{Task: e.task, Element: r.unit.element + 1, State: string(r.state), Attempt: r.attempts,
		At: r.at, Started: r.unit.at, Result: r.out.Result, Size: len(r.out.Result), Problem: noted(r.out)}))
	x.recorder.urgent = true // a crash must not run it again
	e.ended++
	x.progress.say(e.task, fmt.Sprintf("%d of %d elements done", e.ended, len(e.elements)))
	if r.state == chain.Completed {
		e.results[r.unit.element] = r.out.Result
		if e.size += len(r.out.Result); e.size > step.MaxResults {
			e.halt(chain.Failed, step.TooLong())
		}
	} else if r.out.Err != nil {
		e.errors = append(e.errors, chain.ElementError{Index: r.unit.element, Error: r.out.Err.Message, ErrorType: r.out.Err.Type})
	}
	if !x.closing && e.inFlight == 0 && (e.next == len(e.elements) || e.stop != nil) {
		x.endExpansion(e)
	}
}

// endExpansion ends the task of a for_each.
func (x *run) endExpansion(e *expansion) {
	x.backlog.remove(e)
	if x.progress.ended(e.task) {
		return
	}
	out := step.Collect(e.results, e.errors, e.next)
	e.results, e.elements = nil, nil
	state := chain.Completed
	switch {
	case e.stop != nil:
		state, out.Err = e.stopped, e.stop
	case out.Err != nil:
		state = chain.Failed
	}
	x.end(e.task, state, out, max(e.attempts, 1), x.now, e.errors)
}
