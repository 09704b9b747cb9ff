package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// oneLive is a policy under which one run is in progress at once.
func oneLive(queued, each int) policy.Config {
	return policy.Config{Limits: policy.Limits{MaxLive: 1, MaxQueued: queued, Principal: policy.PrincipalLimits{MaxQueued: each}}}
}

const stubborn = `[{"id":"t","name":"t","schemas":{"method":"probe"},"inputs":{"stubborn":true,"mark":"first"}}]`

func markOnly(mark string) string {
	return fmt.Sprintf(`[{"id":"t","name":"t","schemas":{"method":"probe"},"inputs":{"mark":%q}}]`, mark)
}

func (b *bench) begin(t *testing.T, tree, principal string) string {
	t.Helper()
	run, err := b.Start(t.Context(), b.Tree(t, tree), chain.RunOptions{Principal: principal})
	if err != nil {
		t.Fatal(err)
	}
	return run.ID
}

// What does not fit waits, and begins in order, by turns between the principals.
// A queued run can be read, listed, watched and cancelled.
func TestQueuedRunsTakeTurns(t *testing.T) {
	t.Parallel()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, open(t), engine.Options{}, oneLive(0, 0))
			b.begin(t, stubborn, "a")
			b.Probes.Await(t, "first")
			ids := map[string]string{}
			for _, mark := range []string{"a1", "a2", "a3", "a4", "b1", "b2", "c1"} {
				ids[mark] = b.begin(t, markOnly(mark), mark[:1])
			}
			v, err := b.Get(t.Context(), ids["a1"], "a")
			if err != nil || v.Status != chain.Queued || v.Tasks[0].Status != chain.Pending || v.Owner != nil || len(v.Warnings) > 0 || v.Status.Ended() {
				t.Errorf("a queued run: %+v, %v", v, err)
			}
			list, _, err := b.List(t.Context(), chain.ListOptions{Principal: "a", Status: string(chain.Queued)})
			if err != nil || len(list) != 4 || list[0].Status != chain.Queued {
				t.Errorf("the list: %+v, %v", list, err)
			}
			if v, err = b.Cancel(t.Context(), ids["a2"], "", "a"); err != nil || v.Status != chain.Cancelled || v.Tasks[0].Attempts != 0 {
				t.Errorf("cancelled: %+v, %v", v, err)
			}
			if _, err := b.Cancel(t.Context(), ids["a3"], "", "b"); err == nil {
				t.Error("another principal cancelled it")
			}
			told := make(chan string, 100)
			watched := make(chan error, 1)
			go func() {
				watched <- b.Watch(t.Context(), ids["c1"], "c", func(_ chain.Counts, text string) { told <- text })
			}()
			if text := <-told; !strings.Contains(text, "queued") {
				t.Errorf("told %q", text)
			}
			b.Probes.Release()
			for mark, id := range ids {
				v, err := b.Wait(t.Context(), id, mark[:1])
				if want := map[bool]chain.State{true: chain.Cancelled, false: chain.Completed}[mark == "a2"]; err != nil || v.Status != want {
					t.Errorf("%s: %+v, %v", mark, v, err)
				}
			}
			if err := <-watched; err != nil {
				t.Error(err)
			}
			if got, want := b.Probes.Seen(), []string{"first", "a1", "b1", "c1", "a3", "b2", "a4"}; !slices.Equal(got, want) {
				t.Errorf("begun in the order %v, not %v", got, want)
			}
		})
	}
}

// Over the limit nothing is written, and the answer says what to do.
func TestQueueIsFull(t *testing.T) {
	t.Parallel()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, open(t), engine.Options{}, oneLive(3, 2))
			b.begin(t, stubborn, "a")
			b.Probes.Await(t, "first")
			b.begin(t, markOnly("a1"), "a")
			last := b.begin(t, markOnly("a2"), "a")
			refused := func(principal, count, setting string) {
				t.Helper()
				_, err := b.Start(t.Context(), b.Tree(t, markOnly("no")), chain.RunOptions{Principal: principal})
				failed := executors.AsError(err)
				if failed == nil || failed.Code != "rate_limited" || failed.RetryAfter <= 0 || !failed.Retryable ||
					!strings.Contains(failed.Message, count) || !strings.Contains(failed.Hint, setting) {
					t.Errorf("refused with %+v", failed)
				}
			}
			refused("a", "2 runs of this caller wait to begin, and at most 2 may", "policy.limits.principal.max_queued")
			b.begin(t, markOnly("b1"), "b")
			refused("b", "3 runs of this server wait to begin, and at most 3 may", "policy.limits.max_queued")
			rows, err := b.store.List(t.Context(), store.Query{Anyone: true, Limit: 100})
			if err != nil || len(rows) != 4 {
				t.Errorf("%d runs are on record, %v", len(rows), err)
			}
			if _, err := b.Cancel(t.Context(), last, "", "a"); err != nil {
				t.Error(err)
			}
			b.begin(t, markOnly("a3"), "a") // there is room again
			b.Probes.Release()
		})
	}
}

// A run that can't be recorded takes no room.
func TestQueueOfAFailingStore(t *testing.T) {
	t.Parallel()
	f := &failing{Store: stores["memory"](t)}
	f.left.Store(1 << 40)
	b := newBench(t, f, engine.Options{}, oneLive(1, 1))
	for range 2 {
		f.creates = true
		if _, err := b.Start(t.Context(), b.Tree(t, markOnly("no")), chain.RunOptions{}); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%v", err)
		}
		f.creates = false
	}
	b.begin(t, stubborn, "")
	b.Probes.Await(t, "first")
	f.creates = true
	for range 3 {
		if _, err := b.Start(t.Context(), b.Tree(t, markOnly("no")), chain.RunOptions{}); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%v", err)
		}
	}
	f.creates = false
	id := b.begin(t, markOnly("yes"), "")
	b.Probes.Release()
	if v := b.End(t, id); v.Status != chain.Completed {
		t.Errorf("%+v", v)
	}
}

// Runs that tasks start never wait in the queue: the task would wait for itself.
func TestRunsInsideTasksAreNotQueued(t *testing.T) {
	t.Parallel()
	for name, open := range stores {
		b := newBench(t, open(t), engine.Options{}, oneLive(1, 1))
		id := b.begin(t, `[{"id":"a","name":"a","schemas":{"method":"probe"},"inputs":{"inner":"[{\"name\":\"leaf\",\"schemas\":{\"method\":\"probe\"}}]"}}]`, "")
		if v := b.End(t, id); v.Status != chain.Completed {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// Queued runs survive their process: another one begins them when it has room.
func TestQueueSurvives(t *testing.T) {
	t.Parallel()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			first := newBench(t, keepOpen{s}, engine.Options{Owner: "first", Lease: shortLease}, oneLive(0, 0))
			first.begin(t, `[{"id":"t","name":"t","schemas":{"method":"probe"},"inputs":{"sleep":3600,"mark":"first"}}]`, "")
			first.Probes.Await(t, "first")
			var ids []string
			for i := range 5 {
				ids = append(ids, first.begin(t, markOnly(fmt.Sprint("q", i)), ""))
			}
			gone, cancel := context.WithCancel(t.Context())
			waited := make(chan *chain.RunView, 1)
			go func() {
				v, _ := first.Wait(gone, ids[4], "")
				waited <- v
			}()
			if err := first.Close(gone); err != nil {
				t.Fatal(err)
			}
			cancel()
			if v := <-waited; v == nil || v.Status != chain.Queued {
				t.Errorf("the view of one who waited: %+v", v)
			}
			second := newBench(t, s, engine.Options{Owner: "second", Lease: shortLease}, oneLive(0, 0))
			if v, err := second.Get(t.Context(), ids[0], ""); err != nil || v.Status != chain.Queued || len(v.Warnings) != 1 {
				t.Errorf("before it is adopted: %+v, %v", v, err)
			}
			second.engine.Adopt(func(*store.Run) bool { return true })
			for _, id := range ids {
				if v := second.End(t, id); v.Status != chain.Completed {
					t.Errorf("%+v", v)
				}
			}
			if got, want := second.Probes.Seen(), []string{"q0", "q1", "q2", "q3", "q4"}; !slices.Equal(got, want) {
				t.Errorf("begun %v, not %v", got, want)
			}
		})
	}
}

// Ten clients submit at once. Every run completes once, and no more are in
// progress than may be.
func TestTenClientsQueueAtOnce(t *testing.T) {
	t.Parallel()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, open(t), engine.Options{}, policy.Config{Limits: policy.Limits{MaxLive: 7, MaxParallel: 100}})
			const clients, each = 10, 60
			var all sync.WaitGroup
			for c := range clients {
				principal := fmt.Sprint("p", c%4)
				all.Go(func() {
					for i := range each {
						run, err := b.Start(t.Context(), b.Tree(t, markOnly(fmt.Sprintf("%d-%d", c, i))), chain.RunOptions{Principal: principal})
						if err != nil {
							t.Error(err)
							return
						}
						if i%10 == 0 {
							if v, err := b.Wait(t.Context(), run.ID, principal); err != nil || v.Status != chain.Completed {
								t.Errorf("%+v, %v", v, err)
							}
						}
					}
				})
			}
			all.Wait()
			executortest.Await(t, "the end of all", func() bool {
				rows, err := b.store.List(t.Context(), store.Query{Anyone: true, Status: string(chain.Completed), Limit: clients*each + 1})
				return err == nil && len(rows) == clients*each
			})
			if seen := times(b.Probes.Seen()); len(seen) != clients*each || b.Probes.Most() > 7 {
				t.Errorf("%d marks, %d at once", len(seen), b.Probes.Most())
			}
			for mark, n := range times(b.Probes.Seen()) {
				if n != 1 {
					t.Errorf("%s began %d times", mark, n)
				}
			}
		})
	}
}

// A person's retry waits in the queue like a new run, and counts in its bounds. It
// keeps what completed, and goes on in another process if this one ends.
func TestRetryIsQueued(t *testing.T) {
	t.Parallel()
	tree := `[{"id":"done","executor":"probe","inputs":{"mark":"done"}},{"id":"bad","executor":"probe","dependencies":["done"],"inputs":{"mark":"bad","fail":"no"}},
		{"id":"after","executor":"probe","dependencies":["bad"],"inputs":{"mark":"after"}}]`
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			first := newBench(t, keepOpen{s}, engine.Options{Owner: "first", Lease: shortLease}, oneLive(2, 0))
			var failed []string
			for range 3 {
				id := first.begin(t, tree, "a")
				if v, err := first.Wait(t.Context(), id, "a"); err != nil || v.Status != chain.Failed {
					t.Fatalf("%+v, %v", v, err)
				}
				failed = append(failed, id)
			}
			first.begin(t, `[{"id":"t","executor":"probe","inputs":{"sleep":3600,"mark":"long"}}]`, "a")
			first.Probes.Await(t, "long")
			for _, id := range failed[:2] {
				if _, err := chain.Retry(t.Context(), first.engine, id, nil, "a"); err != nil {
					t.Fatal(err)
				}
				v, err := first.Get(t.Context(), id, "a")
				if err != nil || v.Status != chain.Queued || v.ErrorType != "" || v.Tasks[0].Status != chain.Completed || v.Tasks[1].Status != chain.Pending || v.Tasks[2].Status != chain.Pending {
					t.Errorf("queued: %+v, %v", v, err)
				}
			}
			if _, err := chain.Retry(t.Context(), first.engine, failed[0], nil, "a"); err == nil || !strings.Contains(err.Error(), "is queued") {
				t.Errorf("retried twice: %v", err)
			}
			before, err := s.Run(t.Context(), failed[2])
			if err != nil {
				t.Fatal(err)
			}
			if _, err := chain.Retry(t.Context(), first.engine, failed[2], nil, "a"); executors.AsError(err).Code != "rate_limited" {
				t.Errorf("over the bound: %v", err)
			}
			if row, err := s.Run(t.Context(), failed[2]); err != nil || row.Seq != before.Seq || row.Epoch != before.Epoch || row.Status != before.Status {
				t.Errorf("a retry that was refused changed the run: %+v, %v", row, err)
			}
			if v, err := first.Cancel(t.Context(), failed[1], "", "a"); err != nil || v.Status != chain.Cancelled || v.Tasks[0].Status != chain.Completed || v.Tasks[1].Status != chain.Cancelled {
				t.Errorf("cancelled: %+v, %v", v, err)
			}
			if err := first.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			second := newBench(t, s, engine.Options{Owner: "second", Lease: shortLease}, oneLive(0, 0))
			second.engine.Adopt(func(*store.Run) bool { return true })
			v, err := second.Wait(t.Context(), failed[0], "a")
			if err != nil || v.Status != chain.Failed || v.Tasks[0].Attempts != 1 || v.Tasks[1].Attempts != 2 {
				t.Errorf("after the retry: %+v, %v", v, err)
			}
			if seen := times(second.Probes.Seen()); seen["done"] != 0 || seen["bad"] != 1 {
				t.Errorf("run again: %v", seen)
			}
		})
	}
}
