package llm

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm/model"
)

// An endpoint whose last breakAt requests all failed on its side is left alone
// for breakFor; then one request finds out.
const (
	breakAt  = 20
	breakFor = 10 * time.Second
)

// endpoint is a provider with what is known of its health.
type endpoint struct {
	name     string
	provider model.Provider
	breaker  circuitbreaker.CircuitBreaker[any]
	// paused is until when the endpoint asked to be left alone, in
	// nanoseconds since 1970.
	paused atomic.Int64
}

func newEndpoint(name string, provider model.Provider) *endpoint {
	return &endpoint{name: name, provider: provider, breaker: circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(breakAt).WithDelay(breakFor).WithSuccessThreshold(1).Build()}
}

// enter asks whether a request may be sent.
func (e *endpoint) enter() *executors.Error {
	if e.breaker.TryAcquirePermit() {
		return nil
	}
	return executors.Errorf(executors.NetworkError, "the model's endpoint failed %d times in a row, and is left alone for a while", breakAt).
		WithCode(model.CodeOpen).Retry(max(e.breaker.RemainingDelay(), time.Second))
}

// leave says how a request ended.
func (e *endpoint) leave(ctx context.Context, failed *executors.Error) {
	if failed != nil && failed.RetryAfter > 0 {
		e.pause(time.Now().Add(failed.RetryAfter))
	}
	switch {
	case failed == nil || !failed.Retryable || failed.Code == "429":
		if ctx.Err() == nil {
			e.breaker.RecordSuccess() // it works, whatever it thinks of the request
			return
		}
		if e.breaker.IsHalfOpen() { // the one that was to find out has not
			e.breaker.RecordFailure()
		}
	case ctx.Err() == nil || failed.Code == model.CodeStalled || e.breaker.IsHalfOpen():
		e.breaker.RecordFailure()
	}
}

// pause keeps everyone from asking until then.
func (e *endpoint) pause(until time.Time) {
	for {
		before := e.paused.Load()
		if until.UnixNano() <= before || e.paused.CompareAndSwap(before, until.UnixNano()) {
			return
		}
	}
}

// await waits until the endpoint may be asked. Where that is later than the
// caller's time the caller hears at once when to come back.
func (e *endpoint) await(ctx context.Context) *executors.Error {
	for {
		left := time.Until(time.Unix(0, e.paused.Load()))
		if left <= 0 {
			return nil
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= left {
			return executors.Errorf(executors.ExecutionError, "the model's endpoint asked to be left alone for %s more", left.Round(time.Millisecond)).
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
