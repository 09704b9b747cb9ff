package chain

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

const (
	// maxElements bounds a for_each, maxForEachBytes what its elements may
	// give together.
	maxElements     = 10_000
	maxForEachBytes = 64 << 20
)

// expansion is a for_each under way. Its elements are in flight as tasks are:
// under the same bounds, and in the order of their task's urgency.
type expansion struct {
	task     int
	share    *share
	elements []any
	limit    int
	next     int // the first element that has not started
	flying   int
	attempts int // the most that an element took
	results  []json.RawMessage
	size     int
	errors   []store.ElementError
	// stop is why no more elements start, stopped how the task ends then.
	stop    *executors.Error
	stopped State
}

// expand begins a for_each.
func (x *run) expand(task int, elements []any) {
	t := &x.tree.Tasks[task]
	e := &expansion{task: task, share: x.tasks[task].share, elements: elements, limit: t.MaxParallel,
		attempts: x.tasks[task].attempts, results: make([]json.RawMessage, len(elements))}
	if e.limit == 0 {
		e.limit = x.max
	}
	x.begin(task)
	x.tasks[task].each = e
	if len(elements) == 0 {
		x.endExpansion(e)
		return
	}
	x.expansions = append(x.expansions, e)
}

// ready says that another element may start, as far as the task goes.
func (e *expansion) ready() bool {
	return e.stop == nil && e.next < len(e.elements) && e.flying < e.limit
}

// take hands out the next element.
func (e *expansion) take() (index int, item any) {
	index, item = e.next, e.elements[e.next]
	e.elements[e.next] = nil
	e.next++
	e.flying++
	return index, item
}

// halt lets no more elements start. It says whether none is in flight.
func (e *expansion) halt(state State, err *executors.Error) bool {
	if e.stop == nil {
		e.stop, e.stopped = err, state
	}
	return e.flying == 0
}

// element notes how an element ended.
func (x *run) element(e *expansion, r *report) {
	e.flying--
	e.attempts = max(e.attempts, r.attempts)
	if r.state == Completed {
		e.results[r.unit.elem] = r.out.Result
		if e.size += len(r.out.Result); e.size > maxForEachBytes {
			e.halt(Failed, executors.Errorf(executors.ExecutionError, "the results of the elements are over %d MiB together", maxForEachBytes>>20).
				WithHint("let each element give less, or write it to a file"))
		}
	} else if r.out.Err != nil {
		e.errors = append(e.errors, store.ElementError{Index: r.unit.elem, Error: r.out.Err.Message, ErrorType: string(r.out.Err.Type)})
	}
	if e.flying == 0 && (e.next == len(e.elements) || e.stop != nil) {
		x.endExpansion(e)
	}
}

// endExpansion ends the task of a for_each: its result is the array of the
// elements' results, null where there is none.
func (x *run) endExpansion(e *expansion) {
	x.expansions = slices.DeleteFunc(x.expansions, func(o *expansion) bool { return o == e })
	if x.ended(e.task) {
		return
	}
	raw := make([]byte, 0, e.size+5*len(e.results)+2)
	raw = append(raw, '[')
	for i, r := range e.results {
		if i > 0 {
			raw = append(raw, ',')
		}
		if r == nil {
			raw = append(raw, "null"...)
		} else {
			raw = append(raw, r...)
		}
	}
	out := executors.Outcome{Result: append(raw, ']')}
	e.results, e.elements = nil, nil
	slices.SortFunc(e.errors, func(a, b store.ElementError) int { return cmp.Compare(a.Index, b.Index) })
	state := Completed
	switch {
	case e.stop != nil:
		state, out.Err = e.stopped, e.stop
	case len(e.errors) > 0:
		first := e.errors[0]
		state, out.Err = Failed, executors.Errorf(executors.ErrorType(first.ErrorType), "%d of %d elements failed; the first, [%d]: %s",
			len(e.errors), e.next, first.Index, first.Error)
	}
	x.end(e.task, state, out, max(e.attempts, 1), x.now, e.errors)
}
