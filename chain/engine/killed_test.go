package engine_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/internal/enginetest"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/chain/store/sqlite"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// childStore and childTree name the environment variables that make the test
// program run a tree until it is killed.
const (
	childStore = "CHAINWRIGHT_TEST_CHILD_STORE"
	childTree  = "CHAINWRIGHT_TEST_CHILD_TREE"
)

const killed = `[
	{"id":"done","name":"done","schemas":{"method":"probe"},"inputs":{"value":1}},
	{"id":"caught","name":"caught","schemas":{"method":"probe"},"dependencies":["done"],"inputs":{"sleep":29,"mark":"caught"}},
	{"id":"after","name":"after","schemas":{"method":"probe"},"dependencies":["caught"],"inputs":{"value":"${{ tasks.done.result.value + 1 }}"}}]`

// runUntilKilled is the child of TestKilled.
func runUntilKilled(path string) {
	p := enginetest.NewProbes()
	pol, err := policy.New(policy.Config{})
	if err != nil {
		panic(err)
	}
	all, err := p.Executors()
	if err != nil {
		panic(err)
	}
	reg, err := executors.NewRegistry(pol, zerolog.Nop(), all...)
	if err != nil {
		panic(err)
	}
	tree, report := parse.Parse([]byte(os.Getenv(childTree)), reg, parse.Options{})
	if err := report.Err(); err != nil {
		panic(err)
	}
	r := engine.New(engine.Options{Registry: reg, Store: sqlite.Open(path, sqlite.Options{})})
	run, err := chain.Start(context.Background(), r, tree, chain.RunOptions{})
	if err != nil {
		panic(err)
	}
	<-p.Begun
	os.Stdout.WriteString(run.ID + "\n")
	select {}
}

// startChild starts a process that runs a tree, and waits until its first
// marked task has begun. It returns the run and a function that kills the
// process.
func startChild(t *testing.T, path, tree string) (id string, kill func()) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childStore+"="+path, childTree+"="+tree)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 37)
	if _, err := io.ReadFull(out, said); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(said)), func() {
		if err := child.Process.Kill(); err != nil {
			t.Error(err)
		}
		child.Wait()
	}
}

// After kill -9 the run is in progress, with a warning, until a retry continues it
// without running completed tasks again.
func TestKilled(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "runs.db")
	id, kill := startChild(t, path, killed)
	b := newBench(t, sqlite.Open(path, sqlite.Options{}), engine.Options{Lease: shortLease}, policy.Config{})
	for begun := false; !begun; { // read through another process's store
		v, err := b.Get(t.Context(), id, "")
		if err != nil {
			t.Fatal(err)
		}
		begun = v.Tasks[1].Status == chain.InProgress
	}
	kill()

	v, err := b.Get(t.Context(), id, "")
	if err != nil {
		t.Fatal(err)
	}
	if v.Tasks[0].Status != chain.Completed || string(v.Tasks[0].Result) != `{"value":1}` || v.Tasks[2].Status != chain.Pending {
		t.Errorf("after the kill: %+v", v.Tasks)
	}
	v = b.awaitWarning(t, id)
	if v.Status != chain.InProgress || v.Tasks[1].Status != chain.InProgress || v.Tasks[2].Status != chain.Pending {
		t.Errorf("once its process is known to be gone: %+v", v)
	}
	if waited, err := b.Wait(t.Context(), id, ""); err != nil || waited.Status != chain.InProgress {
		t.Errorf("waiting for a run that no process drives: %+v, %v", waited, err)
	}
	run, err := b.Retry(t.Context(), id, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	b.Probes.Await(t, "caught")
	v, err = b.Cancel(t.Context(), run.ID, "", "")
	if err != nil || v.Status != chain.Cancelled || b.Probes.Called("done") != 0 || v.Tasks[1].Attempts != 2 {
		t.Errorf("the retry: %+v, %v", v, err)
	}
	b.Consistent(t, id)
}

// A run that is killed at any point is either finished or goes on by itself, and
// completed tasks never run again.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	var tree strings.Builder
	tree.WriteString(`[{"id":"t0","name":"t0","schemas":{"method":"probe"},"inputs":{"mark":"begun"}}`)
	for i := 1; i < 200; i++ {
		fmt.Fprintf(&tree, `,{"id":"t%d","name":"t%d","schemas":{"method":"probe"},"dependencies":["t%d"],"inputs":{"value":%d}}`, i, i, i/3, i)
	}
	tree.WriteString("]")
	for i := range 5 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "runs.db")
			id, kill := startChild(t, path, tree.String())
			time.Sleep(time.Duration(i*i) * 2 * time.Millisecond) // kill at different points
			kill()

			b := newBench(t, sqlite.Open(path, sqlite.Options{}), engine.Options{Lease: shortLease}, policy.Config{})
			before, err := b.Get(t.Context(), id, "")
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("killed at %v", before.Counts)
			if before.Status == chain.Completed {
				return
			}
			b.engine.Adopt(anything)
			after := b.End(t, id)
			if after.Status != chain.Completed {
				t.Fatalf("after it was adopted: %s %v", after.Status, after.Counts)
			}
			for n, task := range before.Tasks {
				again := 1
				if task.Status == chain.Completed {
					again = 0
				}
				if got := b.Probes.Called(task.ID); got != again {
					t.Errorf("%s, %s when it was killed, was called %d times after", task.ID, task.Status, got)
				}
				if want := fmt.Sprintf(`{"value":%d}`, n); n > 0 && string(after.Tasks[n].Result) != want {
					t.Errorf("%s gave %s", task.ID, after.Tasks[n].Result)
				}
			}
			b.Consistent(t, id)
		})
	}
}
