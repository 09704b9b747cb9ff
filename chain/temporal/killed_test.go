//go:build temporal

package temporal_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/internal/enginetest"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/chain/store/sqlite"
	"github.com/chainwright/chainwright/chain/temporal"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
)

// The variables of a worker process: the store's file, the server and the queue.
const (
	childStore  = "CHAINWRIGHT_TEST_CHILD_STORE"
	childServer = "CHAINWRIGHT_TEST_CHILD_SERVER"
	childQueue  = "CHAINWRIGHT_TEST_CHILD_QUEUE"
)

// workUntilKilled is a worker process.
func workUntilKilled(path string) {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	pol, err := policy.New(policy.Config{})
	must(err)
	all, err := enginetest.NewProbes().Executors()
	must(err)
	registry, err := executors.NewRegistry(pol, zerolog.Nop(), all...)
	must(err)
	e, err := temporal.Open(context.Background(), temporal.Options{
		Address: temporal.Address{Host: os.Getenv(childServer), Namespace: "default"}, Registry: registry,
		Store: sqlite.Open(path, sqlite.Options{}), Queue: os.Getenv(childQueue), BeatEvery: 200 * time.Millisecond,
	})
	must(err)
	must(e.Work())
	select {}
}

// startWorker starts a worker process, and returns what kills it.
func startWorker(t *testing.T, server *peers.Temporal, path, queue string) (kill func()) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childStore+"="+path, childServer+"="+server.Addr, childQueue+"="+queue)
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	kill = func() {
		if !killed {
			killed = true
			_ = child.Process.Kill()
			_ = child.Wait() // it was killed
		}
	}
	t.Cleanup(kill)
	return kill
}

// bench returns an engine with its probes. Without work it starts runs only.
func bench(t *testing.T, server *peers.Temporal, s store.Store, work bool, change ...func(*temporal.Options)) *enginetest.Bench {
	t.Helper()
	return enginetest.NewBench(t, func(t testing.TB, registry *executors.Registry) chain.Engine {
		return openWith(t, server, registry, s, work, change...)
	}, policy.Config{})
}

// await waits until some tasks of a run have completed.
func await(t *testing.T, b *enginetest.Bench, id string, completed int) {
	t.Helper()
	executortest.Await(t, fmt.Sprintf("%d tasks complete", completed), func() bool {
		v, err := b.Get(t.Context(), id, "", chain.ResultsUpTo(0))
		return err == nil && v.Counts[chain.Completed] >= completed
	})
}

// A worker is killed in the middle. What may be repeated is done by the next one,
// what may not ends as interrupted, and what had completed is not done again.
func TestTemporalWorkerKilled(t *testing.T) {
	t.Parallel()
	server := peers.StartTemporal(t)
	path := filepath.Join(t.TempDir(), "runs.db")
	queue := fmt.Sprintf("killed-%d", queues.Add(1))
	b := bench(t, server, sqlite.Open(path, sqlite.Options{}), false, func(o *temporal.Options) { o.Queue = queue })
	var tree strings.Builder
	fmt.Fprintf(&tree, `[{"id":"once","name":"once","schemas":{"method":"probe_write"},"inputs":{"sleep":%d}}`, 3000)
	for i := range 30 {
		fmt.Fprintf(&tree, `,{"id":"t%d","name":"t%d","schemas":{"method":"probe"},"inputs":{"sleep":0.3,"value":%d}}`, i, i, i)
	}
	tree.WriteString(`,{"id":"each","name":"each","schemas":{"method":"probe"},"for_each":"${{ [range(30)] }}","inputs":{"sleep":0.3,"value":"${{ item }}"}}]`)
	kill := startWorker(t, server, path, queue)
	run, err := b.Start(t.Context(), b.Tree(t, tree.String()), chain.RunOptions{MaxParallel: 6})
	if err != nil {
		t.Fatal(err)
	}
	await(t, b, run.ID, 8)
	kill()
	before, err := b.Events(t.Context(), run.ID, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	startWorker(t, server, path, queue)
	v := b.End(t, run.ID)
	if v.Status != chain.Failed || v.Counts[chain.Completed] != 31 || v.Tasks[0].Status != chain.Failed || v.Tasks[0].ErrorType != executors.Interrupted {
		t.Errorf("the run is %s with %v; once: %+v", v.Status, v.Counts, v.Tasks[0])
	}
	b.Consistent(t, run.ID)
	events, err := b.Events(t.Context(), run.ID, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	ends := map[string]int{}
	for _, e := range events {
		name := e.Task
		if e.Element != nil {
			name += fmt.Sprint(*e.Element)
		}
		if e.State.Ended() {
			ends[name]++
		}
		if e.Seq > int64(len(before)) && e.State == chain.InProgress && ends[name] > 0 {
			t.Errorf("%s had ended, and was started again", name)
		}
	}
	for name, n := range ends {
		if n != 1 {
			t.Errorf("%s ended %d times", name, n)
		}
	}
	same(t, v, embedded(t, tree.String(), chain.RunOptions{MaxParallel: 6}), "once")
}

// histories returns the number of histories of a run, and the last one's run id.
func histories(t *testing.T, server *peers.Temporal, id string) (n int) {
	t.Helper()
	c, err := client.DialContext(t.Context(), client.Options{HostPort: server.Addr, Logger: silent{}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	described, err := c.DescribeWorkflowExecution(t.Context(), id, "")
	if err != nil {
		t.Fatal(err)
	}
	for at := described.GetWorkflowExecutionInfo().GetExecution().GetRunId(); at != ""; n++ {
		first, err := c.GetWorkflowHistory(t.Context(), id, at, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT).Next()
		if err != nil {
			t.Fatal(err)
		}
		at = first.GetWorkflowExecutionStartedEventAttributes().GetContinuedExecutionRunId()
	}
	return n
}

// silent logs nothing.
type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}

// A run continues in new histories, also in the middle of a for_each, and with
// tasks that wait for their next attempt.
func TestTemporalContinues(t *testing.T) {
	t.Parallel()
	server := peers.StartTemporal(t)
	for name, c := range map[string]struct {
		tasks, events, parallel, least int
	}{
		"short": {60, 60, 4, 4},
		"long":  {10_000, 0, 64, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bench(t, server, memory.Open(memory.Options{Bytes: 1 << 30}), true, func(o *temporal.Options) { o.MaxEvents = c.events })
			var tree strings.Builder
			fmt.Fprintf(&tree, `[{"id":"last","name":"last","schemas":{"method":"probe"},"inputs":{"value":"${{ tasks.each.result | map(.value) | add }}"}},
				{"id":"each","name":"each","schemas":{"method":"probe"},"for_each":"${{ [range(%d)] }}","inputs":{"value":"${{ item }}"}},
				{"id":"again","name":"again","schemas":{"method":"probe"},"retry":{"max_attempts":2},"inputs":{"fail":"once","times":1,"retryable":true}}`, c.tasks/2)
			for i := range c.tasks / 2 {
				fmt.Fprintf(&tree, `,{"id":"t%d","name":"t%d","schemas":{"method":"noop"}}`, i, i)
			}
			run, err := b.Start(t.Context(), b.Tree(t, tree.String()+"]"), chain.RunOptions{MaxParallel: c.parallel})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
			defer cancel()
			v, err := b.Wait(ctx, run.ID, "", chain.ResultsUpTo(1000))
			if err != nil || v.Status != chain.Completed || v.Counts[chain.Completed] != c.tasks/2+3 {
				t.Fatalf("the run is %s with %v: %v", v.Status, v.Counts, err)
			}
			n := c.tasks / 2
			if want := fmt.Sprintf(`{"value":%d}`, n*(n-1)/2); string(v.Tasks[0].Result) != want {
				t.Errorf("the sum is %s, not %s", v.Tasks[0].Result, want)
			}
			if calls := b.Probes.Called("each"); calls != n {
				t.Errorf("%d elements were called of %d", calls, n)
			}
			got := histories(t, server, run.ID)
			t.Logf("%d tasks and elements in %d histories, %.0f ms", c.tasks, got, v.DurationMS)
			if got < c.least {
				t.Errorf("it had %d histories", got)
			}
			b.Consistent(t, run.ID)
		})
	}
}
