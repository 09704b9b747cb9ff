package engine_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/sqlite"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

const askThenGo = `[{"id":"ask","approval":{"message":"go on?"}},{"id":"go","executor":"probe","inputs":{"value":"${{ tasks.ask.result.approved }}"}}]`

// Any process that shares the store answers. The one that drives the run finds
// the answer there.
func TestAnsweredByAnotherProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "runs.db")
	open := func() store.Store {
		return sqlite.Open(path, sqlite.Options{OnError: func(err error) { t.Error(err) }})
	}
	owner := newBench(t, open(), engine.Options{}, policy.Config{})
	other := newBench(t, open(), engine.Options{}, policy.Config{})
	for _, c := range []struct {
		decision chain.Decision
		want     chain.State
	}{{chain.Approved, chain.Completed}, {chain.Rejected, chain.Failed}} {
		run, err := owner.Start(t.Context(), owner.Tree(t, askThenGo), chain.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		asks := owner.Asked(t, run.ID, "ask")
		if list, err := other.Approvals(t.Context(), chain.ApprovalOptions{Anyone: true}); err != nil || len(list) != 1 || list[0].Approval.Digest != asks.Approval.Digest {
			t.Fatalf("what another process sees: %+v, %v", list, err)
		}
		v, err := other.Answer(t.Context(), run.ID, "ask", chain.Answer{Decision: c.decision, Way: chain.WayTerminal, Shown: asks.Approval.Digest})
		if err != nil {
			t.Fatal(err)
		}
		if v.Status != c.want && v.Status != chain.Waiting { // the owner may be slow
			t.Errorf("the task is %+v", v)
		}
		if v := owner.End(t, run.ID); v.Status != c.want || v.Tasks[0].Approval.Answer == nil {
			t.Errorf("%s: the run is %+v", c.decision, v)
		}
	}
}

// A run that is interrupted while it waits asks again when it goes on.
func TestInterruptedWhileItWaits(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "runs.db")
	first := newBench(t, sqlite.Open(path, sqlite.Options{}), engine.Options{}, policy.Config{})
	run, err := first.Start(t.Context(), first.Tree(t, askThenGo), chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	before := first.Asked(t, run.ID, "ask")
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := newBench(t, sqlite.Open(path, sqlite.Options{}), engine.Options{}, policy.Config{})
	if v, err := second.Get(t.Context(), run.ID, ""); err != nil || v.Status != chain.Failed || v.ErrorType != executors.Interrupted || v.Counts[chain.Pending] != 2 {
		t.Fatalf("after the program has ended: %+v, %v", v, err)
	}
	if _, err := second.Answer(t.Context(), run.ID, "ask", chain.Answer{Decision: chain.Approved, Way: chain.WayTerminal}); err == nil || !strings.Contains(err.Error(), "does not wait") {
		t.Errorf("an answer to a run that was interrupted: %v", err)
	}
	if _, err := second.Retry(t.Context(), run.ID, nil, ""); err != nil {
		t.Fatal(err)
	}
	if after := second.Asked(t, run.ID, "ask"); after.Attempts != before.Attempts+1 {
		t.Errorf("it is asked again: %+v", after)
	}
	if _, err := second.Answer(t.Context(), run.ID, "ask", chain.Answer{Decision: chain.Approved, Way: chain.WayTerminal}); err != nil {
		t.Fatal(err)
	}
	if v := second.End(t, run.ID); v.Status != chain.Completed {
		t.Errorf("the run is %+v", v)
	}
}

// parked waits until a run waits without a process.
func (b *bench) parked(t *testing.T, id string) *store.Run {
	t.Helper()
	for end := time.Now().Add(executortest.Patience); ; time.Sleep(10 * time.Millisecond) {
		row, err := b.store.Run(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if row.Owner == "" {
			return row
		}
		if time.Now().After(end) {
			t.Fatalf("the run is not released: %+v", row)
		}
	}
}

// A run that only waits holds no lease. An answer wakes it, in any process.
func TestWaitsWithoutAProcess(t *testing.T) {
	t.Parallel()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, open(t), engine.Options{Lease: shortLease}, policy.Config{})
			b.engine.Adopt(anything)
			run, err := b.Start(t.Context(), b.Tree(t, `[{"id":"first","executor":"probe"},{"id":"ask","approval":{"message":"go on?"},"dependencies":["first"]},
				{"id":"go","executor":"probe","inputs":{"value":"${{ tasks.ask.result.approved }}"}}]`), chain.RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			asks := b.Asked(t, run.ID, "ask")
			ended := make(chan *chain.RunView, 1)
			watched := make(chan error, 1)
			go func() {
				v, err := b.Wait(context.WithoutCancel(t.Context()), run.ID, "")
				if err != nil {
					t.Error(err)
				}
				ended <- v
			}()
			go func() {
				watched <- b.Watch(context.WithoutCancel(t.Context()), run.ID, "", func(chain.Counts, string) {})
			}()
			row := b.parked(t, run.ID)
			if !row.Wake.After(time.Now().Add(24 * time.Hour)) {
				t.Errorf("it wakes by itself at %s", row.Wake)
			}
			v, err := b.Get(t.Context(), run.ID, "")
			if err != nil || v.Status != chain.InProgress || v.Tasks[1].Status != chain.Waiting || v.Tasks[1].Approval.Digest != asks.Approval.Digest || len(v.Warnings) != 0 {
				t.Errorf("while it waits: %+v, %v", v, err)
			}
			if list, err := b.Approvals(t.Context(), chain.ApprovalOptions{}); err != nil || len(list) != 1 {
				t.Errorf("what waits: %+v, %v", list, err)
			}
			if _, err := b.Answer(t.Context(), run.ID, "ask", chain.Answer{Decision: chain.Approved, Way: chain.WayTerminal, Shown: asks.Approval.Digest}); err != nil {
				t.Fatal(err)
			}
			if v := <-ended; v.Status != chain.Completed || v.Tasks[1].Attempts != 1 || b.Probes.Called("first") != 1 {
				t.Errorf("the run is %+v", v)
			}
			if err := <-watched; err != nil {
				t.Error(err)
			}
			b.Consistent(t, run.ID)
		})
	}
}

// A question of a run without a process times out in time, and cancelling such a
// run needs no other process.
func TestTimesOutWithoutAProcess(t *testing.T) {
	t.Parallel()
	b := newBench(t, stores["sqlite"](t), engine.Options{Lease: shortLease}, policy.Config{})
	b.engine.Adopt(anything)
	run, err := b.Start(t.Context(), b.Tree(t, `[{"id":"ask","approval":{"message":"go on?","timeout":2,"on_timeout":"skip"}}]`), chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	until := b.Asked(t, run.ID, "ask").Approval.Until
	if row := b.parked(t, run.ID); !row.Wake.Equal(*until) {
		t.Errorf("it wakes at %s; its question times out at %s", row.Wake, until)
	}
	if v := b.End(t, run.ID); v.Status != chain.Completed || v.Tasks[0].Status != chain.Skipped || v.Tasks[0].Reason != chain.ReasonTimeout {
		t.Errorf("the run is %+v", v)
	}
	for _, task := range []string{"", "ask"} {
		run, err := b.Start(t.Context(), b.Tree(t, `[{"id":"ask","approval":{"message":"go on?"}},{"id":"too","approval":{"message":"go on?"}}]`), chain.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		b.Asked(t, run.ID, "ask")
		b.parked(t, run.ID)
		v, err := b.Cancel(t.Context(), run.ID, task, "")
		if err != nil || v.Tasks[0].Status != chain.Cancelled || v.Status.Ended() != (task == "") {
			t.Errorf("cancelling %q: %+v, %v", task, v, err)
		}
		if task != "" {
			if v, err := b.Cancel(t.Context(), run.ID, "", ""); err != nil || v.Status != chain.Cancelled {
				t.Errorf("%+v, %v", v, err)
			}
		}
	}
}

// A question outlives the kill -9 of its process, and is answered through another
// one.
func TestQuestionOutlivesAKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "runs.db")
	id, kill := startChild(t, path, `[{"id":"first","executor":"probe","inputs":{"mark":"first"}},{"id":"ask","approval":{"message":"go on?"},"dependencies":["first"]},
		{"id":"go","executor":"probe","inputs":{"value":"${{ tasks.ask.result.approved }}"}}]`)
	open := func() store.Store { return sqlite.Open(path, sqlite.Options{}) }
	teller := newBench(t, open(), engine.Options{Lease: shortLease}, policy.Config{})
	asks := teller.Asked(t, id, "ask")
	kill()
	// It is answered while no process drives the run.
	v, err := teller.Answer(t.Context(), id, "ask", chain.Answer{Decision: chain.Approved, Way: chain.WayTerminal, Shown: asks.Approval.Digest})
	if err != nil || v.Status != chain.Waiting {
		t.Fatalf("%+v, %v", v, err)
	}
	if _, err := teller.Answer(t.Context(), id, "ask", chain.Answer{Decision: chain.Rejected, Way: chain.WayTerminal}); err == nil || !strings.Contains(err.Error(), "answered before") {
		t.Errorf("a second answer: %v", err)
	}
	heir := newBench(t, open(), engine.Options{Lease: shortLease}, policy.Config{})
	heir.engine.Adopt(anything)
	ended := heir.End(t, id)
	if ended.Status != chain.Completed || heir.Probes.Called("first") != 0 || ended.Tasks[1].Approval.Answer == nil || ended.Tasks[1].Attempts != 1 {
		t.Errorf("the run is %+v", ended)
	}
	heir.Consistent(t, id)
}

// A server that is stopped leaves a run that waits to the next one.
func TestQuestionOutlivesAStop(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "runs.db")
	first := newBench(t, sqlite.Open(path, sqlite.Options{}), engine.Options{}, policy.Config{})
	first.engine.Adopt(anything)
	run, err := first.Start(t.Context(), first.Tree(t, askThenGo), chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	asks := first.Asked(t, run.ID, "ask")
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := newBench(t, sqlite.Open(path, sqlite.Options{}), engine.Options{}, policy.Config{})
	second.engine.Adopt(anything)
	if _, err := second.Answer(t.Context(), run.ID, "ask", chain.Answer{Decision: chain.Approved, Way: chain.WayTerminal, Shown: asks.Approval.Digest}); err != nil {
		t.Fatal(err)
	}
	if v := second.End(t, run.ID); v.Status != chain.Completed || v.Tasks[0].Attempts != 1 {
		t.Errorf("the run is %+v", v)
	}
}

// A question outlives an upgrade. The file is of a program with an earlier schema,
// which was killed while its run waited.
func TestQuestionOutlivesAnUpgrade(t *testing.T) {
	t.Parallel()
	const id = "01a231f8-e863-7e92-82d4-e29318973ad4"
	old, err := os.ReadFile(filepath.Join("testdata", "asked.v6.db"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "runs.db")
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, sqlite.Open(path, sqlite.Options{}), engine.Options{Lease: shortLease}, policy.Config{})
	b.engine.Adopt(anything)
	for _, each := range []struct{ task, message string }{{"ask", "Deploy v7?"}, {"sure", "Sure? You said true."}} {
		asks := b.Asked(t, id, each.task)
		if asks.Approval.Message != each.message {
			t.Errorf("%s asks %q", each.task, asks.Approval.Message)
		}
		if _, err := b.Answer(t.Context(), id, each.task, chain.Answer{Decision: chain.Approved, Way: chain.WayTerminal, Shown: asks.Approval.Digest}); err != nil {
			t.Fatal(err)
		}
	}
	if v := b.End(t, id); v.Status != chain.Completed || v.Tasks[0].Attempts != 1 || v.Tasks[1].Attempts != 1 {
		t.Errorf("the run is %+v", v)
	}
	b.Consistent(t, id)
}
