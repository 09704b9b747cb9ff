package engine_test

import (
	"path/filepath"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/chain/store/sqlite"
	"github.com/chainwright/chainwright/executors/policy"
)

const interruptedHandlers = `
outputs: {sum: "${{ tasks.done.result.value + 1 }}"}
tasks: [{id: done, executor: probe, inputs: {value: 1}}]
on_success:
  - {id: first, executor: probe_write, inputs: {value: "${{ run.outputs.sum }}"}}
  - {id: caught, executor: probe, dependencies: [first], inputs: {stubborn: true, mark: caught}}
on_failure: [{id: no, executor: probe}]
on_exit: [{id: exit, executor: probe, inputs: {value: "${{ [run.status, run.outputs.sum] }}"}}]
`

// continued checks a run whose handlers another process has finished.
func continued(t *testing.T, b *bench, id string) {
	t.Helper()
	b.Probes.Release()
	v := b.End(t, id)
	if v.Status != chain.Completed || string(v.Outputs["sum"]) != "2" || v.Error != "" || len(v.Warnings) > 0 {
		t.Errorf("the run is %s, %q, with the outputs %s and the warnings %q", v.Status, v.Error, v.Outputs, v.Warnings)
	}
	if got := string(v.At(4).Result); got != `{"value":["completed",2]}` {
		t.Errorf("exit has %s", got)
	}
	for task, want := range map[string]int{"done": 0, "first": 0, "caught": 1, "no": 0, "exit": 1} {
		if got := b.Probes.Called(task); got != want {
			t.Errorf("%s was called %d times, not %d", task, got, want)
		}
	}
	b.Consistent(t, id)
}

// After kill -9 in the middle of the handlers, tasks and handlers that completed do
// not run again, and the outcome and the outputs stay: by itself, and in a retry.
func TestHandlersAfterAKill(t *testing.T) {
	t.Parallel()
	for name, goOn := range map[string]func(t *testing.T, b *bench, id string){
		"adopted": func(_ *testing.T, b *bench, _ string) { b.engine.Adopt(anything) },
		"retried": func(t *testing.T, b *bench, id string) {
			b.awaitWarning(t, id)
			if _, err := b.Retry(t.Context(), id, nil, ""); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			killHandlers(t, goOn)
		})
	}
}

func killHandlers(t *testing.T, goOn func(t *testing.T, b *bench, id string)) {
	path := filepath.Join(t.TempDir(), "runs.db")
	id, kill := startChild(t, path, interruptedHandlers)
	b := newBench(t, sqlite.Open(path, sqlite.Options{}), engine.Options{Lease: shortLease}, policy.Config{})
	for begun := false; !begun; {
		v, err := b.Get(t.Context(), id, "")
		if err != nil {
			t.Fatal(err)
		}
		begun = v.At(2).Status == chain.InProgress && v.Outcome == chain.Completed
	}
	kill()
	goOn(t, b, id)
	continued(t, b, id)
}

// When the engine is closed, handlers do not start: the run has not ended.
func TestHandlersAfterClose(t *testing.T) {
	t.Parallel()
	for name, tree := range map[string]string{"in a task": `
tasks: [{id: caught, executor: probe, inputs: {sleep: 29, mark: caught}}]
on_success: [{id: yes, executor: probe}]
on_failure: [{id: no, executor: probe}]
on_exit: [{id: exit, executor: probe}]
`, "in a handler": `
tasks: [{id: done, executor: probe}]
on_success: [{id: caught, executor: probe, inputs: {sleep: 29, mark: caught}}]
on_exit: [{id: exit, executor: probe}]
`, "in a task that can't be repeated": `
tasks: [{id: caught, executor: probe_write, inputs: {sleep: 29, mark: caught}}]
on_failure: [{id: no, executor: probe}]
on_exit: [{id: exit, executor: probe}]
`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept := memory.Open(memory.Options{})
			b := newBench(t, unclosed{kept}, engine.Options{Owner: "here"}, policy.Config{})
			run, err := b.Start(t.Context(), b.Tree(t, tree), chain.RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			b.Probes.Await(t, "caught")
			if err := b.engine.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			v := b.End(t, run.ID)
			if v.Status != chain.Failed || v.ErrorType != "interrupted" || b.Probes.Called("no")+b.Probes.Called("exit")+b.Probes.Called("yes") > 0 {
				t.Errorf("after the close: %+v", v)
			}
			for _, task := range v.All() {
				if task.ID != "caught" && task.Handler != "" && task.Status != chain.Pending {
					t.Errorf("%s is %s", task.ID, task.Status)
				}
			}
			next := newBench(t, kept, engine.Options{Owner: "next"}, policy.Config{})
			if _, err := next.Retry(t.Context(), run.ID, nil, ""); err != nil {
				t.Fatal(err)
			}
			next.Probes.Await(t, "caught")
			if _, err := next.Cancel(t.Context(), run.ID, "", ""); err != nil {
				t.Fatal(err)
			}
			next.Consistent(t, run.ID)
		})
	}
}

// A run that was cancelled in a process which is closed before its handlers have
// run is continued with them.
func TestCancelledThenClosed(t *testing.T) {
	t.Parallel()
	kept := memory.Open(memory.Options{})
	b := newBench(t, unclosed{kept}, engine.Options{Owner: "here"}, policy.Config{})
	run, err := b.Start(t.Context(), b.Tree(t, `
tasks: [{id: a, executor: probe, inputs: {sleep: 29, mark: a}}]
on_cancel: [{id: undo, executor: probe, inputs: {sleep: 29, mark: undo}}]
on_exit: [{id: exit, executor: probe, inputs: {value: "${{ run.status }}"}}]
`), chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.Probes.Await(t, "a")
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := b.Cancel(t.Context(), run.ID, "", ""); err != nil {
			t.Error(err)
		}
	}()
	b.Probes.Await(t, "undo")
	if err := b.engine.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-done
	if v := b.End(t, run.ID); v.Status != chain.Failed || v.ErrorType != "interrupted" || v.At(1).Status != chain.Pending {
		t.Errorf("after the close: %+v", v)
	}
	next := newBench(t, kept, engine.Options{Owner: "next"}, policy.Config{})
	if _, err := next.Retry(t.Context(), run.ID, []string{"undo"}, ""); err != nil {
		t.Fatal(err)
	}
	next.Probes.Await(t, "undo")
	if _, err := next.Cancel(t.Context(), run.ID, "undo", ""); err != nil {
		t.Fatal(err)
	}
	v := next.End(t, run.ID)
	if v.Status != chain.Cancelled || string(v.At(2).Result) != `{"value":"cancelled"}` || next.Probes.Called("a") != 0 {
		t.Errorf("after the retry: %+v", v)
	}
	next.Consistent(t, run.ID)
}
