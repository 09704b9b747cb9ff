package engine_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/executors/policy"
)

func TestWideAndLongRuns(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"1,000 wide": fanOut(1000), "1,000 long": line(1000)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, engine.Options{}, func(t *testing.T, b *bench) {
				v := b.RunTree(t, text, chain.RunOptions{})
				if v.Status != chain.Completed || v.Counts[chain.Completed] != 1000 {
					t.Errorf("the run is %s with %v", v.Status, v.Counts)
				}
				b.Consistent(t, v.RunID)
			})
		})
	}
}

// A watcher is called at most ten times per second.
func TestWatchersArePaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, memory.Open(memory.Options{}), engine.Options{}, policy.Config{})
		run, err := b.Start(t.Context(), b.Tree(t, sleepers(40, 0.05)), chain.RunOptions{MaxParallel: 4})
		if err != nil {
			t.Fatal(err)
		}
		told, begun := 0, time.Now()
		if err := b.Watch(t.Context(), run.ID, "", func(chain.Counts, string) { told++ }); err != nil {
			t.Fatal(err)
		}
		if most := int(time.Since(begun)/(100*time.Millisecond)) + 2; told < 2 || told > most {
			t.Errorf("called %d times in %s", told, time.Since(begun))
		}
	})
}

// sleepers returns n tasks that only sleep.
func sleepers(n int, seconds float64) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `%s{"id":"s%d","name":"s%d","schemas":{"method":"probe"},"inputs":{"sleep":%g,"mark":"s%d"}}`, sep(i), i, i, seconds, i)
	}
	return "[" + b.String() + "]"
}

func sep(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

func TestBoundsOnWhatIsInFlight(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		opts engine.Options
		cfg  policy.Config
		run  int
	}{
		{name: "of a run", run: 3},
		{name: "of the process", opts: engine.Options{MaxParallel: 3}},
		{name: "of the process, from the policy", cfg: policy.Config{Limits: policy.Limits{MaxParallel: 3}}},
		{name: "of an executor", cfg: policy.Config{Limits: policy.Limits{Executors: map[string]policy.ExecutorLimits{"probe": {MaxParallel: 3}}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, stores["memory"](t), c.opts, c.cfg)
			tree := b.Tree(t, sleepers(12, 0.02))
			runs := 1
			if c.run == 0 {
				runs = 3 // at the same time
			}
			var ids []string
			for range runs {
				run, err := b.Start(t.Context(), tree, chain.RunOptions{MaxParallel: c.run})
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, run.ID)
			}
			for _, id := range ids {
				if v := b.End(t, id); v.Status != chain.Completed {
					t.Errorf("a run is %s", v.Status)
				}
			}
			if b.Probes.Most() != 3 {
				t.Errorf("%d were in flight at once", b.Probes.Most())
			}
		})
	}
}

// Tasks of an executor that has reached its limit don't delay other tasks.
func TestExecutorBoundLetsOthersPass(t *testing.T) {
	t.Parallel()
	cfg := policy.Config{Limits: policy.Limits{Executors: map[string]policy.ExecutorLimits{"probe": {MaxParallel: 1}}}}
	b := newBench(t, stores["memory"](t), engine.Options{}, cfg)
	run, err := b.Start(t.Context(), b.Tree(t, `[
		{"id":"a","name":"a","schemas":{"method":"probe"},"inputs":{"stubborn":true}},
		{"id":"b","name":"b","schemas":{"method":"probe"},"for_each":[1,2],"inputs":{}},
		{"id":"c","name":"c","schemas":{"method":"probe"},"when":"${{ 1 }}","inputs":{}},
		{"id":"d","name":"d","schemas":{"method":"probe_write"},"inputs":{"mark":"passed"}}]`), chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.Probes.Await(t, "passed")
	b.Probes.Release()
	if v := b.End(t, run.ID); v.Status != chain.Completed {
		t.Errorf("the run is %s: %+v", v.Status, v.Tasks)
	}
}

// A task that runs a nested tree holds a permit while it waits. The tasks in
// the nested tree must not wait for the same permit.
func TestRunsInsideTasksDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	each(t, engine.Options{MaxParallel: 1}, func(t *testing.T, b *bench) {
		leaf := `[{"name":"leaf","schemas":{"method":"probe"},"inputs":{"mark":"leaf"}},{"name":"leaf2","schemas":{"method":"probe"}}]`
		inner, _ := json.Marshal(leaf)
		middle := fmt.Sprintf(`[{"name":"middle","schemas":{"method":"probe"},"inputs":{"inner":%s}}]`, inner)
		outer, _ := json.Marshal(middle)
		v := b.RunTree(t, fmt.Sprintf(`[{"id":"a","name":"a","schemas":{"method":"probe"},"inputs":{"inner":%s}},
			{"id":"b","name":"b","schemas":{"method":"probe"},"inputs":{"inner":%s}}]`, outer, outer), chain.RunOptions{})
		if v.Status != chain.Completed || len(b.Probes.Seen()) != 2 {
			t.Errorf("the run is %s, %v", v.Status, b.Probes.Seen())
		}
	})
}

// A watcher that starts just when the run ends is notified of the end.
func TestFollowersOfShortRuns(t *testing.T) {
	t.Parallel()
	each(t, engine.Options{}, func(t *testing.T, b *bench) {
		tree := b.Tree(t, fanOut(5))
		for range 300 {
			run, err := b.Start(t.Context(), tree, chain.RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var last chain.Counts
			if err := b.Watch(t.Context(), run.ID, "", func(c chain.Counts, _ string) { last = c }); err != nil || last[chain.Completed] != 5 {
				t.Fatalf("told %v, %v", last, err)
			}
			if list, _, err := b.List(t.Context(), chain.ListOptions{Limit: 1}); err != nil || list[0].Status != chain.Completed {
				t.Fatalf("the list says %+v, %v", list, err)
			}
			if v, err := b.Cancel(t.Context(), run.ID, "", ""); err != nil || v.Status != chain.Completed || len(v.Warnings) != 1 {
				t.Fatalf("cancelling it: %+v, %v", v, err)
			}
		}
	})
}
