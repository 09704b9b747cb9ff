package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// marked returns n tasks with different marks, each of the given duration.
func marked(mark string, n int, seconds float64) string {
	tasks := make([]string, n)
	for i := range tasks {
		tasks[i] = fmt.Sprintf(`{"id":"t%d","name":"t%d","schemas":{"method":"probe"},"inputs":{"sleep":%g,"mark":%q}}`, i, i, seconds, mark)
	}
	return "[" + strings.Join(tasks, ",") + "]"
}

// before counts the marks of one kind that come before the last mark of another
// kind.
func before(marks []string, kind, last string) int {
	n := 0
	for i, mark := range marks {
		if mark == last && !slices.Contains(marks[i+1:], last) {
			return n
		}
		if mark == kind {
			n++
		}
	}
	return n
}

func TestBoundOfAPrincipal(t *testing.T) {
	t.Parallel()
	limits := policy.Limits{Principal: policy.PrincipalLimits{MaxParallel: 2}}
	b := newBench(t, stores["memory"](t), engine.Options{}, policy.Config{Limits: limits})
	tree := b.Tree(t, marked("x", 10, 0.01))
	var calls sync.WaitGroup
	var ids []string
	for _, who := range []string{"", "ann", ""} {
		run, err := b.Start(t.Context(), tree, chain.RunOptions{Principal: who})
		if err != nil {
			t.Fatal(err)
		}
		calls.Go(func() {
			if r := b.Call(t.Context(), "probe", json.RawMessage(`{"sleep":0.01}`), chain.CallOptions{Principal: who}); r.Err != nil {
				t.Error(r.Err)
			}
		})
		if who == "" {
			ids = append(ids, run.ID)
		} else if v, err := b.Wait(t.Context(), run.ID, who); err != nil || v.Status != chain.Completed {
			t.Errorf("%+v, %v", v, err)
		}
	}
	calls.Wait()
	for _, id := range ids {
		if v := b.End(t, id); v.Status != chain.Completed {
			t.Errorf("the run is %s", v.Status)
		}
	}
	if b.Probes.Most() > 4 || b.Probes.Most() < 2 {
		t.Errorf("%d of two principals were in flight at once", b.Probes.Most())
	}
}

// Ten clients at once. One of them starts far more tasks and calls than the
// limits allow. The other clients still get their share.
func TestAGreedyPrincipalHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string]policy.Limits{
		"of the process":   {MaxParallel: 2},
		"of an executor":   {Executors: map[string]policy.ExecutorLimits{"probe": {MaxParallel: 2}}},
		"of the pace":      {Executors: map[string]policy.ExecutorLimits{"probe": {PerSecond: 100}}},
		"of a principal's": {MaxParallel: 8, Principal: policy.PrincipalLimits{MaxParallel: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, stores["memory"](t), engine.Options{}, policy.Config{Limits: limits})
				const perClient = 5
				var done sync.WaitGroup
				for range 3 {
					if _, err := b.Start(t.Context(), b.Tree(t, marked("greedy", 300, 0.02)), chain.RunOptions{Principal: "greedy"}); err != nil {
						t.Fatal(err)
					}
				}
				for range 200 {
					done.Go(func() {
						b.Call(t.Context(), "probe", json.RawMessage(`{"sleep":0.02,"mark":"greedy"}`), chain.CallOptions{Principal: "greedy"})
					})
				}
				synctest.Wait() // it uses all permits that it can get
				ahead := len(b.Probes.Seen())
				for i := range 9 {
					who := fmt.Sprint("client", i)
					done.Go(func() {
						if i%2 == 0 {
							run, err := b.Start(t.Context(), b.Tree(t, marked(who, perClient, 0.02)), chain.RunOptions{Principal: who})
							if err != nil {
								t.Error(err)
							} else if v, err := b.Wait(t.Context(), run.ID, who); err != nil || v.Status != chain.Completed {
								t.Errorf("%s: %+v, %v", who, v, err)
							}
							return
						}
						for range perClient {
							r := b.Call(t.Context(), "probe", json.RawMessage(`{"sleep":0.02,"mark":"`+who+`"}`), chain.CallOptions{Principal: who})
							if r.Err != nil {
								t.Errorf("%s: %v", who, r.Err)
							}
						}
					})
				}
				done.Wait()
				// The greedy client gets about one permit for each permit of
				// another client.
				for i := range 9 {
					who := fmt.Sprint("client", i)
					if n := before(b.Probes.Seen(), "greedy", who) - ahead; n > 10*perClient {
						t.Errorf("%s waited for %d of the greedy one's", who, n)
					}
				}
			})
		})
	}
}

func TestPaceOfAnExecutor(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string]policy.Limits{
		"of an executor":   {Executors: map[string]policy.ExecutorLimits{"probe": {PerSecond: 10}}},
		"of a principal":   {Principal: policy.PrincipalLimits{PerSecond: 10}},
		"with both bounds": {MaxParallel: 3, Executors: map[string]policy.ExecutorLimits{"probe": {PerSecond: 10, MaxParallel: 2}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, stores["memory"](t), engine.Options{}, policy.Config{Limits: limits})
				begun := time.Now()
				// Ten start at once, the other fifty at ten per second.
				// Conditions are not calls.
				v := b.RunTree(t, `[{"name":"many","schemas":{"method":"probe"},"for_each":"${{ [range(58)] }}","inputs":{"value":"${{ item }}"}},
					{"name":"one","schemas":{"method":"probe"},"when":"${{ true }}","inputs":{}},
					{"name":"again","schemas":{"method":"probe"},"inputs":{}}]`, chain.RunOptions{})
				took := time.Since(begun)
				if v.Status != chain.Completed || took < 4900*time.Millisecond || took > 5200*time.Millisecond {
					t.Errorf("the run is %s after %s", v.Status, took)
				}
			})
		})
	}
}

// The timeout of a task does not include the wait for a permit.
func TestTheTimeOutIsNotForTheWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limits := policy.Limits{Executors: map[string]policy.ExecutorLimits{"probe": {PerSecond: 0.5}}}
		b := newBench(t, stores["memory"](t), engine.Options{}, policy.Config{Limits: limits})
		v := b.RunTree(t, `[{"name":"a","schemas":{"method":"probe"},"timeout":1},{"name":"b","schemas":{"method":"probe"},"timeout":1},
			{"name":"c","schemas":{"method":"probe"},"timeout":1}]`, chain.RunOptions{})
		if v.Status != chain.Completed {
			t.Errorf("%+v", v.Tasks)
		}
	})
}

// Further attempts count toward the rate, but they don't wait in the queue.
func TestAttemptsCountForThePace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limits := policy.Limits{Executors: map[string]policy.ExecutorLimits{"probe": {PerSecond: 1}}}
		b := newBench(t, stores["memory"](t), engine.Options{}, policy.Config{Limits: limits})
		begun := time.Now()
		v := b.RunTree(t, `[{"id":"a","name":"a","schemas":{"method":"probe"},"retry":{"max_attempts":2,"backoff":"fixed","initial_seconds":0.01,"max_seconds":0.01},
			"inputs":{"fail":"no","error_type":"network_error","retryable":true,"times":1}},
			{"id":"b","name":"b","schemas":{"method":"probe"},"dependencies":["a"]}]`, chain.RunOptions{})
		if took := time.Since(begun); v.Status != chain.Completed || took < 1900*time.Millisecond {
			t.Errorf("the run is %s after %s", v.Status, took)
		}
	})
}

// A call waits for a permit, unless the wait would be too long: then it fails
// at once, and the error says when to try again.
func TestCallsThatAreTooMany(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string]policy.Limits{
		"of an executor": {Executors: map[string]policy.ExecutorLimits{"probe": {PerSecond: 1}}},
		"of a principal": {Principal: policy.PrincipalLimits{PerSecond: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, stores["memory"](t), engine.Options{}, policy.Config{Limits: limits})
				begun := time.Now()
				var all sync.WaitGroup
				var mu sync.Mutex
				passed, refused := 0, []*executors.Error{}
				for range 20 {
					all.Go(func() {
						r := b.Call(t.Context(), "probe", json.RawMessage(`{}`), chain.CallOptions{Principal: "ann"})
						mu.Lock()
						defer mu.Unlock()
						if r.Err == nil {
							passed++
							return
						}
						refused = append(refused, r.Err)
						if time.Since(begun) > 0 {
							t.Errorf("refused after %s", time.Since(begun))
						}
					})
				}
				all.Wait()
				if passed != 11 || time.Since(begun) != 10*time.Second {
					t.Errorf("%d passed in %s", passed, time.Since(begun))
				}
				for _, err := range refused {
					if err.Type != executors.ExecutionError || err.Code != "rate_limited" || !err.Retryable || err.RetryAfter != 11*time.Second ||
						!strings.Contains(err.Hint, "per_second") {
						t.Errorf("%+v", err)
					}
				}
				// A cancelled call leaves the queue, and its unused permit is
				// returned.
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				if r := b.Call(ctx, "probe", json.RawMessage(`{}`), chain.CallOptions{Principal: "ann"}); r.Err == nil || r.Err.Type != executors.TimeoutError {
					t.Errorf("%+v", r.Err)
				}
				time.Sleep(time.Second)
				again := time.Now()
				if r := b.Call(t.Context(), "probe", json.RawMessage(`{}`), chain.CallOptions{Principal: "ann"}); r.Err != nil || time.Since(again) > 0 {
					t.Errorf("%v after %s", r.Err, time.Since(again))
				}
			})
		})
	}
}

// Runs that wait for a permit can be cancelled, and hold no permit then.
func TestCancelInLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limits := policy.Limits{Executors: map[string]policy.ExecutorLimits{"probe": {PerSecond: 1}}, Principal: policy.PrincipalLimits{MaxParallel: 3}}
		b := newBench(t, stores["memory"](t), engine.Options{}, policy.Config{Limits: limits})
		run, err := b.Start(t.Context(), b.Tree(t, marked("x", 1000, 0.01)), chain.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond)
		v, err := b.Cancel(t.Context(), run.ID, "", "")
		if err != nil || v.Status != chain.Cancelled || v.Counts[chain.Completed] != 2 || v.Counts[chain.Cancelled] != 998 {
			t.Errorf("%s, %v, %v", v.Status, v.Counts, err)
		}
		begun := time.Now()
		if v := b.RunTree(t, marked("y", 1, 0), chain.RunOptions{}); v.Status != chain.Completed || time.Since(begun) > time.Second {
			t.Errorf("%s after %s", v.Status, time.Since(begun))
		}
	})
}

// Work inside a task does not wait for a permit that the task itself holds.
func TestPrincipalBoundOfNestedRuns(t *testing.T) {
	t.Parallel()
	limits := policy.Limits{Principal: policy.PrincipalLimits{MaxParallel: 1}, Executors: map[string]policy.ExecutorLimits{"probe": {MaxParallel: 1}}}
	b := newBench(t, stores["memory"](t), engine.Options{}, policy.Config{Limits: limits})
	inner, _ := json.Marshal(marked("inner", 5, 0))
	v := b.RunTree(t, fmt.Sprintf(`[{"name":"outer","schemas":{"method":"probe"},"inputs":{"inner":%s}}]`, inner), chain.RunOptions{})
	if v.Status != chain.Completed || len(b.Probes.Seen()) != 5 {
		t.Errorf("the run is %s, %v", v.Status, b.Probes.Seen())
	}
}

// Ten thousand waiting tasks are not goroutines. The test is not parallel,
// because it counts goroutines.
func TestWhatIsInLineIsCheap(t *testing.T) {
	limits := policy.Limits{
		Executors: map[string]policy.ExecutorLimits{"noop": {MaxParallel: 16, PerSecond: 1e6}},
		Principal: policy.PrincipalLimits{MaxParallel: 32, PerSecond: 1e6},
	}
	b := newBench(t, stores["memory"](t), engine.Options{}, policy.Config{Limits: limits})
	before, most := runtime.NumGoroutine(), 0
	run, err := b.Start(t.Context(), b.Tree(t, fanOut(10_000)), chain.RunOptions{MaxParallel: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	var last chain.Counts
	if err := b.Watch(t.Context(), run.ID, "", func(c chain.Counts, _ string) {
		last, most = c, max(most, runtime.NumGoroutine())
	}); err != nil || last[chain.Completed] != 10_000 {
		t.Fatal(last, err)
	}
	if most > before+50 {
		t.Errorf("%d goroutines for 16 tasks in flight", most-before)
	}
}
