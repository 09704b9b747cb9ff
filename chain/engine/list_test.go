package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// Calls in progress can be listed, read and cancelled, whether or not their
// record is written before their end, and are listed once.
func TestRunningCallsAreListed(t *testing.T) {
	t.Parallel()
	each(t, engine.Options{}, func(t *testing.T, b *bench) {
		if r := b.Call(t.Context(), "probe", nil, chain.CallOptions{}); r.Err != nil {
			t.Fatal(r.Err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var calls sync.WaitGroup
		defer calls.Wait()
		for _, executor := range []string{"probe", "probe", "probe_write", "probe"} {
			calls.Go(func() { b.Call(ctx, executor, []byte(`{"sleep":29,"mark":"call"}`), chain.CallOptions{}) })
			b.Probes.Await(t, "call")
		}
		calls.Go(func() {
			b.Call(ctx, "probe", []byte(`{"sleep":29,"mark":"another's"}`), chain.CallOptions{Principal: "bob"})
		})
		b.Probes.Await(t, "another's")

		for limit := 1; limit <= 6; limit++ {
			seen := map[string]int{}
			states := map[chain.State]int{}
			for cursor, pages := "", 0; pages == 0 || cursor != ""; pages++ {
				page, next, err := b.List(t.Context(), chain.ListOptions{Limit: limit, Cursor: cursor})
				if err != nil || len(page) == 0 || len(page) > limit {
					t.Fatalf("a page of %d has %d runs, %v", limit, len(page), err)
				}
				for _, run := range page {
					seen[run.RunID]++
					states[run.Status]++
					if run.Kind != "call" || run.Name == "" || run.CreatedAt.IsZero() {
						t.Errorf("%+v", run)
					}
				}
				cursor = next
			}
			if len(seen) != 5 || states[chain.InProgress] != 4 || states[chain.Completed] != 1 {
				t.Errorf("pages of %d: %v, %v", limit, seen, states)
			}
		}
		list, _, err := b.List(t.Context(), chain.ListOptions{Status: string(chain.InProgress)})
		if err != nil || len(list) != 4 {
			t.Fatalf("those in progress: %+v, %v", list, err)
		}
		if ended, _, err := b.List(t.Context(), chain.ListOptions{Status: string(chain.Completed)}); err != nil || len(ended) != 1 {
			t.Errorf("those that completed: %+v, %v", ended, err)
		}
		for _, run := range list {
			v, err := b.Get(t.Context(), run.RunID, "")
			if err != nil || v.Status != chain.InProgress || !v.Call || v.Tasks[0].Status != chain.InProgress || v.Tasks[0].Executor != run.Name || v.Tasks[0].StartedAt == nil {
				t.Errorf("%+v, %v", v, err)
			}
			if _, err := b.Get(t.Context(), run.RunID, "eve"); executors.AsError(err).Type != executors.NotFound {
				t.Errorf("another principal can read it: %v", err)
			}
			if events, err := b.Events(t.Context(), run.RunID, "", 0); err != nil || len(events) != 1 {
				t.Errorf("%+v, %v", events, err)
			}
			if _, err := b.Retry(t.Context(), run.RunID, nil, ""); err == nil {
				t.Error("it can be retried")
			}
			watched := make(chan string, 100)
			done := make(chan error, 1)
			go func() {
				done <- b.Watch(t.Context(), run.RunID, "", func(_ chain.Counts, text string) { watched <- text })
			}()
			<-watched
			if v, err = b.Cancel(t.Context(), run.RunID, "", ""); err != nil || v.Status != chain.Cancelled {
				t.Errorf("%+v, %v", v, err)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if list, _, err = b.List(t.Context(), chain.ListOptions{Status: string(chain.InProgress)}); err != nil || len(list) != 0 {
			t.Errorf("after their end: %+v, %v", list, err)
		}
		cancel()
	})
}

// A call and a run say what they wait for: a permit, the next attempt, elements.
func TestWhatIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := policy.Config{Limits: policy.Limits{Executors: map[string]policy.ExecutorLimits{"probe": {MaxParallel: 1}}}}
		b := newBench(t, memory.Open(memory.Options{}), engine.Options{}, cfg)
		var work sync.WaitGroup
		defer work.Wait()
		var mu sync.Mutex
		said := map[string][]string{}
		note := func(who string) func(executors.Progress) {
			return func(p executors.Progress) {
				mu.Lock()
				defer mu.Unlock()
				said[who] = append(said[who], p.Message)
			}
		}
		work.Go(func() { b.Call(t.Context(), "probe", []byte(`{"sleep":20}`), chain.CallOptions{}) })
		synctest.Wait()
		work.Go(func() {
			b.Call(t.Context(), "probe", []byte(`{"sleep":1}`), chain.CallOptions{OnProgress: note("call")})
		})
		follow := func(who, tree string) {
			run, err := b.Start(t.Context(), b.Tree(t, tree), chain.RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			work.Go(func() {
				_ = b.Watch(t.Context(), run.ID, "", func(_ chain.Counts, text string) { note(who)(executors.Progress{Message: text}) })
			})
		}
		follow("run", `[{"name":"a","schemas":{"method":"probe"}}]`)
		follow("retry", `[{"name":"b","schemas":{"method":"probe_gather"},"retry":{"max_attempts":3,"backoff":"fixed","initial_seconds":10},"inputs":{"fail":"x","times":1,"retryable":true}}]`)
		follow("each", `[{"name":"c","schemas":{"method":"probe_gather"},"for_each":[1,2],"max_parallel":1,"inputs":{"sleep":1}}]`)
		time.Sleep(time.Minute)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		for who, want := range map[string]string{
			"call": "waiting for a free slot", "run": "0 of 1 tasks done; waiting for a free slot",
			"each": "0 of 1 tasks done; running c (1 of 2 elements done)",
		} {
			if !slices.Contains(said[who], want) {
				t.Errorf("%s: %q", who, said[who])
			}
		}
		if text := fmt.Sprint(said["retry"]); !containsAll(text, "running b (waiting ", " before attempt 2 of 3)") {
			t.Errorf("retry: %s", text)
		}
	})
}

func containsAll(text string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) })
}
