package engine_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/sqlite"
	"github.com/chainwright/chainwright/executors"
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
