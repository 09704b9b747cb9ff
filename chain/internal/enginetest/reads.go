package enginetest

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/executortest"
)

func forEachOf500(t *testing.T, b *Bench) {
	v := b.RunTree(t, `[{"id":"many","name":"many","schemas":{"method":"probe"},"max_parallel":7,
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
	if n := v.Tasks[0].Elements; n == nil || *n != (chain.ElementCounts{Done: 500, Of: 500}) {
		t.Errorf("its elements are %+v", n)
	}
	if b.Probes.Most() > 7 || b.Probes.Called("many") != 500 {
		t.Errorf("%d at once, %d calls", b.Probes.Most(), b.Probes.Called("many"))
	}
}

// A long result is stored completely, can be referenced, and can be left out
// when the run is read.
func longResult(t *testing.T, b *Bench) {
	v := b.RunTree(t, `[{"id":"big","name":"big","schemas":{"method":"probe"},"inputs":{"size":5242880}},
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
	short, err := b.Get(t.Context(), v.RunID, "", chain.ResultsUpTo(32<<10))
	if err != nil || short.Tasks[0].Result != nil || short.Tasks[0].Size != len(want) || short.Tasks[1].Result == nil {
		t.Errorf("a short view: %v", err)
	}
	headed, err := b.Get(t.Context(), v.RunID, "", chain.ResultsUpTo(32<<10), chain.Heads(20))
	if err != nil || headed.Tasks[0].Result != nil || headed.Tasks[0].Head != want[:20] || headed.Tasks[1].Head != "" {
		t.Errorf("a view with heads: %q, %v", headed.Tasks[0].Head, err)
	}
	raw, task, err := b.TaskResult(t.Context(), v.RunID, "big", "")
	if err != nil || string(raw) != want || task.Status != chain.Completed {
		t.Errorf("read alone: %d bytes, %v", len(raw), err)
	}
}

func watch(t *testing.T, b *Bench) {
	run, err := b.Start(t.Context(), b.Tree(t, sleepers(40, 0.05)), chain.RunOptions{MaxParallel: 4})
	if err != nil {
		t.Fatal(err)
	}
	var told []chain.Counts
	var last string
	ctx, cancel := context.WithTimeout(t.Context(), executortest.Patience)
	defer cancel()
	if err := b.Watch(ctx, run.ID, "", func(c chain.Counts, message string) {
		told, last = append(told, c), message
	}); err != nil {
		t.Fatal(err)
	}
	if len(told) < 2 || told[len(told)-1][chain.Completed] != 40 || last != "40 of 40 tasks done" {
		t.Errorf("told %d times, last %v: %s", len(told), told[len(told)-1], last)
	}
	for i := 1; i < len(told); i++ {
		if told[i][chain.Completed] < told[i-1][chain.Completed] {
			t.Errorf("it went back from %v to %v", told[i-1], told[i])
		}
	}
}
