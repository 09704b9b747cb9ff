package chain_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/policy"
)

func TestWideAndLongRuns(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"1,000 wide": fanOut(1000), "1,000 long": line(1000)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, chain.RunnerOptions{}, func(t *testing.T, b *bench) {
				v := b.run(t, text, chain.RunOptions{})
				if v.Status != chain.Completed || v.Counts[chain.Completed] != 1000 {
					t.Errorf("the run is %s with %v", v.Status, v.Counts)
				}
				b.consistent(t, v.RunID)
			})
		})
	}
}

func TestForEachOf500(t *testing.T) {
	t.Parallel()
	each(t, chain.RunnerOptions{}, func(t *testing.T, b *bench) {
		v := b.run(t, `[{"id":"many","name":"many","schemas":{"method":"probe"},"max_parallel":7,
			"for_each":"${{ [range(500)] }}","inputs":{"value":"${{ item * 2 }}"}}]`, chain.RunOptions{})
		var result []struct{ Value int }
		if err := json.Unmarshal(v.Tasks[0].Result, &result); err != nil || len(result) != 500 {
			t.Fatalf("%d results, %v", len(result), err)
		}
		for i, r := range result {
			if r.Value != 2*i {
				t.Errorf("[%d] is %d", i, r.Value)
			}
		}
		if b.probes.most > 7 || b.probes.called("many") != 500 {
			t.Errorf("%d at once, %d calls", b.probes.most, b.probes.called("many"))
		}
	})
}

// A long result is kept whole, can be referred to, and need not be read with
// the run.
func TestLongResult(t *testing.T) {
	t.Parallel()
	each(t, chain.RunnerOptions{}, func(t *testing.T, b *bench) {
		v := b.run(t, `[{"id":"big","name":"big","schemas":{"method":"probe"},"inputs":{"size":5242880}},
			{"id":"length","name":"length","schemas":{"method":"probe"},"inputs":{"value":"${{ tasks.big.result.value | length }}"}},
			{"id":"whole","name":"whole","schemas":{"method":"probe_gather"},"dependencies":["big"]}]`, chain.RunOptions{})
		want := `{"value":"` + strings.Repeat("x", 5<<20) + `"}`
		if string(v.Tasks[0].Result) != want || v.Tasks[0].Size != len(want) {
			t.Errorf("the result has %d bytes", len(v.Tasks[0].Result))
		}
		if got := string(v.Tasks[1].Result); got != `{"value":5242880}` {
			t.Errorf("its length is %s", got)
		}
		if len(v.Tasks[2].Result) < 5<<20 {
			t.Errorf("as a dependency it has %d bytes", len(v.Tasks[2].Result))
		}
		short, err := b.Run(t.Context(), v.RunID, "", chain.ResultsUpTo(32<<10))
		if err != nil || short.Tasks[0].Result != nil || short.Tasks[0].Size != len(want) || short.Tasks[1].Result == nil {
			t.Errorf("a short view: %v", err)
		}
		raw, task, err := b.TaskResult(t.Context(), v.RunID, "big", "")
		if err != nil || string(raw) != want || task.Status != chain.Completed {
			t.Errorf("read alone: %d bytes, %v", len(raw), err)
		}
	})
}

// sleepers are n tasks that take a while, and do nothing else.
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
		opts chain.RunnerOptions
		cfg  policy.Config
		run  int
	}{
		{name: "of a run", run: 3},
		{name: "of the process", opts: chain.RunnerOptions{MaxParallel: 3}},
		{name: "of the process, from the policy", cfg: policy.Config{Limits: policy.Limits{MaxParallel: 3}}},
		{name: "of an executor", cfg: policy.Config{Limits: policy.Limits{Executors: map[string]policy.ExecutorLimits{"probe": {MaxParallel: 3}}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, stores["memory"](t), c.opts, c.cfg)
			tree := b.tree(t, sleepers(12, 0.02))
			runs := 1
			if c.run == 0 {
				runs = 3 // together
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
				if v := b.wait(t, id); v.Status != chain.Completed {
					t.Errorf("a run is %s", v.Status)
				}
			}
			if b.probes.most != 3 {
				t.Errorf("%d were in flight at once", b.probes.most)
			}
		})
	}
}

// Tasks of an executor that has reached its bound hold nothing else up.
func TestExecutorBoundLetsOthersPass(t *testing.T) {
	t.Parallel()
	cfg := policy.Config{Limits: policy.Limits{Executors: map[string]policy.ExecutorLimits{"probe": {MaxParallel: 1}}}}
	b := newBench(t, stores["memory"](t), chain.RunnerOptions{}, cfg)
	run, err := b.Start(t.Context(), b.tree(t, `[
		{"id":"a","name":"a","schemas":{"method":"probe"},"inputs":{"stubborn":true}},
		{"id":"b","name":"b","schemas":{"method":"probe"},"for_each":[1,2],"inputs":{}},
		{"id":"c","name":"c","schemas":{"method":"probe"},"when":"${{ 1 }}","inputs":{}},
		{"id":"d","name":"d","schemas":{"method":"probe_write"},"inputs":{"mark":"passed"}}]`), chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.probes.await(t, "passed")
	close(b.probes.released)
	if v := b.wait(t, run.ID); v.Status != chain.Completed {
		t.Errorf("the run is %s: %+v", v.Status, v.Tasks)
	}
}

// A task that runs a tree of its own holds a permit while it waits for it;
// the tasks inside must not wait for the same one.
func TestRunsInsideTasksDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	each(t, chain.RunnerOptions{MaxParallel: 1}, func(t *testing.T, b *bench) {
		leaf := `[{"name":"leaf","schemas":{"method":"probe"},"inputs":{"mark":"leaf"}},{"name":"leaf2","schemas":{"method":"probe"}}]`
		inner, _ := json.Marshal(leaf)
		middle := fmt.Sprintf(`[{"name":"middle","schemas":{"method":"probe"},"inputs":{"inner":%s}}]`, inner)
		outer, _ := json.Marshal(middle)
		v := b.run(t, fmt.Sprintf(`[{"id":"a","name":"a","schemas":{"method":"probe"},"inputs":{"inner":%s}},
			{"id":"b","name":"b","schemas":{"method":"probe"},"inputs":{"inner":%s}}]`, outer, outer), chain.RunOptions{})
		if v.Status != chain.Completed || len(b.probes.seen()) != 2 {
			t.Errorf("the run is %s, %v", v.Status, b.probes.seen())
		}
	})
}

func TestProgress(t *testing.T) {
	t.Parallel()
	each(t, chain.RunnerOptions{}, func(t *testing.T, b *bench) {
		run, err := b.Start(t.Context(), b.tree(t, sleepers(40, 0.05)), chain.RunOptions{MaxParallel: 4})
		if err != nil {
			t.Fatal(err)
		}
		var told []chain.Counts
		var last string
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := b.Progress(ctx, run.ID, "", func(c chain.Counts, message string) {
			told, last = append(told, c), message
		}); err != nil {
			t.Fatal(err)
		}
		if most := int(time.Since(begun)/(100*time.Millisecond)) + 2; len(told) > most {
			t.Errorf("told %d times in %s", len(told), time.Since(begun))
		}
		if len(told) < 2 || told[len(told)-1][chain.Completed] != 40 || last != "40 of 40 tasks done" {
			t.Errorf("told %d times, last %v: %s", len(told), told[len(told)-1], last)
		}
		for i := 1; i < len(told); i++ {
			if told[i][chain.Completed] < told[i-1][chain.Completed] {
				t.Errorf("it went back from %v to %v", told[i-1], told[i])
			}
		}
	})
}

// Whoever follows a run that ends at just that moment is told of its end.
func TestFollowersOfShortRuns(t *testing.T) {
	t.Parallel()
	each(t, chain.RunnerOptions{}, func(t *testing.T, b *bench) {
		tree := b.tree(t, fanOut(5))
		for range 300 {
			run, err := b.Start(t.Context(), tree, chain.RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var last chain.Counts
			if err := b.Progress(t.Context(), run.ID, "", func(c chain.Counts, _ string) { last = c }); err != nil || last[chain.Completed] != 5 {
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
