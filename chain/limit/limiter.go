// Package limit bounds how many calls are in flight and start in a second. It is not a stable API.
// It does so for the process, for an executor and for a principal.
package limit

import (
	"context"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// unbounded is the number of permits of a limiter without a limit on calls in
// flight.
const unbounded = math.MaxInt

// Limiter limits how many calls are in flight, and how many start in a second.
// It grants permits in the order of the requests, by turns between principals.
type Limiter struct {
	mu    sync.Mutex
	free  int
	rate  *rate.Limiter // nil: none
	queue queue
	timer *time.Timer // set while the first request waits for the rate
}

// New returns a limiter for a number of calls in flight and a number of starts
// in a second. 0 means no limit; New returns nil if both are 0.
func New(parallel int, perSecond float64) *Limiter {
	if parallel == 0 && perSecond == 0 {
		return nil
	}
	l := &Limiter{free: unbounded}
	if parallel > 0 {
		l.free = parallel
	}
	if perSecond > 0 {
		// Starts that were not used are kept for up to a second, so that work
		// which comes in waves is not slowed down.
		l.rate = rate.NewLimiter(rate.Limit(perSecond), int(min(max(1, perSecond), math.MaxInt32)))
	}
	return l
}

// take takes a permit and returns nil, or adds a request to the queue and
// returns it.
func (l *Limiter) take(principal string, granted func()) *request {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.takeNow() {
		return nil
	}
	return l.enqueue(principal, granted)
}

func (l *Limiter) takeNow() bool {
	if l.queue.length > 0 || l.free == 0 || l.rate != nil && !l.rate.Allow() {
		return false
	}
	l.free--
	return true
}

func (l *Limiter) enqueue(principal string, granted func()) *request {
	r := &request{principal: principal, granted: granted}
	l.queue.add(r)
	l.serve() // which starts the timer for the rate
	return r
}

// serve grants permits to the requests in the queue, as far as there are any.
func (l *Limiter) serve() {
	for l.queue.length > 0 && l.free > 0 {
		if l.rate != nil && !l.rate.Allow() {
			if l.timer == nil {
				l.timer = time.AfterFunc(l.until(1), l.tick)
			}
			return
		}
		l.free--
		l.queue.next().granted()
	}
}

func (l *Limiter) tick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer = nil
	l.serve()
}

// Release returns a permit, and grants it to the next request in the queue.
func (l *Limiter) Release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free++
	l.serve()
}

// ReleaseUnused returns a permit under which no call has started.
func (l *Limiter) ReleaseUnused() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free++
	if l.rate != nil {
		// Reservation.Cancel returns nothing once its time has come.
		l.rate.ReserveN(time.Now(), -1)
	}
	l.serve()
}

// CountStart counts a start that had no permit, such as another attempt, so that
// later starts wait for it, up to a second. On a nil limiter it does nothing.
func (l *Limiter) CountStart() {
	if l == nil || l.rate == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rate.Tokens() >= 1-float64(l.rate.Burst()) {
		l.rate.Reserve()
	}
}

// until returns how long it takes until the nth start from now is allowed.
func (l *Limiter) until(n int) time.Duration {
	missing := float64(n) - l.rate.Tokens()
	return time.Duration(max(0, missing/float64(l.rate.Limit())) * float64(time.Second))
}

// leave removes a request from the queue. It returns false if the request was
// granted already.
func (l *Limiter) leave(r *request) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queue.remove(r)
}

// longestWait is how long a direct call waits for the limit on starts.
const longestWait = 10 * time.Second

// RateError is the error of a call that would have to wait too long for the
// limit on starts. After is how long.
type RateError struct{ After time.Duration }

func (*RateError) Error() string { return "too many calls in a second" }

// Wait waits for a permit until the context ends. If the limit on starts alone
// would make the call wait for more than 10 s, it returns a *RateError at once.
// queued, if it is set, is called before it waits.
func (l *Limiter) Wait(ctx context.Context, principal string, queued func()) error {
	l.mu.Lock()
	if l.takeNow() {
		l.mu.Unlock()
		return nil
	}
	if l.rate != nil {
		if after := l.until(l.queue.before(principal) + 1); after > longestWait {
			l.mu.Unlock()
			return &RateError{after}
		}
	}
	granted := make(chan struct{})
	r := l.enqueue(principal, func() { close(granted) })
	l.mu.Unlock()
	if queued != nil {
		queued()
	}
	select {
	case <-granted:
		return nil
	case <-ctx.Done():
		if !l.leave(r) {
			l.ReleaseUnused()
		}
		return context.Cause(ctx)
	}
}
