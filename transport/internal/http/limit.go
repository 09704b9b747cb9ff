package http

import (
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/chainwright/chainwright/tools"
)

// Limits are the limits of one caller. Zero values are the defaults.
type Limits struct {
	// PerSecond is the rate of requests, and Burst the number of requests at
	// once. Callers on loopback without a token have no rate limit by default,
	// others 1,000 with a burst of 2,000.
	PerSecond float64
	Burst     int
	// Concurrent is the largest number of requests in flight (256).
	Concurrent int
	// Streams is the largest number of open streams (64).
	Streams int
}

const (
	defaultRate       = 1000
	defaultConcurrent = 256
	defaultStreams    = 64

	// maxCallers is the number of callers above which those that do nothing are
	// forgotten. An OAuth issuer may have any number of users.
	maxCallers = 10_000
)

// limiter holds each caller's allowance.
type limiter struct {
	limits  Limits
	callers sync.Map // principal → *allowance
	known   atomic.Int64
}

type allowance struct {
	rate    *rate.Limiter // nil: no limit
	calls   slots
	streams slots
	bodies  bodies // half of what all callers have
}

// slots counts uses up to a limit.
type slots struct {
	used  atomic.Int64
	limit int64
}

func (s *slots) take() bool {
	if s.used.Add(1) > s.limit {
		s.used.Add(-1)
		return false
	}
	return true
}

func (s *slots) give() { s.used.Add(-1) }

func newLimiter(limits Limits) *limiter { return &limiter{limits: limits} }

func (l *limiter) of(principal string) *allowance {
	if known, ok := l.callers.Load(principal); ok {
		return known.(*allowance)
	}
	a := &allowance{bodies: newBodies(2)}
	perSecond := l.limits.PerSecond
	if perSecond == 0 && principal != "" {
		perSecond = defaultRate
	}
	if perSecond > 0 {
		burst := l.limits.Burst
		if burst == 0 {
			burst = max(1, int(2*perSecond))
		}
		a.rate = rate.NewLimiter(rate.Limit(perSecond), burst)
	}
	a.calls.limit, a.streams.limit = defaultConcurrent, defaultStreams
	if l.limits.Concurrent > 0 {
		a.calls.limit = int64(l.limits.Concurrent)
	}
	if l.limits.Streams > 0 {
		a.streams.limit = int64(l.limits.Streams)
	}
	kept, loaded := l.callers.LoadOrStore(principal, a)
	if !loaded && l.known.Add(1) > maxCallers {
		l.forget(principal)
	}
	return kept.(*allowance)
}

// forget removes the callers that do nothing and have all of their allowance, so
// that a new one is no gain. It keeps one of them.
func (l *limiter) forget(keep string) {
	l.callers.Range(func(key, value any) bool {
		a := value.(*allowance)
		busy := a.calls.used.Load() > 0 || a.streams.used.Load() > 0 || a.rate != nil && a.rate.Tokens() < float64(a.rate.Burst())
		if !busy && key != any(keep) {
			l.callers.Delete(key)
			l.known.Add(-1)
		}
		return true
	})
}

// limited rejects callers that exceed their rate.
func (s *Server) limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		allowed := s.limiter.of(tools.CallerFrom(r.Context()).Principal)
		if allowed.rate != nil && !allowed.rate.Allow() {
			tooMany(w, time.Second, "too many requests in a second")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func tooMany(w http.ResponseWriter, after time.Duration, text string) {
	w.Header().Set("Retry-After", strconv.Itoa(int(after/time.Second)))
	http.Error(w, text, http.StatusTooManyRequests)
}
