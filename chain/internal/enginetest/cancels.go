package enginetest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
)

func cancelRun(t *testing.T, b *Bench) {
	run, err := b.Start(t.Context(), b.Tree(t, sleepers(70, 3600)), chain.RunOptions{MaxParallel: 64})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 64 {
		b.Probes.Await(t, fmt.Sprintf("s%d", i))
		if i == 0 {
			break // the marks come in any order; one is enough
		}
	}
	v, err := b.Cancel(t.Context(), run.ID, "", "")
	if err != nil {
		t.Fatal(err)
	}
	// There are no warnings: no call was abandoned after the grace period.
	if v.Status != chain.Cancelled || v.Counts[chain.Cancelled] != 70 || len(v.Warnings) != 0 {
		t.Errorf("the run is %s with %v, %v", v.Status, v.Counts, v.Warnings)
	}
	if b.Probes.InFlight() != 0 {
		t.Errorf("%d calls are still in flight", b.Probes.InFlight())
	}
	b.Consistent(t, run.ID)
	v, err = b.Cancel(t.Context(), run.ID, "", "")
	if err != nil || len(v.Warnings) != 1 {
		t.Errorf("cancelling it again: %v, %v", v, err)
	}
}

// Cancelling a task also cancels the tasks grouped under it, and no others.
func cancelSubtree(t *testing.T, b *Bench) {
	run, err := b.Start(t.Context(), b.Tree(t, `[
		{"id":"root","name":"root","schemas":{"method":"probe"},"inputs":{"mark":"root"}},
		{"id":"group","name":"group","parent_id":"root","schemas":{"method":"probe"},"inputs":{"sleep":60,"mark":"group"}},
		{"id":"in1","name":"in1","parent_id":"group","schemas":{"method":"probe"},"for_each":[1,2,3],"inputs":{"sleep":60}},
		{"id":"in2","name":"in2","parent_id":"in1","schemas":{"method":"probe"},"dependencies":["gate"]},
		{"id":"after","name":"after","parent_id":"root","schemas":{"method":"probe"},"dependencies":["group"]},
		{"id":"gate","name":"gate","parent_id":"root","schemas":{"method":"probe"},"inputs":{"stubborn":true,"mark":"gate"}}]`), chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.Probes.Await(t, "gate")
	v, err := b.Cancel(t.Context(), run.ID, "group", "")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]chain.State{"group": chain.Cancelled, "in1": chain.Cancelled, "in2": chain.Cancelled, "after": chain.Skipped, "gate": chain.InProgress}
	for _, task := range v.Tasks {
		if s, ok := want[task.ID]; ok && task.Status != s {
			t.Errorf("%s is %s", task.ID, task.Status)
		}
	}
	b.Probes.Release()
	if v = b.End(t, run.ID); v.Status != chain.Completed || v.Counts[chain.Completed] != 2 {
		t.Errorf("the run is %s with %v", v.Status, v.Counts)
	}
	b.Consistent(t, run.ID)
}

func cancelNested(t *testing.T, b *Bench) {
	run, err := b.Start(t.Context(), b.Tree(t, `[{"name":"a","schemas":{"method":"probe"},"inputs":{"inner":
		"[{\"name\":\"in\",\"schemas\":{\"method\":\"probe\"},\"inputs\":{\"sleep\":60,\"mark\":\"in\"}}]"}}]`), chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.Probes.Await(t, "in")
	if v, err := b.Cancel(t.Context(), run.ID, "", ""); err != nil || v.Status != chain.Cancelled {
		t.Errorf("%+v, %v", v, err)
	}
	list, _, err := b.List(t.Context(), chain.ListOptions{})
	if err != nil || len(list) != 2 {
		t.Fatalf("%d runs, %v", len(list), err)
	}
	for _, r := range list {
		if v := b.End(t, r.RunID); v.Status != chain.Cancelled {
			t.Errorf("run %s is %s", r.RunID, v.Status)
		}
	}
}

// If the context of a wait, or of a start, ends, the run continues.
func goesOnWithoutItsCaller(t *testing.T, b *Bench) {
	ctx, cancel := context.WithCancel(t.Context())
	run, err := b.Start(ctx, b.Tree(t, `[{"name":"a","schemas":{"method":"probe"},"inputs":{"stubborn":true,"mark":"a"}},{"name":"b","schemas":{"method":"probe"},"dependencies":["task_1"]}]`), chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.Probes.Await(t, "a")
	cancel()
	v, err := b.Wait(ctx, run.ID, "")
	if err != nil || v.Status != chain.InProgress || v.Counts[chain.Pending] != 1 || v.Tasks[0].Status != chain.InProgress {
		t.Errorf("%+v, %v", v, err)
	}
	b.Probes.Release()
	if v := b.End(t, run.ID); v.Status != chain.Completed {
		t.Errorf("the run is %s", v.Status)
	}
}

// sleepers returns n tasks that only sleep.
func sleepers(n int, seconds float64) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `%s{"id":"s%d","name":"s%d","schemas":{"method":"probe"},"inputs":{"sleep":%g,"timeout":600,"mark":"s%d"}}`, sep(i), i, i, seconds, i)
	}
	return "[" + b.String() + "]"
}

func sep(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}
