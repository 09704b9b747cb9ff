package engine_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

func TestCallsWaitForPermits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := policy.Config{Limits: policy.Limits{Executors: map[string]policy.ExecutorLimits{"probe_write": {MaxParallel: 1}}}}
		b := newBench(t, memory.Open(memory.Options{}), engine.Options{MaxParallel: 2}, cfg)
		begun := time.Now()
		done := make(chan chain.CallResult)
		for _, executor := range []string{"probe_write", "probe_write", "probe", "probe"} {
			go func() {
				done <- b.Call(t.Context(), executor, []byte(`{"sleep":10}`), chain.CallOptions{})
			}()
		}
		for range 4 {
			if r := <-done; r.Err != nil {
				t.Error(r.Err)
			}
		}
		if took := time.Since(begun); took < 20*time.Second || took > 30*time.Second || b.Probes.Most() != 2 {
			t.Errorf("they took %s, %d at once", took, b.Probes.Most())
		}
		// A call that is cancelled while it waits leaves the queue.
		go func() {
			done <- b.Call(t.Context(), "probe_write", []byte(`{"sleep":10}`), chain.CallOptions{})
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if r := b.Call(ctx, "probe_write", nil, chain.CallOptions{}); r.Err == nil || r.Err.Type != executors.TimeoutError {
			t.Errorf("%v", r.Err)
		}
		<-done
		if r := b.Call(t.Context(), "probe_write", nil, chain.CallOptions{}); r.Err != nil {
			t.Error(r.Err)
		}
	})
}

// TestCallsThatDoNotStop: a call whose executor ignores its context is given up
// a grace period after its time-out or its cancellation, and a second after the
// engine is closed.
// It keeps its permit until it ends.
func TestCallsThatDoNotStop(t *testing.T) {
	t.Parallel()
	const grace = 3 * time.Second
	for name, c := range map[string]struct {
		args string
		stop func(ctx context.Context, b *bench, cancel func())
		kind executors.ErrorType
		took time.Duration
	}{
		"time-out": {`{"stubborn":true,"timeout":2}`, func(context.Context, *bench, func()) {}, executors.TimeoutError, 2*time.Second + grace},
		"cancel":   {`{"stubborn":true}`, func(_ context.Context, _ *bench, cancel func()) { cancel() }, executors.Cancelled, grace},
		"close":    {`{"stubborn":true}`, func(ctx context.Context, b *bench, _ func()) { go func() { _ = b.engine.Close(ctx) }() }, executors.Cancelled, 1200 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				cfg := policy.Config{Limits: policy.Limits{Executors: map[string]policy.ExecutorLimits{"probe": {MaxParallel: 1}}}}
				b := newBench(t, memory.Open(memory.Options{}), engine.Options{Grace: grace}, cfg)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				done := make(chan chain.CallResult, 1)
				begun := time.Now()
				go func() { done <- b.Call(ctx, "probe", []byte(c.args), chain.CallOptions{}) }()
				synctest.Wait()
				c.stop(t.Context(), b, cancel)
				r := <-done
				if took := time.Since(begun); took < c.took || took > c.took+grace/5 { // on the clock of synctest; the watcher looks at intervals
					t.Errorf("it took %s, want %s", took, c.took)
				}
				if r.Err == nil || r.Err.Type != c.kind || !strings.Contains(r.Err.Message, "has not stopped after "+map[bool]string{true: "1s", false: "3s"}[name == "close"]) {
					t.Errorf("got %v", r.Err)
				}
				if name == "close" {
					b.Probes.Release()
					return
				}
				waiting, stop := context.WithTimeout(t.Context(), time.Second)
				defer stop()
				if r := b.Call(waiting, "probe", nil, chain.CallOptions{}); r.Err == nil {
					t.Error("the permit was free while the call ran")
				}
				b.Probes.Release()
				if r := b.Call(t.Context(), "probe", nil, chain.CallOptions{}); r.Err != nil {
					t.Error(r.Err)
				}
			})
		})
	}
}

// TestGivenUp: with GivenUp a call runs on the caller's goroutine. If it does not
// stop, GivenUp has the result, and what Start returns at last is empty.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, memory.Open(memory.Options{}), engine.Options{Grace: 3 * time.Second}, policy.Config{})
		var given []chain.CallResult
		opts := chain.CallOptions{GivenUp: func(r chain.CallResult) { given = append(given, r) }}
		if r := b.Call(t.Context(), "probe", nil, opts); r.Err != nil || r.RunID == "" {
			t.Errorf("a call that ends: %+v", r)
		}
		done := make(chan chain.CallResult, 1)
		go func() { done <- b.Call(t.Context(), "probe", []byte(`{"stubborn":true,"timeout":2}`), opts) }()
		time.Sleep(10 * time.Second) // of synctest's clock
		synctest.Wait()
		if len(given) != 1 || given[0].Err == nil || given[0].Err.Type != executors.TimeoutError || len(done) != 0 {
			t.Fatalf("given up: %+v, %d returned", given, len(done))
		}
		if v, err := b.Get(t.Context(), given[0].RunID, ""); err != nil || v.Status != chain.Failed {
			t.Errorf("the record: %+v, %v", v, err)
		}
		b.Probes.Release()
		if r := <-done; r.RunID != "" || r.Err != nil || len(given) != 1 {
			t.Errorf("it returned %+v, and %d were given up", r, len(given))
		}
	})
}

// TestCallGoesOnBeforeItBegins: a call that waits for a permit can go on without
// its caller. If it never gets the permit, its record has an end.
func TestCallGoesOnBeforeItBegins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := policy.Config{Limits: policy.Limits{Executors: map[string]policy.ExecutorLimits{"probe": {MaxParallel: 1}}}}
		b := newBench(t, memory.Open(memory.Options{}), engine.Options{}, cfg)
		done := make(chan chain.CallResult, 1)
		go func() { done <- b.Call(t.Context(), "probe", []byte(`{"sleep":10}`), chain.CallOptions{}) }()
		synctest.Wait()
		var ids []string
		for range 2 {
			call, err := b.PrepareCall("probe", nil, chain.CallOptions{})
			if err != nil {
				t.Fatal(err)
			}
			r := call.StartWithin(t.Context(), time.Second)
			if !r.GoesOn {
				t.Fatalf("%+v", r)
			}
			ids = append(ids, r.RunID)
		}
		if v, err := b.Cancel(t.Context(), ids[0], "", ""); err != nil || v.Status != chain.Cancelled {
			t.Errorf("cancelled while it waited: %+v, %v", v, err)
		}
		<-done
		if v := b.End(t, ids[1]); v.Status != chain.Completed {
			t.Errorf("%+v", v)
		}
	})
}
