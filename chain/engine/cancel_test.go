package engine_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/chain/store/sqlite"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

func TestCancelInterruptsTheWaitForARetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, memory.Open(memory.Options{}), engine.Options{}, policy.Config{})
		run, err := b.Start(t.Context(), b.Tree(t, `[{"name":"a","schemas":{"method":"probe"},"retry":{"max_attempts":3,"initial_seconds":100},
			"inputs":{"fail":"busy","retryable":true,"mark":"a"}}]`), chain.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		b.Probes.Await(t, "a")
		synctest.Wait()
		begun := time.Now()
		v, err := b.Cancel(t.Context(), run.ID, "", "")
		if err != nil || v.Status != chain.Cancelled || v.Tasks[0].Attempts != 1 || time.Since(begun) > time.Second {
			t.Errorf("%v after %s: %+v", err, time.Since(begun), v)
		}
	})
}

// A task that does not stop is abandoned after the grace period: the caller
// gets a warning, the run ends, and the permit is free again when the task
// ends.
func TestCancelSaysWhatDoesNotStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, memory.Open(memory.Options{}), engine.Options{MaxParallel: 1}, policy.Config{})
		run, err := b.Start(t.Context(), b.Tree(t, `[{"id":"deaf","name":"deaf","schemas":{"method":"probe"},"inputs":{"stubborn":true,"mark":"deaf"}},
			{"id":"b","name":"b","schemas":{"method":"probe"}}]`), chain.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		b.Probes.Await(t, "deaf")
		begun := time.Now()
		v, err := b.Cancel(t.Context(), run.ID, "", "")
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took < 5*time.Second || took > 6*time.Second {
			t.Errorf("it took %s", took)
		}
		if v.Status != chain.Cancelled || len(v.Warnings) != 1 || !strings.Contains(v.Warnings[0], "deaf") {
			t.Errorf("the run is %s, %v", v.Status, v.Warnings)
		}
		if v.Tasks[0].Status != chain.Cancelled || !strings.Contains(v.Tasks[0].Error, "has not stopped") {
			t.Errorf("the task: %+v", v.Tasks[0])
		}
		b.Probes.Release()
		if r := b.Call(t.Context(), "probe", nil, chain.CallOptions{}); r.Err != nil {
			t.Errorf("its permit does not come back: %v", r.Err)
		}
	})
}

func TestExecutorThatIgnoresItsTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, memory.Open(memory.Options{}), engine.Options{}, policy.Config{})
		defer b.Probes.Release()
		begun := time.Now()
		v := b.RunTree(t, `[{"name":"deaf","timeout":2,"schemas":{"method":"probe"},"inputs":{"stubborn":true}}]`, chain.RunOptions{})
		if v.Status != chain.Failed || v.Tasks[0].ErrorType != executors.TimeoutError || time.Since(begun) > 9*time.Second {
			t.Errorf("after %s: %+v", time.Since(begun), v.Tasks[0])
		}
	})
}

// Another process can read a run, follow it, and cancel it through the store.
func TestCancelFromAnotherProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "runs.db")
	here := newBench(t, sqlite.Open(path, sqlite.Options{}), engine.Options{Owner: "here"}, policy.Config{})
	there := newBench(t, sqlite.Open(path, sqlite.Options{}), engine.Options{Owner: "there"}, policy.Config{})
	run, err := here.Start(t.Context(), here.Tree(t, sleepers(3, 3600)), chain.RunOptions{Principal: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	here.Probes.Await(t, "s0")
	if _, err := there.Cancel(t.Context(), run.ID, "", "bob"); executors.AsError(err).Type != executors.NotFound {
		t.Errorf("another principal can cancel it: %v", err)
	}
	if v, err := there.Get(t.Context(), run.ID, "ann"); err != nil || v.Status != chain.InProgress {
		t.Errorf("seen from there: %+v, %v", v, err)
	}
	v, err := there.Cancel(t.Context(), run.ID, "s0", "ann")
	if err != nil || v.Tasks[0].Status != chain.Cancelled || v.Tasks[1].Status != chain.InProgress {
		t.Errorf("one task: %+v, %v", v, err)
	}
	if v, err = there.Cancel(t.Context(), run.ID, "", "ann"); err != nil || v.Status != chain.Cancelled || len(v.Warnings) > 0 {
		t.Errorf("the run: %+v, %v", v, err)
	}
	if _, err := there.Retry(t.Context(), run.ID, []string{"s1"}, "ann"); err != nil {
		t.Fatalf("the other process goes on with it: %v", err)
	}
	there.Probes.Await(t, "s1")
	if _, err := here.Cancel(t.Context(), run.ID, "", "ann"); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), executortest.Patience)
	defer cancel()
	if v, err = there.Wait(ctx, run.ID, "ann"); err != nil || v.Status != chain.Cancelled {
		t.Errorf("%+v, %v", v, err)
	}
}
