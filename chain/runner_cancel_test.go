package chain_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/chain/store/sqlite"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

func TestCancelRun(t *testing.T) {
	t.Parallel()
	each(t, chain.RunnerOptions{}, func(t *testing.T, b *bench) {
		run, err := b.Start(t.Context(), b.tree(t, sleepers(70, 60)), chain.RunOptions{MaxParallel: 64})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 64 {
			b.probes.await(t, fmt.Sprintf("s%d", i))
			if i == 0 {
				break // the marks come in any order; one is enough
			}
		}
		begun := time.Now()
		v, err := b.Cancel(t.Context(), run.ID, "", "")
		if err != nil {
			t.Fatal(err)
		}
		if v.Status != chain.Cancelled || v.Counts[chain.Cancelled] != 70 || len(v.Warnings) != 0 {
			t.Errorf("the run is %s with %v, %v", v.Status, v.Counts, v.Warnings)
		}
		if took := time.Since(begun); took > 4*time.Second {
			t.Errorf("it took %s", took)
		}
		if b.probes.flying != 0 {
			t.Errorf("%d calls are still in flight", b.probes.flying)
		}
		b.consistent(t, run.ID)
		v, err = b.Cancel(t.Context(), run.ID, "", "")
		if err != nil || len(v.Warnings) != 1 {
			t.Errorf("cancelling it again: %v, %v", v, err)
		}
	})
}

// Cancelling a task takes those grouped under it along, and nobody else.
func TestCancelSubtree(t *testing.T) {
	t.Parallel()
	each(t, chain.RunnerOptions{}, func(t *testing.T, b *bench) {
		run, err := b.Start(t.Context(), b.tree(t, `[
			{"id":"root","name":"root","schemas":{"method":"probe"},"inputs":{"mark":"root"}},
			{"id":"group","name":"group","parent_id":"root","schemas":{"method":"probe"},"inputs":{"sleep":60,"mark":"group"}},
			{"id":"in1","name":"in1","parent_id":"group","schemas":{"method":"probe"},"for_each":[1,2,3],"inputs":{"sleep":60}},
			{"id":"in2","name":"in2","parent_id":"in1","schemas":{"method":"probe"},"dependencies":["gate"]},
			{"id":"after","name":"after","parent_id":"root","schemas":{"method":"probe"},"dependencies":["group"]},
			{"id":"gate","name":"gate","parent_id":"root","schemas":{"method":"probe"},"inputs":{"stubborn":true,"mark":"gate"}}]`), chain.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		b.probes.await(t, "gate")
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
		close(b.probes.released)
		if v = b.wait(t, run.ID); v.Status != chain.Completed || v.Counts[chain.Completed] != 2 {
			t.Errorf("the run is %s with %v", v.Status, v.Counts)
		}
		b.consistent(t, run.ID)
	})
}

func TestCancelInterruptsTheWaitForARetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, memory.Open(memory.Options{}), chain.RunnerOptions{}, policy.Config{})
		run, err := b.Start(t.Context(), b.tree(t, `[{"name":"a","schemas":{"method":"probe"},"retry":{"max_attempts":3,"initial_seconds":100},
			"inputs":{"fail":"busy","retryable":true,"mark":"a"}}]`), chain.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		b.probes.await(t, "a")
		synctest.Wait()
		begun := time.Now()
		v, err := b.Cancel(t.Context(), run.ID, "", "")
		if err != nil || v.Status != chain.Cancelled || v.Tasks[0].Attempts != 1 || time.Since(begun) > time.Second {
			t.Errorf("%v after %s: %+v", err, time.Since(begun), v)
		}
	})
}

// A task that does not stop is given up after the grace period: the caller
// is told, the run ends, and its permit comes back when it does.
func TestCancelSaysWhatDoesNotStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, memory.Open(memory.Options{}), chain.RunnerOptions{MaxParallel: 1}, policy.Config{})
		run, err := b.Start(t.Context(), b.tree(t, `[{"id":"deaf","name":"deaf","schemas":{"method":"probe"},"inputs":{"stubborn":true,"mark":"deaf"}},
			{"id":"b","name":"b","schemas":{"method":"probe"}}]`), chain.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		b.probes.await(t, "deaf")
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
		close(b.probes.released)
		if r := b.Call(t.Context(), "probe", nil, chain.CallOptions{}); r.Err != nil {
			t.Errorf("its permit does not come back: %v", r.Err)
		}
	})
}

func TestExecutorThatIgnoresItsTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, memory.Open(memory.Options{}), chain.RunnerOptions{}, policy.Config{})
		defer close(b.probes.released)
		begun := time.Now()
		v := b.run(t, `[{"name":"deaf","timeout":2,"schemas":{"method":"probe"},"inputs":{"stubborn":true}}]`, chain.RunOptions{})
		if v.Status != chain.Failed || v.Tasks[0].ErrorType != executors.TimeoutError || time.Since(begun) > 9*time.Second {
			t.Errorf("after %s: %+v", time.Since(begun), v.Tasks[0])
		}
	})
}

func TestRunInsideATaskEndsWithIt(t *testing.T) {
	t.Parallel()
	each(t, chain.RunnerOptions{}, func(t *testing.T, b *bench) {
		run, err := b.Start(t.Context(), b.tree(t, `[{"name":"a","schemas":{"method":"probe"},"inputs":{"inner":
			"[{\"name\":\"in\",\"schemas\":{\"method\":\"probe\"},\"inputs\":{\"sleep\":60,\"mark\":\"in\"}}]"}}]`), chain.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		b.probes.await(t, "in")
		if v, err := b.Cancel(t.Context(), run.ID, "", ""); err != nil || v.Status != chain.Cancelled {
			t.Errorf("%+v, %v", v, err)
		}
		list, _, err := b.List(t.Context(), chain.ListOptions{})
		if err != nil || len(list) != 2 {
			t.Fatalf("%d runs, %v", len(list), err)
		}
		for _, r := range list {
			if v := b.wait(t, r.RunID); v.Status != chain.Cancelled {
				t.Errorf("run %s is %s", r.RunID, v.Status)
			}
		}
	})
}

// Another process sees a run, follows it, and cancels it through the store.
func TestCancelFromAnotherProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "runs.db")
	here := newBench(t, sqlite.Open(path, sqlite.Options{}), chain.RunnerOptions{Owner: "here"}, policy.Config{})
	there := newBench(t, sqlite.Open(path, sqlite.Options{}), chain.RunnerOptions{Owner: "there"}, policy.Config{})
	run, err := here.Start(t.Context(), here.tree(t, sleepers(3, 60)), chain.RunOptions{Principal: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	here.probes.await(t, "s0")
	if _, err := there.Cancel(t.Context(), run.ID, "", "bob"); executors.AsError(err).Type != executors.NotFound {
		t.Errorf("somebody else cancels it: %v", err)
	}
	if v, err := there.Run(t.Context(), run.ID, "ann"); err != nil || v.Status != chain.InProgress {
		t.Errorf("seen from there: %+v, %v", v, err)
	}
	begun := time.Now()
	v, err := there.Cancel(t.Context(), run.ID, "s0", "ann")
	if err != nil || v.Tasks[0].Status != chain.Cancelled || v.Tasks[1].Status != chain.InProgress {
		t.Errorf("one task: %+v, %v", v, err)
	}
	if v, err = there.Cancel(t.Context(), run.ID, "", "ann"); err != nil || v.Status != chain.Cancelled || len(v.Warnings) > 0 {
		t.Errorf("the run: %+v, %v", v, err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	if _, err := there.Retry(t.Context(), run.ID, []string{"s1"}, "ann"); err != nil {
		t.Fatalf("the other process goes on with it: %v", err)
	}
	there.probes.await(t, "s1")
	if _, err := here.Cancel(t.Context(), run.ID, "", "ann"); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if v, err = there.Wait(ctx, run.ID, "ann"); err != nil || v.Status != chain.Cancelled {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, memory.Open(memory.Options{}), chain.RunnerOptions{}, policy.Config{})
		run, err := b.Start(t.Context(), b.tree(t, `[
			{"id":"short","name":"short","schemas":{"method":"probe"},"inputs":{"sleep":1}},
			{"id":"next","name":"next","schemas":{"method":"probe"},"dependencies":["short"]},
			{"id":"long","name":"long","schemas":{"method":"probe"},"inputs":{"sleep":29}},
			{"id":"after","name":"after","schemas":{"method":"probe"},"dependencies":["long"]}]`), chain.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		calls := make(chan chain.CallResult, 1)
		go func() {
			calls <- b.Call(t.Context(), "probe", []byte(`{"sleep":29}`), chain.CallOptions{})
		}()
		synctest.Wait()
		begun := time.Now()
		if err := b.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took < 5*time.Second || took > 6*time.Second {
			t.Errorf("it took %s", took)
		}
		if r := <-calls; r.Err == nil || r.Err.Type != executors.Interrupted {
			t.Errorf("the call ended with %v", r.Err)
		}
		v := b.wait(t, run.ID)
		if v.Status != chain.Failed || v.ErrorType != executors.Interrupted || v.Hint == "" {
			t.Errorf("the run: %+v", v)
		}
		for id, want := range map[string]chain.State{"short": chain.Completed, "next": chain.Completed, "long": chain.Failed, "after": chain.Cancelled} {
			_, task, err := b.TaskResult(t.Context(), run.ID, id, "")
			if err != nil || task.Status != want || !want.Ended() && task.ErrorType != executors.Interrupted {
				t.Errorf("%s: %+v, %v", id, task, err)
			}
		}
		if _, err := b.Start(t.Context(), b.tree(t, sleepers(1, 1)), chain.RunOptions{}); err == nil {
			t.Error("a run is started after the end")
		}
		if r := b.Call(t.Context(), "probe", nil, chain.CallOptions{}); r.Err == nil {
			t.Error("a call is made after the end")
		}
	})
}
