package enginetest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
)

// states returns the states of the tasks, as "id state".
func states(v *chain.RunView) (list []string) {
	for _, task := range v.All() {
		list = append(list, task.ID+" "+string(task.Status))
	}
	return list
}

func expectStates(t *testing.T, v *chain.RunView, status chain.State, want ...string) {
	t.Helper()
	if got := states(v); v.Status != status || !slices.Equal(got, want) {
		t.Errorf("the run is %s with %q, expected %s with %q; warnings %q", v.Status, got, status, want, v.Warnings)
	}
}

func (b *Bench) retryToTheEnd(t *testing.T, id string, tasks ...string) *chain.RunView {
	t.Helper()
	if _, err := b.Retry(t.Context(), id, tasks, ""); err != nil {
		t.Fatal(err)
	}
	return b.End(t, id)
}

const handled = `
outputs: {sum: "${{ tasks.a.result.value + 1 }}"}
tasks:
  - {id: a, executor: probe, inputs: {value: 1}}
  - {id: b, executor: probe, dependencies: [a], inputs: {fail: once, times: 1}}
on_success: [{id: yes, executor: probe, inputs: {fail: "no network", times: 1, value: "${{ run.outputs.sum }}"}}]
on_failure: [{id: no, executor: probe}]
on_exit: [{id: exit, executor: probe, inputs: {value: "${{ run.status }}"}}]
`

// The handlers of a run that is retried run again at its new end. A retry of
// handlers runs only these, and the outcome stays.
func retryHandlers(t *testing.T, b *Bench) {
	v := b.RunTree(t, handled, chain.RunOptions{})
	expectStates(t, v, chain.Failed, "a completed", "b failed", "yes skipped", "no completed", "exit completed")

	v = b.retryToTheEnd(t, v.RunID)
	expectStates(t, v, chain.Completed, "a completed", "b completed", "yes failed", "no skipped", "exit completed")
	if string(v.Outputs["sum"]) != "2" {
		t.Errorf("the outputs are %s", v.Outputs)
	}
	if len(v.Warnings) != 1 || !strings.Contains(v.Warnings[0], "the handler yes (on_success) failed: no network") {
		t.Errorf("the warnings are %q", v.Warnings)
	}

	v = b.retryToTheEnd(t, v.RunID) // what did not complete is a handler
	expectStates(t, v, chain.Completed, "a completed", "b completed", "yes completed", "no skipped", "exit completed")
	if string(v.At(2).Result) != `{"value":2}` || string(v.Outputs["sum"]) != "2" || len(v.Warnings) != 0 {
		t.Errorf("yes has %s, the outputs are %s, the warnings %q", v.At(2).Result, v.Outputs, v.Warnings)
	}

	v = b.retryToTheEnd(t, v.RunID, "exit")
	expectStates(t, v, chain.Completed, "a completed", "b completed", "yes completed", "no skipped", "exit completed")
	for id, want := range map[string]int{"a": 1, "b": 2, "yes": 2, "no": 1, "exit": 3} {
		if got := b.Probes.Called(id); got != want {
			t.Errorf("%s was called %d times, not %d", id, got, want)
		}
	}
	if _, err := b.Retry(t.Context(), v.RunID, nil, ""); err == nil {
		t.Error("a run is retried that has completed with its handlers")
	}
	b.Consistent(t, v.RunID)
}

// The handlers of another outcome can't be retried.
func retryOtherHandlers(t *testing.T, b *Bench) {
	v := b.RunTree(t, handled, chain.RunOptions{})
	_, err := b.Retry(t.Context(), v.RunID, []string{"yes"}, "")
	if problem := executors.AsError(err); problem == nil || problem.Type != executors.ValidationError || !strings.Contains(problem.Message, "yes is a handler of on_success, and the run is failed") {
		t.Errorf("retrying it: %v", err)
	}
	v = b.retryToTheEnd(t, v.RunID, "no")
	expectStates(t, v, chain.Failed, "a completed", "b failed", "yes skipped", "no completed", "exit completed")
	if b.Probes.Called("no") != 2 || b.Probes.Called("exit") != 1 || b.Probes.Called("b") != 1 {
		t.Errorf("no was called %d times, exit %d", b.Probes.Called("no"), b.Probes.Called("exit"))
	}
	b.Consistent(t, v.RunID)
}

const stopped = `
tasks:
  - {id: a, executor: probe, inputs: {sleep: 3600, mark: a}}
  - {id: b, executor: probe, dependencies: [a]}
on_success: [{id: yes, executor: probe}]
on_failure: [{id: no, executor: probe}]
on_cancel: [{id: undo, executor: probe_write, inputs: {value: "${{ [run.status, run.error, tasks.a.status, tasks.b.status] }}"}}]
on_exit: [{id: exit, executor: probe, inputs: {value: "${{ tasks.undo.status }}"}}]
`

// Cancelling a run starts its handlers.
func cancelRunsHandlers(t *testing.T, b *Bench) {
	run, err := b.Start(t.Context(), b.Tree(t, stopped), chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.Probes.Await(t, "a")
	if _, err := b.Cancel(t.Context(), run.ID, "", ""); err != nil {
		t.Fatal(err)
	}
	v := b.End(t, run.ID)
	expectStates(t, v, chain.Cancelled, "a cancelled", "b cancelled", "yes skipped", "no skipped", "undo completed", "exit completed")
	if got := string(v.At(4).Result); got != `{"value":["cancelled","the run was cancelled","cancelled","cancelled"]}` || len(v.Warnings) != 0 {
		t.Errorf("undo has %s, the warnings are %q", got, v.Warnings)
	}
	if v.Counts[chain.Cancelled] != 2 || len(v.Counts) != 1 {
		t.Errorf("the counts are %v", v.Counts)
	}
	b.Consistent(t, run.ID)
	v = b.retryToTheEnd(t, run.ID, "exit") // the run stays cancelled
	expectStates(t, v, chain.Cancelled, "a cancelled", "b cancelled", "yes skipped", "no skipped", "undo completed", "exit completed")
}

const slowHandlers = `
outputs: {sum: 1}
tasks: [{id: a, executor: probe, inputs: {sleep: %, mark: a}}]
on_success: [{id: yes, executor: probe, inputs: {sleep: 3600, mark: "yes"}}]
on_cancel:
  - {id: undo, executor: probe_write, inputs: {sleep: 3600, mark: undo}}
  - {id: told, executor: probe, dependencies: [undo]}
on_exit: [{id: exit, executor: probe}]
`

// A run whose handlers run has not ended. Cancelling it then ends the handlers,
// and the outcome stays.
func cancelDuringHandlers(t *testing.T, b *Bench) {
	run, err := b.Start(t.Context(), b.Tree(t, strings.Replace(slowHandlers, "%", "0", 1)), chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.Probes.Await(t, "yes")
	v, err := b.Get(t.Context(), run.ID, "")
	if err != nil || v.Status != chain.InProgress || v.Outcome != chain.Completed || v.Outputs != nil || v.Counts[chain.Completed] != 1 || v.Handlers[0].Handler != chain.OnSuccess {
		t.Errorf("while handlers run: %+v, %v", v, err)
	}
	if _, err = b.Cancel(t.Context(), run.ID, "", ""); err != nil {
		t.Fatal(err)
	}
	v = b.End(t, run.ID)
	expectStates(t, v, chain.Completed, "a completed", "yes cancelled", "undo skipped", "told skipped", "exit cancelled")
	if string(v.Outputs["sum"]) != "1" || len(v.Warnings) != 2 || v.Warnings[0] != "the handler yes (on_success) was cancelled" {
		t.Errorf("the outputs are %s, the warnings %q", v.Outputs, v.Warnings)
	}
	list, _, err := b.List(t.Context(), chain.ListOptions{})
	if err != nil || len(list) != 1 || list[0].Warning != v.Warnings[0] {
		t.Errorf("the list has %+v, %v", list, err)
	}
	b.Consistent(t, run.ID)
}

// A second cancel request ends the handlers that the first one started.
func cancelTwice(t *testing.T, b *Bench) {
	run, err := b.Start(t.Context(), b.Tree(t, strings.Replace(slowHandlers, "%", "3600", 1)), chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.Probes.Await(t, "a")
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	v, err := b.Cancel(short, run.ID, "", "")
	if err != nil || v.Status != chain.InProgress || len(v.Warnings) != 1 {
		t.Errorf("the handlers do not run, or nothing is said: %+v, %v", v, err)
	}
	b.Probes.Await(t, "undo")
	if _, err = b.Cancel(t.Context(), run.ID, "", ""); err != nil {
		t.Fatal(err)
	}
	v = b.End(t, run.ID)
	expectStates(t, v, chain.Cancelled, "a cancelled", "yes skipped", "undo cancelled", "told cancelled", "exit cancelled")
	if b.Probes.Called("exit") != 0 {
		t.Error("on_exit has run")
	}
	b.Consistent(t, run.ID)
}
