package limit

import "slices"

// request is a request for a permit. granted is called with the limiter's lock
// held and must not block.
type request struct {
	principal string
	granted   func()
}

// queue holds the requests that wait for a permit. The requests of a principal
// are served in order, and the principals take turns, so that a principal with
// many requests delays only itself.
type queue struct {
	length int
	turns  []*principalQueue // those with requests; the first is next
	by     map[string]*principalQueue
}

type principalQueue struct {
	principal string
	requests  []*request
}

func (q *queue) add(r *request) {
	own := q.by[r.principal]
	if own == nil {
		if q.by == nil {
			q.by = map[string]*principalQueue{}
		}
		own = &principalQueue{principal: r.principal}
		q.by[r.principal] = own
		q.turns = append(q.turns, own)
	}
	own.requests = append(own.requests, r)
	q.length++
}

// next removes the next request and returns it. The queue must not be empty.
func (q *queue) next() *request {
	own := q.turns[0]
	r := own.requests[0]
	own.requests[0] = nil
	own.requests = own.requests[1:]
	q.length--
	q.turns = q.turns[1:]
	if len(own.requests) > 0 {
		q.turns = append(q.turns, own)
	} else {
		delete(q.by, own.principal)
	}
	return r
}

// remove removes a request and reports whether it was in the queue.
func (q *queue) remove(r *request) bool {
	own := q.by[r.principal]
	if own == nil {
		return false
	}
	i := slices.Index(own.requests, r)
	if i < 0 {
		return false
	}
	own.requests = slices.Delete(own.requests, i, i+1)
	q.length--
	if len(own.requests) == 0 {
		delete(q.by, own.principal)
		q.turns = slices.DeleteFunc(q.turns, func(each *principalQueue) bool { return each == own })
	}
	return true
}

// before returns how many requests, at most, are served before the next one of a
// principal.
func (q *queue) before(principal string) int {
	own := 0
	if each := q.by[principal]; each != nil {
		own = len(each.requests)
	}
	return min(q.length, (own+1)*len(q.turns))
}
