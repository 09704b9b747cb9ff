package llm

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm/internal/model"
	"github.com/chainwright/chainwright/executors/policy/breaker"
)

// The circuit breaker opens after breakAt requests in a row that failed at the
// endpoint. After breakFor, it lets one request through.
const (
	breakAt  = 20
	breakFor = 10 * time.Second
)

// endpoint is a provider with the state of its health.
type endpoint struct {
	name     string
	provider model.Provider
	keyed    bool // requests carry a key
	breaker  *breaker.Breaker
	// paused is the end of the pause that the endpoint requested with
	// Retry-After, in nanoseconds since 1970.
	paused atomic.Int64
}

// enter asks the circuit breaker. The caller must pass done to leave.
func (e *endpoint) enter() (done func(error), failed *executors.Error) {
	done, open := e.breaker.Allow(e.name)
	if open != nil {
		return nil, executors.Errorf(executors.NetworkError, "the model's endpoint failed %d times in a row; the circuit breaker is open", breakAt).
			WithCode(model.CodeOpen).Retry(open.After)
	}
	return done, nil
}

// leave reports the result of a request to the circuit breaker. A request that
// its caller cancelled says nothing about the endpoint.
func (e *endpoint) leave(ctx context.Context, done func(error), failed *executors.Error) {
	if failed != nil && failed.RetryAfter > 0 {
		e.pause(time.Now().Add(failed.RetryAfter))
	}
	works := failed == nil || !failed.Retryable || failed.Code == "429" // the endpoint works, although it refused the request
	switch {
	case works && ctx.Err() == nil:
		done(nil)
	case !works && (ctx.Err() == nil || failed.Code == model.CodeStalled):
		done(failed)
	default:
		done(breaker.ErrUndecided)
	}
}

// pause delays all requests until then.
func (e *endpoint) pause(until time.Time) {
	for {
		before := e.paused.Load()
		if until.UnixNano() <= before || e.paused.CompareAndSwap(before, until.UnixNano()) {
			return
		}
	}
}

// await waits for the end of a pause. If that is after the caller's deadline, it
// fails at once with the time to retry.
func (e *endpoint) await(ctx context.Context) *executors.Error {
	for {
		left := time.Until(time.Unix(0, e.paused.Load()))
		if left <= 0 {
			return nil
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= left {
			return executors.Errorf(executors.ExecutionError, "the model's endpoint allows no requests for another %s (Retry-After)", left.Round(time.Millisecond)).
				WithCode("429").Retry(left)
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return model.Broken(ctx, e.provider.Name(), ctx.Err())
		}
	}
}
