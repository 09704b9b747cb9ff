//go:build temporal

package temporal_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/internal/enginetest"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/chain/temporal"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
)

// embedded returns how a tree ends in the engine of one process, where nothing is
// killed.
func embedded(t *testing.T, tree string, opts chain.RunOptions) *chain.RunView {
	t.Helper()
	b := enginetest.NewBench(t, func(t testing.TB, registry *executors.Registry) chain.Engine {
		s := memory.Open(memory.Options{})
		t.Cleanup(func() { _ = s.Close() })
		return engine.New(engine.Options{Registry: registry, Store: s, Log: zerolog.Nop()})
	}, policy.Config{})
	return b.RunTree(t, tree, opts)
}

// same checks that each task of a run has ended as in the embedded engine, except
// those named.
func same(t *testing.T, got, want *chain.RunView, except ...string) {
	t.Helper()
	if len(got.Tasks) != len(want.Tasks) || len(except) == 0 && got.Status != want.Status {
		t.Fatalf("the run is %s with %v, not %s with %v", got.Status, got.Counts, want.Status, want.Counts)
	}
	for i := range want.Tasks {
		g, w := &got.Tasks[i], &want.Tasks[i]
		if slices.Contains(except, w.ID) {
			continue
		}
		if g.ID != w.ID || g.Status != w.Status || g.ErrorType != w.ErrorType || string(g.Result) != string(w.Result) {
			t.Errorf("%s is %s %s with %s, not %s %s with %s", g.ID, g.Status, g.ErrorType, g.Result, w.Status, w.ErrorType, w.Result)
		}
	}
}

// The server is killed in the middle and started again: a task follows the other,
// and each ends as it does in one process.
func TestTemporalServerKilled(t *testing.T) {
	t.Parallel()
	server := peers.StartTemporal(t)
	b := bench(t, server, memory.Open(memory.Options{}), true)
	var tree strings.Builder
	tree.WriteString(`[{"id":"t0","executor":"probe_write","inputs":{"sleep":0.1,"value":0}}`)
	for i := range 29 {
		fmt.Fprintf(&tree, `,{"id":"t%d","executor":"probe_write","inputs":{"sleep":0.1,"value":"${{ tasks.t%d.result.value + 1 }}"}}`, i+1, i)
	}
	tree.WriteString(`,{"id":"each","executor":"probe_write","for_each":"${{ [range(20)] }}","max_parallel":2,"inputs":{"sleep":0.2,"value":"${{ item }}"}}]`)
	run, err := b.Start(t.Context(), b.Tree(t, tree.String()), chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	await(t, b, run.ID, 5)
	server.Kill(t)
	server.Start(t)
	v := b.End(t, run.ID)
	same(t, v, embedded(t, tree.String(), chain.RunOptions{}))
	for i := range v.Tasks {
		if n := b.Probes.Called(v.Tasks[i].ID); n != 1 && v.Tasks[i].ID != "each" || n > 20 {
			t.Errorf("%s was called %d times", v.Tasks[i].ID, n)
		}
	}
	b.Consistent(t, run.ID)
}

// Tasks that are in flight when the server goes away go on, and their results count.
// Nobody has cancelled them.
func TestTemporalServerAway(t *testing.T) {
	t.Parallel()
	server := peers.StartTemporal(t)
	b := bench(t, server, memory.Open(memory.Options{}), true)
	const tree = `[{"id":"read","executor":"probe","inputs":{"sleep":4,"mark":"read","value":1}},
		{"id":"write","executor":"probe_write","inputs":{"sleep":4,"mark":"write","value":2}},
		{"id":"outer","executor":"probe","inputs":{"mark":"outer","value":3,"inner":"[{\"id\":\"in\",\"executor\":\"probe_write\",\"inputs\":{\"sleep\":4,\"mark\":\"in\"}}]"}},
		{"id":"after","executor":"probe","dependencies":["write"],"inputs":{"value":"${{ tasks.write.result.value + tasks.read.result.value }}"}}]`
	run, err := b.Start(t.Context(), b.Tree(t, tree), chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	executortest.Await(t, "all are in flight", func() bool { return len(b.Probes.Seen()) == 4 })
	server.Kill(t)
	await(t, b, run.ID, 2) // in the record, which needs no server
	server.Start(t)
	v := b.End(t, run.ID)
	same(t, v, embedded(t, tree, chain.RunOptions{}))
	for _, id := range []string{"read", "write", "outer", "in", "after"} {
		if n := b.Probes.Called(id); n != 1 {
			t.Errorf("%s was called %d times", id, n)
		}
	}
	b.Consistent(t, run.ID)
}

// The server stays away for so long that it counts workers as lost. What may be
// repeated completes, the rest is called once at most, and nothing is cancelled.
func TestTemporalServerAwayForLong(t *testing.T) {
	t.Parallel()
	server := peers.StartTemporal(t)
	b := bench(t, server, memory.Open(memory.Options{}), true)
	run, err := b.Start(t.Context(), b.Tree(t, `[{"id":"clock","executor":"probe_write","inputs":{"sleep":14,"mark":"clock"}},
		{"id":"read","executor":"probe","inputs":{"sleep":20,"mark":"read"}},
		{"id":"write","executor":"probe_write","inputs":{"sleep":20,"mark":"write"}},
		{"id":"each","executor":"probe_write","for_each":[1,2],"inputs":{"sleep":20,"mark":"element"}},
		{"id":"outer","executor":"probe","inputs":{"mark":"outer","inner":"[{\"id\":\"in\",\"executor\":\"probe\",\"inputs\":{\"sleep\":20,\"mark\":\"in\"}}]"}}]`), chain.RunOptions{OnFailure: chain.OnFailureContinue})
	if err != nil {
		t.Fatal(err)
	}
	executortest.Await(t, "all are in flight", func() bool { return len(b.Probes.Seen()) == 7 })
	server.Kill(t)
	await(t, b, run.ID, 1)
	server.Start(t)
	v := b.End(t, run.ID)
	for i := range v.Tasks {
		task, calls := &v.Tasks[i], b.Probes.Called(v.Tasks[i].ID)
		t.Logf("%s is %s %s after %d attempts, %d calls", task.ID, task.Status, task.ErrorType, task.Attempts, calls)
		may := map[string]int{"clock": 1, "write": 1, "each": 2}[task.ID]
		switch {
		case task.Status == chain.Completed:
		case task.Status == chain.Failed && task.ErrorType == executors.Interrupted && may > 0 && task.ID != "clock":
		default:
			t.Errorf("%s is %s %s", task.ID, task.Status, task.ErrorType)
		}
		if may > 0 && calls != may {
			t.Errorf("%s was called %d times", task.ID, calls)
		}
	}
	b.Consistent(t, run.ID)
}

// A run that has no workflow gets one, and goes on as a part of the run whose task
// had started it.
func TestTemporalWithoutWorkflow(t *testing.T) {
	t.Parallel()
	server := peers.StartTemporal(t)
	const every = 4e9
	b := bench(t, server, memory.Open(memory.Options{}), true, func(o *temporal.Options) { o.LookEvery = every })
	run, err := b.Start(t.Context(), b.Tree(t, `[{"id":"outer","executor":"probe","inputs":{"mark":"outer","inner":"[{\"id\":\"in\",\"executor\":\"probe\",\"inputs\":{\"sleep\":5,\"mark\":\"in\"}}]"}}]`), chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.Probes.Await(t, "in")
	list, _, err := b.List(t.Context(), chain.ListOptions{})
	if err != nil || len(list) != 2 {
		t.Fatalf("%d runs, %v", len(list), err)
	}
	inner := list[0].RunID
	if inner == run.ID {
		inner = list[1].RunID
	}
	c, err := client.DialContext(t.Context(), client.Options{HostPort: server.Addr, Logger: silent{}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.TerminateWorkflow(t.Context(), inner, "", "lost"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{inner, run.ID} {
		if v := b.End(t, id); v.Status != chain.Completed {
			text, _ := json.Marshal(v)
			t.Errorf("the run is %s", text)
		}
	}
	if n := b.Probes.Called("outer"); n != 1 {
		t.Errorf("the outer task was called %d times", n)
	}
	queues := map[string]bool{}
	for events := c.GetWorkflowHistory(t.Context(), inner, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		event, err := events.Next()
		if err != nil {
			t.Fatal(err)
		}
		if at := event.GetActivityTaskScheduledEventAttributes(); at.GetActivityType().GetName() == "ExecuteTask" {
			queues[at.GetTaskQueue().GetName()[strings.LastIndex(at.GetTaskQueue().GetName(), "-"):]] = true
		}
	}
	if !queues["-nested"] || len(queues) != 1 {
		t.Errorf("its tasks are in the queues %v", queues)
	}
}
