package chain_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

const retried = `[
	{"id":"a","name":"a","schemas":{"method":"probe"},"inputs":{"value":7}},
	{"id":"b","name":"b","schemas":{"method":"probe"},"inputs":{"fail":"first time","times":1,"value":"${{ tasks.a.result.value }}"}},
	{"id":"c","name":"c","schemas":{"method":"probe"},"inputs":{"value":"${{ tasks.a.result.value + tasks.b.result.value }}"}},
	{"id":"d","name":"d","schemas":{"method":"probe"}}]`

// A retry runs what did not complete, with the results of what did.
func TestRetryRun(t *testing.T) {
	t.Parallel()
	each(t, chain.RunnerOptions{}, func(t *testing.T, b *bench) {
		v := b.run(t, retried, chain.RunOptions{})
		if v.Status != chain.Failed || v.Tasks[2].Status != chain.Skipped {
			t.Fatalf("at first: %+v", v)
		}
		run, err := b.Retry(t.Context(), v.RunID, nil, "")
		if err != nil || run.ID != v.RunID {
			t.Fatalf("%+v, %v", run, err)
		}
		v = b.wait(t, run.ID)
		if v.Status != chain.Completed || string(v.Tasks[2].Result) != `{"value":14}` || v.Tasks[1].Attempts != 2 || v.Error != "" {
			t.Errorf("then: %+v", v)
		}
		for id, want := range map[string]int{"a": 1, "b": 2, "c": 1, "d": 1} {
			if got := b.probes.called(id); got != want {
				t.Errorf("%s was called %d times", id, got)
			}
		}
		b.consistent(t, v.RunID)
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
	})
}

// Named tasks run again with all that follows from them, and nothing else.
func TestRetryNamedTasks(t *testing.T) {
	t.Parallel()
	each(t, chain.RunnerOptions{}, func(t *testing.T, b *bench) {
		v := b.run(t, `[
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
		if v = b.wait(t, v.RunID); v.Status != chain.Completed || v.Tasks[1].Attempts != 2 || v.Tasks[0].Attempts != 1 {
			t.Errorf("then: %+v", v)
		}
		for id, want := range map[string]int{"a": 1, "b": 2, "c": 2, "d": 1, "e": 2} {
			if got := b.probes.called(id); got != want {
				t.Errorf("%s was called %d times", id, got)
			}
		}
		b.consistent(t, v.RunID)
	})
}

// A named task whose other dependency failed is skipped again.
func TestRetryNamedBehindAFailure(t *testing.T) {
	t.Parallel()
	each(t, chain.RunnerOptions{}, func(t *testing.T, b *bench) {
		v := b.run(t, `[{"id":"a","name":"a","schemas":{"method":"probe"},"inputs":{"fail":"no"}},
			{"id":"b","name":"b","schemas":{"method":"probe"},"dependencies":["a"]}]`, chain.RunOptions{})
		if _, err := b.Retry(t.Context(), v.RunID, []string{"b"}, ""); err != nil {
			t.Fatal(err)
		}
		v = b.wait(t, v.RunID)
		if v.Status != chain.Failed || v.Tasks[1].Status != chain.Skipped || v.Tasks[1].BlockedBy[0] != "a" || b.probes.called("a") != 1 {
			t.Errorf("%+v", v)
		}
		b.consistent(t, v.RunID)
	})
}

func TestRetryWhileItGoesOn(t *testing.T) {
	t.Parallel()
	each(t, chain.RunnerOptions{}, func(t *testing.T, b *bench) {
		run, err := b.Start(t.Context(), b.tree(t, sleepers(1, 60)), chain.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Retry(t.Context(), run.ID, nil, ""); err == nil || !strings.Contains(err.Error(), "still going on") {
			t.Errorf("%v", err)
		}
		if _, err := b.Cancel(t.Context(), run.ID, "", ""); err != nil {
			t.Error(err)
		}
	})
}

// What runs without a coordinator at first is retried with one.
func TestRetryCall(t *testing.T) {
	t.Parallel()
	each(t, chain.RunnerOptions{}, func(t *testing.T, b *bench) {
		for _, executor := range []string{"probe", "probe_write"} {
			r := b.Call(t.Context(), executor, []byte(`{"fail":"first time","times":1,"value":"${{ not a reference }}"}`), chain.CallOptions{})
			if r.Err == nil || r.RunID == "" {
				t.Fatalf("at first: %+v", r)
			}
			if _, err := b.Retry(t.Context(), r.RunID, nil, ""); err != nil {
				t.Fatal(err)
			}
			v := b.wait(t, r.RunID)
			if v.Status != chain.Completed || string(v.Tasks[0].Result) != `{"value":"${{ not a reference }}"}` || v.Tasks[0].Attempts != 2 || v.Tasks[0].Error != "" {
				t.Errorf("then: %+v", v)
			}
			b.consistent(t, r.RunID)
		}
	})
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	each(t, chain.RunnerOptions{}, func(t *testing.T, b *bench) {
		text := `{"inputs":{"type":"object","properties":{"x":{"type":"integer"}}},"tasks":[{"name":"a","schemas":{"method":"probe"},"inputs":{"value":"${{ inputs.x }}"}}]}`
		start := func(text, key, principal string, inputs map[string]any) (*chain.Run, error) {
			return b.Start(t.Context(), b.tree(t, text), chain.RunOptions{IdempotencyKey: key, Principal: principal, Inputs: inputs})
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
		if _, err := b.Run(t.Context(), first.ID, "bob"); executors.AsError(err).Type != executors.NotFound {
			t.Errorf("somebody else reads it: %v", err)
		}
	})
}

// The pauses between attempts grow, are jittered, and honour what the peer
// asked for; after the last attempt there is none.
func TestPausesBetweenAttempts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, retry, inputs string
		least, most         time.Duration
		attempts            int
	}{
		{"exponential", `{"max_attempts":4,"initial_seconds":10}`, `"retryable":true`, 35 * time.Second, 70 * time.Second, 4},
		{"fixed", `{"max_attempts":4,"initial_seconds":10,"backoff":"fixed"}`, `"retryable":true`, 15 * time.Second, 30 * time.Second, 4},
		{"at most", `{"max_attempts":4,"initial_seconds":10,"max_seconds":10}`, `"retryable":true`, 15 * time.Second, 30 * time.Second, 4},
		{"as asked", `{"max_attempts":2,"initial_seconds":1}`, `"retryable":true,"retry_after":90`, 90 * time.Second, 90 * time.Second, 2},
		{"asked for too long", `{"max_attempts":2,"initial_seconds":1}`, `"retryable":true,"retry_after":3600`, 0, 0, 1},
		{"one attempt", `{"max_attempts":1,"initial_seconds":10}`, `"retryable":true`, 0, 0, 1},
		{"not retryable", `{"max_attempts":3,"initial_seconds":10}`, `"retryable":false`, 0, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, memory.Open(memory.Options{}), chain.RunnerOptions{}, policy.Config{})
				v := b.run(t, `[{"name":"a","schemas":{"method":"probe"},"retry":`+c.retry+`,"inputs":{"fail":"busy",`+c.inputs+`}}]`, chain.RunOptions{})
				took := v.Tasks[0].CompletedAt.Sub(*v.Tasks[0].StartedAt)
				if v.Tasks[0].Attempts != c.attempts || took < c.least || took > c.most+time.Second {
					t.Errorf("%d attempts in %s", v.Tasks[0].Attempts, took)
				}
			})
		})
	}
}
