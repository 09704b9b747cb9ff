package enginetest

import (
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
)

const retried = `[
	{"id":"a","name":"a","schemas":{"method":"probe"},"inputs":{"value":7}},
	{"id":"b","name":"b","schemas":{"method":"probe"},"inputs":{"fail":"first time","times":1,"value":"${{ tasks.a.result.value }}"}},
	{"id":"c","name":"c","schemas":{"method":"probe"},"inputs":{"value":"${{ tasks.a.result.value + tasks.b.result.value }}"}},
	{"id":"d","name":"d","schemas":{"method":"probe"}}]`

// A retry runs the tasks that did not complete, with the results of those that
// did.
func retryRun(t *testing.T, b *Bench) {
	v := b.RunTree(t, retried, chain.RunOptions{})
	if v.Status != chain.Failed || v.Tasks[2].Status != chain.Skipped {
		t.Fatalf("at first: %+v", v)
	}
	run, err := b.Retry(t.Context(), v.RunID, nil, "")
	if err != nil || run.ID != v.RunID {
		t.Fatalf("%+v, %v", run, err)
	}
	v = b.End(t, run.ID)
	if v.Status != chain.Completed || string(v.Tasks[2].Result) != `{"value":14}` || v.Tasks[1].Attempts != 2 || v.Error != "" {
		t.Errorf("then: %+v", v)
	}
	for id, want := range map[string]int{"a": 1, "b": 2, "c": 1, "d": 1} {
		if got := b.Probes.Called(id); got != want {
			t.Errorf("%s was called %d times", id, got)
		}
	}
	b.Consistent(t, v.RunID)
}

// Outputs are evaluated again at the end of a retry.
func retryOutputs(t *testing.T, b *Bench) {
	v := b.RunTree(t, `{"outputs": {"sum": "${{ tasks.a.result.value + tasks.b.result.value }}", "long": "${{ tasks.a.result.value * 2000 }}"}, "tasks": [
		{"id":"a","executor":"probe","inputs":{"value":"long text"}},
		{"id":"b","executor":"probe","inputs":{"fail":"first time","times":1,"value":"!"}}]}`, chain.RunOptions{})
	if v.Status != chain.Failed || string(v.Outputs["sum"]) != `"long text"` {
		t.Fatalf("at first: %s, %s", v.Status, v.Outputs)
	}
	run, err := b.Retry(t.Context(), v.RunID, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	v = b.End(t, run.ID)
	if v.Status != chain.Completed || string(v.Outputs["sum"]) != `"long text!"` || len(v.Outputs) != 2 {
		t.Errorf("then: %s, %s", v.Status, v.Outputs)
	}
	short, err := b.Get(t.Context(), run.ID, "", chain.ResultsUpTo(1000))
	if err != nil || short.Outputs != nil || short.OutputsSize < 18_000 {
		t.Errorf("with short results: %d bytes, %s, %v", short.OutputsSize, short.Outputs, err)
	}
}

func retryHistory(t *testing.T, b *Bench) {
	v := b.RunTree(t, retried, chain.RunOptions{})
	if _, err := b.Retry(t.Context(), v.RunID, nil, ""); err != nil {
		t.Fatal(err)
	}
	b.End(t, v.RunID)
	events, err := b.Events(t.Context(), v.RunID, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	history := ""
	for _, e := range events {
		if e.Task == "b" {
			history += string(e.State) + " "
		}
	}
	if history != "in_progress failed pending in_progress completed " {
		t.Errorf("b's history is %s", history)
	}
}

// Named tasks run again with all tasks that depend on them, and no others.
func retryNamedTasks(t *testing.T, b *Bench) {
	v := b.RunTree(t, `[
		{"id":"a","name":"a","schemas":{"method":"probe"}},
		{"id":"b","name":"b","schemas":{"method":"probe"},"dependencies":["a"]},
		{"id":"c","name":"c","schemas":{"method":"probe"},"dependencies":[{"id":"b","required":false}]},
		{"id":"d","name":"d","schemas":{"method":"probe"},"dependencies":["a"]},
		{"id":"e","name":"e","schemas":{"method":"probe"},"inputs":{"value":"${{ tasks.c.status }}"}}]`, chain.RunOptions{})
	if v.Status != chain.Completed {
		t.Fatalf("at first: %+v", v)
	}
	if _, err := b.Retry(t.Context(), v.RunID, nil, ""); executors.AsError(err).Type != executors.ValidationError {
		t.Errorf("there was nothing to retry: %v", err)
	}
	if _, err := b.Retry(t.Context(), v.RunID, []string{"x"}, ""); executors.AsError(err).Type != executors.NotFound {
		t.Errorf("a task that isn't there: %v", err)
	}
	if _, err := b.Retry(t.Context(), v.RunID, []string{"b"}, ""); err != nil {
		t.Fatal(err)
	}
	if v = b.End(t, v.RunID); v.Status != chain.Completed || v.Tasks[1].Attempts != 2 || v.Tasks[0].Attempts != 1 {
		t.Errorf("then: %+v", v)
	}
	for id, want := range map[string]int{"a": 1, "b": 2, "c": 2, "d": 1, "e": 2} {
		if got := b.Probes.Called(id); got != want {
			t.Errorf("%s was called %d times", id, got)
		}
	}
	b.Consistent(t, v.RunID)
}

// A named task whose other dependency failed is skipped again.
func retryBehindAFailure(t *testing.T, b *Bench) {
	v := b.RunTree(t, `[{"id":"a","name":"a","schemas":{"method":"probe"},"inputs":{"fail":"no"}},
		{"id":"b","name":"b","schemas":{"method":"probe"},"dependencies":["a"]}]`, chain.RunOptions{})
	if _, err := b.Retry(t.Context(), v.RunID, []string{"b"}, ""); err != nil {
		t.Fatal(err)
	}
	v = b.End(t, v.RunID)
	if v.Status != chain.Failed || v.Tasks[1].Status != chain.Skipped || v.Tasks[1].BlockedBy[0] != "a" || b.Probes.Called("a") != 1 {
		t.Errorf("%+v", v)
	}
	b.Consistent(t, v.RunID)
}

// A direct call that fails is retried as a run with a coordinator.
func retryCall(t *testing.T, b *Bench) {
	for _, executor := range []string{"probe", "probe_write"} {
		r := b.Call(t.Context(), executor, []byte(`{"fail":"first time","times":1,"value":"${{ not a reference }}"}`), chain.CallOptions{})
		if r.Err == nil || r.RunID == "" {
			t.Fatalf("at first: %+v", r)
		}
		if _, err := b.Retry(t.Context(), r.RunID, nil, ""); err != nil {
			t.Fatal(err)
		}
		v := b.End(t, r.RunID)
		if v.Status != chain.Completed || string(v.Tasks[0].Result) != `{"value":"${{ not a reference }}"}` || v.Tasks[0].Attempts != 2 || v.Tasks[0].Error != "" {
			t.Errorf("then: %+v", v)
		}
		b.Consistent(t, r.RunID)
	}
}

func retryWhileItGoesOn(t *testing.T, b *Bench) {
	run, err := b.Start(t.Context(), b.Tree(t, sleepers(1, 60)), chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Retry(t.Context(), run.ID, nil, ""); err == nil || !strings.Contains(err.Error(), "still in progress") {
		t.Errorf("%v", err)
	}
	if _, err := b.Cancel(t.Context(), run.ID, "", ""); err != nil {
		t.Error(err)
	}
}

func idempotencyKey(t *testing.T, b *Bench) {
	text := `{"inputs":{"type":"object","properties":{"x":{"type":"integer"}}},"tasks":[{"name":"a","schemas":{"method":"probe"},"inputs":{"value":"${{ inputs.x }}"}}]}`
	start := func(text, key, principal string, inputs map[string]any) (*chain.Run, error) {
		return b.Start(t.Context(), b.Tree(t, text), chain.RunOptions{IdempotencyKey: key, Principal: principal, Inputs: inputs})
	}
	one := map[string]any{"x": 1}
	first, err := start(text, "k", "ann", one)
	if err != nil || first.Reused {
		t.Fatal(first, err)
	}
	again, err := start(text, "k", "ann", map[string]any{"x": 1})
	if err != nil || again.ID != first.ID || !again.Reused {
		t.Errorf("the same again: %+v, %v", again, err)
	}
	if _, err := start(text, "k", "ann", map[string]any{"x": 2}); executors.AsError(err).Field != "idempotency_key" {
		t.Errorf("other inputs: %v", err)
	}
	if _, err := start(strings.Replace(text, `"a"`, `"b"`, 1), "k", "ann", one); executors.AsError(err).Type != executors.ValidationError {
		t.Errorf("another tree: %v", err)
	}
	for _, other := range [][2]string{{"k", "bob"}, {"k2", "ann"}, {"", "ann"}} {
		run, err := start(text, other[0], other[1], one)
		if err != nil || run.ID == first.ID {
			t.Errorf("%v: %+v, %v", other, run, err)
		}
	}
	if _, err := b.Get(t.Context(), first.ID, "bob"); executors.AsError(err).Type != executors.NotFound {
		t.Errorf("another principal can read it: %v", err)
	}
}

func startRefuses(t *testing.T, b *Bench) {
	tree := b.Tree(t, `[{"name":"a","schemas":{"method":"probe"}}]`)
	for field, opts := range map[string]chain.RunOptions{
		"on_failure":      {OnFailure: "give up"},
		"max_parallel":    {MaxParallel: -1},
		"idempotency_key": {IdempotencyKey: strings.Repeat("k", 256)},
	} {
		if _, err := b.Start(t.Context(), tree, opts); err == nil || executors.AsError(err).Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// A run exists only for the principal that started it.
func othersSeeNoRun(t *testing.T, b *Bench) {
	run := failedRun(t, b)
	for _, who := range []string{"bob", ""} {
		_, get := b.Get(t.Context(), run, who)
		_, wait := b.Wait(t.Context(), run, who)
		_, retry := b.Retry(t.Context(), run, nil, who)
		for what, err := range map[string]error{"get": get, "wait": wait, "retry": retry} {
			if err == nil || executors.AsError(err).Type != executors.NotFound {
				t.Errorf("%q: %s: %v", who, what, err)
			}
		}
	}
}

func principals(t *testing.T, b *Bench) {
	run := failedRun(t, b)
	for _, who := range []string{"bob", ""} {
		_, _, result := b.TaskResult(t.Context(), run, "a", who)
		_, events := b.Events(t.Context(), run, who, 0)
		watch := b.Watch(t.Context(), run, who, func(chain.Counts, string) {})
		_, cancel := b.Cancel(t.Context(), run, "", who)
		for what, err := range map[string]error{"task": result, "events": events, "watch": watch, "cancel": cancel} {
			if err == nil || executors.AsError(err).Type != executors.NotFound {
				t.Errorf("%q: %s: %v", who, what, err)
			}
		}
		if list, _, err := b.List(t.Context(), chain.ListOptions{Principal: who}); err != nil || len(list) != 0 {
			t.Errorf("%q lists %+v, %v", who, list, err)
		}
	}
}

// failedRun returns a run that ann started and that failed.
func failedRun(t *testing.T, b *Bench) (id string) {
	run, err := b.Start(t.Context(), b.Tree(t, `[{"id":"a","name":"a","schemas":{"method":"probe"},"inputs":{"fail":"no"}}]`), chain.RunOptions{Principal: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := b.Wait(t.Context(), run.ID, "ann"); err != nil || v.Status != chain.Failed {
		t.Fatalf("%+v, %v", v, err)
	}
	return run.ID
}
