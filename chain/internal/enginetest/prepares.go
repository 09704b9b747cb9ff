package enginetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
)

// A prepared run reports its effects, and leaves no record until it is started.
// A run that can't be started is refused by Prepare.
func prepare(t *testing.T, b *Bench) {
	call, err := b.PrepareCall("probe_write", []byte(`{"value":2}`), chain.CallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if def, inputs := call.Target(); def.ID != "probe_write" || fmt.Sprint(inputs["value"]) != "2" {
		t.Errorf("it would call %s with %v", def.ID, inputs)
	}
	if _, err := b.PrepareCall("probe_write", []byte(`{"value":`), chain.CallOptions{}); executors.AsError(err).Type != executors.ValidationError {
		t.Errorf("%v", err)
	}
	tree := b.Tree(t, `[{"id":"a","schemas":{"method":"probe"},"inputs":{"value":"${{ inputs.n }}"}}]`)
	opts := chain.RunOptions{Inputs: map[string]any{"n": json.Number("7")}, IdempotencyKey: "k"}
	run, err := b.PrepareRun(tree, opts)
	if err != nil {
		t.Fatal(err)
	}
	if of, inputs, tasks := run.Target(); of != tree || fmt.Sprint(inputs["n"]) != "7" || fmt.Sprint(tasks) != "[0]" {
		t.Errorf("it would run %v with %v", tasks, inputs)
	}
	opts.Inputs = nil
	if _, err := b.PrepareRun(tree, opts); executors.AsError(err).Type != executors.ValidationError {
		t.Errorf("%v", err)
	}
	if list, _, err := b.List(t.Context(), chain.ListOptions{Limit: 10}); err != nil || len(list) > 0 || b.Probes.Called("a") > 0 {
		t.Errorf("%v were recorded, %v", list, err)
	}
	if r := call.Start(t.Context()); r.Err != nil || string(r.Result) != `{"value":2}` || r.RunID == "" {
		t.Errorf("%+v", r)
	}
	if started, err := run.Start(t.Context()); err != nil || started.Reused || b.End(t, started.ID).Status != chain.Completed {
		t.Errorf("%+v, %v", started, err)
	}
}

// A prepared retry does not change the run, and lists the tasks that would run
// again. If the run changes before the start, the start is refused.
func prepareRetry(t *testing.T, b *Bench) {
	v := b.RunTree(t, retried, chain.RunOptions{})
	var prepared chain.PreparedRun
	for want, tasks := range map[string][]string{"[1 2]": nil, "[0 1 2]": {"a"}, "[3]": {"d"}} {
		run, err := b.PrepareRetry(t.Context(), v.RunID, tasks, "")
		if err != nil {
			t.Fatal(err)
		}
		if tree, _, again := run.Target(); fmt.Sprint(again) != want || len(tree.Tasks) != 4 {
			t.Errorf("%v: %v would run again", tasks, again)
		}
		after, err := b.Get(t.Context(), v.RunID, "")
		if err != nil || after.Status != chain.Failed || after.Tasks[2].Status != chain.Skipped || after.Tasks[3].Status != chain.Completed {
			t.Errorf("%v: %+v, %v", tasks, after, err)
		}
		prepared = run
	}
	run, err := b.Retry(t.Context(), v.RunID, nil, "")
	if err != nil || b.End(t, run.ID).Status != chain.Completed {
		t.Errorf("%+v, %v", run, err)
	}
	before := b.Probes.Called("b")
	if _, err := prepared.Start(t.Context()); executors.AsError(err).Type != executors.ValidationError || !strings.Contains(err.Error(), "has changed since its retry was prepared") {
		t.Errorf("the retry of a run that was retried meanwhile: %v", err)
	}
	if after, err := b.Get(t.Context(), v.RunID, ""); err != nil || after.Status != chain.Completed || b.Probes.Called("b") != before {
		t.Errorf("%+v, %v", after, err)
	}
}

// A prepared run is refused if an executor that it uses was replaced or
// withdrawn before the start.
func preparedThenChanged(t *testing.T, b *Bench) {
	v := b.RunTree(t, `[{"id":"a","schemas":{"method":"probe_write"},"inputs":{"fail":"no"}}]`, chain.RunOptions{})
	call, err := b.PrepareCall("probe_write", nil, chain.CallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	run, err := b.PrepareRun(b.Tree(t, `[{"schemas":{"method":"probe"}},{"schemas":{"method":"probe_write"}}]`), chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	retry, err := b.PrepareRetry(t.Context(), v.RunID, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	b.Registry.Withdraw("probe_write")
	_, runErr := run.Start(t.Context())
	_, retryErr := retry.Start(t.Context())
	for name, err := range map[string]error{"call": call.Start(t.Context()).Err, "run": runErr, "retry": retryErr} {
		if problem := executors.AsError(err); problem == nil || problem.Type != executors.ValidationError || !strings.Contains(problem.Message, "probe_write has changed") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if list, _, err := b.List(t.Context(), chain.ListOptions{Limit: 10}); err != nil || len(list) != 1 || list[0].Status != chain.Failed {
		t.Errorf("%v are on record, %v", list, err)
	}
}
