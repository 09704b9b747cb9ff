package engine_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// mailing has six elements, of which those with an odd index fail in the first
// attempt, and a task that reads the errors.
const mailing = `[
	{"id":"list","name":"list","schemas":{"method":"probe"},"inputs":{"value":[0,1,2,3,4,5]}},
	{"id":"mail","name":"mail","schemas":{"method":"probe"},"for_each":"${{ tasks.list.result.value }}",
	 "inputs":{"value":"${{ item * 10 }}","mark":"m${{ index }}","fail":"${{ if index % 2 == 1 then \"refused\" else \"\" end }}","times":1}},
	{"id":"after","name":"after","schemas":{"method":"probe"},"dependencies":[{"id":"mail","required":false}],
	 "inputs":{"value":"${{ [tasks.mail.errors[] | \"\\(.index) \\(.error) \\(.error_type)\"] }}"}}]`

// times returns how often each mark was seen.
func times(marks []string) map[string]int {
	all := map[string]int{}
	for _, m := range marks {
		all[m]++
	}
	return all
}

func wantTimes(t *testing.T, b *bench, want map[string]int) {
	t.Helper()
	if got := times(b.Probes.Seen()); !maps.Equal(got, want) {
		t.Errorf("elements were called %v, not %v", got, want)
	}
}

func indexes(errors []chain.ElementError) (list []int) {
	for _, e := range errors {
		list = append(list, e.Index)
	}
	return list
}

func wantElements(t *testing.T, v *chain.RunView, task int, want chain.ElementCounts) {
	t.Helper()
	if got := v.Tasks[task].Elements; got == nil || *got != want {
		t.Errorf("the elements of %s are %+v, want %+v", v.Tasks[task].ID, got, want)
	}
}

func TestRetryLeavesOutElementsThatSucceeded(t *testing.T) {
	t.Parallel()
	each(t, engine.Options{}, func(t *testing.T, b *bench) {
		v := b.RunTree(t, mailing, chain.RunOptions{})
		if got := indexes(v.Tasks[1].Errors); v.Tasks[1].Status != chain.Failed || !slices.Equal(got, []int{1, 3, 5}) {
			t.Fatalf("at first: %v, %+v", got, v)
		}
		wantElements(t, v, 1, chain.ElementCounts{Done: 6, Failed: 3, Of: 6})
		want := `{"value":["1 refused execution_error","3 refused execution_error","5 refused execution_error"]}`
		if got := string(v.Tasks[2].Result); got != want {
			t.Errorf("an expression reads the errors %s, not %s", got, want)
		}
		if _, err := b.Retry(t.Context(), v.RunID, nil, ""); err != nil {
			t.Fatal(err)
		}
		v = b.End(t, v.RunID)
		want = `[{"value":0},{"value":10},{"value":20},{"value":30},{"value":40},{"value":50}]`
		if got := string(v.Tasks[1].Result); v.Status != chain.Completed || got != want || len(v.Tasks[1].Errors) > 0 {
			t.Errorf("then: %s, %+v", got, v)
		}
		wantElements(t, v, 1, chain.ElementCounts{Done: 6, Of: 6})
		wantTimes(t, b, map[string]int{"m0": 1, "m1": 2, "m2": 1, "m3": 2, "m4": 1, "m5": 2})
		b.Consistent(t, v.RunID)

		if _, err := b.Retry(t.Context(), v.RunID, []string{"mail"}, ""); err != nil {
			t.Fatal(err)
		}
		if v = b.End(t, v.RunID); v.Status != chain.Completed {
			t.Errorf("a completed task again: %+v", v)
		}
		wantTimes(t, b, map[string]int{"m0": 2, "m1": 3, "m2": 2, "m3": 3, "m4": 2, "m5": 3})
	})
}

// If the task that returns the elements runs again, all elements run again,
// because they may be different.
func TestElementsOfAnotherListRunAgain(t *testing.T) {
	t.Parallel()
	each(t, engine.Options{}, func(t *testing.T, b *bench) {
		v := b.RunTree(t, mailing, chain.RunOptions{})
		if _, err := b.Retry(t.Context(), v.RunID, []string{"list"}, ""); err != nil {
			t.Fatal(err)
		}
		if v = b.End(t, v.RunID); v.Status != chain.Completed {
			t.Errorf("%+v", v)
		}
		wantTimes(t, b, map[string]int{"m0": 2, "m1": 2, "m2": 2, "m3": 2, "m4": 2, "m5": 2})
	})
}

// A run that was interrupted during a for_each continues in another process
// with the elements that are left.
func TestElementsSurviveTheirProcess(t *testing.T) {
	t.Parallel()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			first := newBench(t, keepOpen{s}, engine.Options{Grace: executortest.Patience}, policy.Config{})
			run, err := first.Start(t.Context(), first.Tree(t, `[
				{"id":"each","name":"each","schemas":{"method":"probe"},"for_each":"${{ [range(4)] }}","max_parallel":1,
				 "inputs":{"value":"${{ item }}","mark":"e${{ index }}","sleep":"${{ if index == 2 then 3600 else 0 end }}"}}]`), chain.RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			first.Probes.Await(t, "e2")
			other := newBench(t, keepOpen{s}, engine.Options{}, policy.Config{})
			executortest.Await(t, "another process sees 2 of 4 elements done", func() bool {
				v, err := other.Get(t.Context(), run.ID, "")
				return err == nil && v.Tasks[0].Elements != nil && *v.Tasks[0].Elements == chain.ElementCounts{Done: 2, Of: 4}
			})
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			if err := first.Close(gone); err != nil {
				t.Fatal(err)
			}
			list, err := s.Elements(t.Context(), run.ID, 0, 0)
			if err != nil || len(list) < 2 || list[0].Element != 1 || string(list[1].Result) != `{"value":1}` {
				t.Fatalf("the record has the elements %+v, %v", list, err)
			}
			second := newBench(t, s, engine.Options{}, policy.Config{})
			if _, err := second.Retry(t.Context(), run.ID, nil, ""); err != nil {
				t.Fatal(err)
			}
			second.Probes.Await(t, "e2")
			if got := times(second.Probes.Seen()); got["e0"]+got["e1"] > 0 {
				t.Errorf("elements that had completed were called again: %v", got)
			}
			if _, err := second.Cancel(t.Context(), run.ID, "", ""); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// keepOpen is a store that Close leaves open for a later process.
type keepOpen struct{ store.Store }

func (keepOpen) Close() error { return nil }

// A list of 10,000 elements, half of them done: no recorded element runs again.
func TestManyElementsAreLeftOut(t *testing.T) {
	t.Parallel()
	each(t, engine.Options{}, func(t *testing.T, b *bench) {
		v := b.RunTree(t, `[{"id":"each","name":"each","schemas":{"method":"probe"},"for_each":"${{ [range(10000)] }}",
			"inputs":{"value":"${{ item }}","mark":"${{ if index == 5000 then \"once\" else \"\" end }}","fail":"${{ if index % 2 == 1 then \"refused\" else \"\" end }}","times":1}}]`, chain.RunOptions{})
		if len(v.Tasks[0].Errors) != 5000 {
			t.Fatalf("%d elements failed", len(v.Tasks[0].Errors))
		}
		called := b.Probes.Called("each")
		if _, err := b.Retry(t.Context(), v.RunID, nil, ""); err != nil {
			t.Fatal(err)
		}
		if v = b.End(t, v.RunID); v.Status != chain.Completed {
			t.Fatalf("%s: %s", v.Status, v.Tasks[0].Error)
		}
		if again := b.Probes.Called("each") - called; called != 10_000 || again != 5_000 {
			t.Errorf("%d calls, then %d", called, again)
		}
	})
}

// The record has the time of the next attempt, and the policy and configuration
// with which the run was started.
func TestRecordForLaterWork(t *testing.T) {
	t.Parallel()
	each(t, engine.Options{Config: "the file"}, func(t *testing.T, b *bench) {
		const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
		v := b.RunTree(t, `[{"id":"each","name":"each","schemas":{"method":"probe"},"for_each":[1,2],
			"retry":{"max_attempts":2,"initial_seconds":0.05,"backoff":"fixed"},
			"inputs":{"fail":"${{ if index == 1 then \"busy\" else \"\" end }}","times":1,"retryable":true,"error_type":"network_error"}}]`,
			chain.RunOptions{Labels: map[string]string{"team": "a"}, Trace: trace})
		if v.Status != chain.Completed {
			t.Fatalf("%+v", v)
		}
		row, err := b.store.Run(t.Context(), v.RunID)
		if err != nil || row.Labels["team"] != "a" || row.Trace != trace || row.Config != "the file" || row.Policy != b.Registry.Policy().Digest() || row.Policy == "" {
			t.Errorf("%+v, %v", row, err)
		}
		list, err := b.store.Transitions(t.Context(), v.RunID, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		story := ""
		for _, t := range list {
			if t.Element == 2 {
				story += fmt.Sprintf("%s %d %t, ", t.State, t.Attempt, t.Next.After(t.At))
			}
		}
		if story != "in_progress 1 true, completed 2 false, " {
			t.Errorf("the second element: %s", story)
		}
		out := b.Call(t.Context(), "probe", []byte(`{}`), chain.CallOptions{Trace: trace})
		if err := b.store.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if row, err := b.store.Run(t.Context(), out.RunID); err != nil || row.Trace != trace || row.Policy == "" {
			t.Errorf("a call: %+v, %v", row, err)
		}
	})
}

// If a process died between the end of the last task and the end of the run, a
// retry ends the run.
func TestRetryOfARunWithoutItsEnd(t *testing.T) {
	t.Parallel()
	each(t, engine.Options{Owner: "me"}, func(t *testing.T, b *bench) {
		const id = "01936f3e-0000-7000-8000-000000000001"
		if _, err := b.store.Create(t.Context(), &store.Run{
			ID: id, Kind: store.KindTree, Owner: "me", Status: string(chain.InProgress), MaxParallel: 1, OnFailure: chain.OnFailureContinue,
			Tree: []byte(`[{"id":"a","name":"a","schemas":{"method":"probe"}}]`), Inputs: []byte(`{}`),
			Tasks: []store.Task{{ID: "a", Name: "a", Executor: "probe", Parent: -1}},
		}); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		b.store.Append(&store.Batch{RunID: id, Owner: "me", Transitions: []store.Transition{
			{Seq: 1, Task: -1, State: string(chain.InProgress)},
			{Seq: 2, Task: 0, State: string(chain.InProgress), Attempt: 1},
			{Seq: 3, Task: 0, State: string(chain.Completed), Attempt: 1, Result: []byte(`{"value":1}`)},
		}}, func(err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if _, err := chain.Retry(t.Context(), b, id, nil, ""); err != nil {
			t.Fatal(err)
		}
		if v := b.End(t, id); v.Status != chain.Completed || string(v.Tasks[0].Result) != `{"value":1}` {
			t.Errorf("%+v", v)
		}
		if got := b.Probes.Called("a"); got != 0 {
			t.Errorf("the task was called %d times", got)
		}
	})
}
