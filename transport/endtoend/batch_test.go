package endtoend

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

// batchOf is a table whose model answers a number of requests, and then no more
// until the test allows it.
type batchOf struct {
	home      home
	in, out   string
	asked     atomic.Int64
	going     atomic.Bool
	reached   chan struct{} // closed when all workers wait for the model
	arguments []string
}

func newBatch(t *testing.T, rows, answered, workers int) *batchOf {
	b := &batchOf{reached: make(chan struct{})}
	model := llmtest.New(t, llmtest.Script{Answer: func(r llmtest.Request) llmtest.Step {
		task := strings.TrimPrefix(r.Last(), "task: ")
		step := llmtest.Step{Text: fmt.Sprintf(`{"subsequent_task": "after %s", "composition_task": "both %s"}`, task, task)}
		if n := int(b.asked.Add(1)); n > answered && !b.going.Load() {
			step.Delay = time.Hour // until the caller disconnects
			if n == answered+workers {
				close(b.reached)
			}
		}
		return step
	}})
	b.home = newHome(t, map[string]any{"llm": map[string]any{"provider": "openai", "model": "m"}})
	b.home.variables = []string{"OPENAI_API_KEY=" + llmtest.Key, "OPENAI_BASE_URL=" + model.URL + "/v1"}
	b.in, b.out = filepath.Join(b.home.dir, "in.jsonl"), filepath.Join(b.home.dir, "out.jsonl")
	b.write(t, rows)
	b.arguments = []string{"generate", "sequential", "--input", b.in, "--output", b.out, "--input-task-key", "q", "--workers", fmt.Sprint(workers)}
	return b
}

// write writes the table.
func (b *batchOf) write(t *testing.T, rows int) {
	t.Helper()
	var table strings.Builder
	for i := range rows {
		fmt.Fprintf(&table, `{"id": "%05d", "q": "task %d"}`+"\n", i, i)
	}
	require.NoError(t, os.WriteFile(b.in, []byte(table.String()), 0o600))
}

// stopped starts the command, stops it while all workers wait, and waits for
// its end.
func (b *batchOf) stopped(t *testing.T, stop func(*os.Process)) (stdout, stderr string, exit int) {
	t.Helper()
	cmd := exec.Command(peers.Chainwright(t), b.arguments...)
	var out, problems bytes.Buffer
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = b.home.environment(), b.home.dir, &out, &problems
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-b.reached:
	case err := <-ended:
		t.Fatalf("it has ended: %v\n%s", err, problems.String())
	}
	stop(cmd.Process)
	select {
	case <-ended:
	case <-time.After(executortest.Patience):
		_ = cmd.Process.Kill()
		t.Fatal("it does not stop")
	}
	return out.String(), problems.String(), cmd.ProcessState.ExitCode()
}

// finish runs the command again and checks that the output is complete.
func (b *batchOf) finish(t *testing.T, rows int) {
	t.Helper()
	b.going.Store(true)
	printed, exit := b.home.command(t, b.arguments...)
	require.Equal(t, 0, exit, printed)
	whole, err := os.ReadFile(b.out)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(whole)), "\n")
	require.Len(t, lines, rows)
	for i, line := range lines {
		require.Equal(t, fmt.Sprintf(`{"id": "%05d", "q": "task %d","subsequent_task":"after task %d","composition_task":"both task %d"}`, i, i, i, i), line)
	}
}

// run returns the one recorded run, and its line in the audit trail.
func (b *batchOf) run(t *testing.T) (id, status, audit string) {
	t.Helper()
	printed, exit := b.home.command(t, "runs", "--json")
	require.Equal(t, 0, exit)
	var page struct {
		Runs []struct {
			ID     string `json:"run_id"`
			Name   string
			Status string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(printed), &page), printed)
	require.Len(t, page.Runs, 1)
	require.Equal(t, "sequential_task_generator", page.Runs[0].Name)
	trail, err := os.ReadFile(filepath.Join(b.home.dir, "chainwright", "audit.jsonl"))
	if err != nil {
		require.ErrorIs(t, err, os.ErrNotExist)
	}
	return page.Runs[0].ID, page.Runs[0].Status, string(trail)
}

// If the program is interrupted when a part of a table is answered, it ends
// with 130 at once and keeps the replies that were paid for. The same command
// again requests only the rest.
func TestBatchInterrupted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no interrupt to send to another process")
	}
	t.Parallel()
	const rows, answered, workers = 60, 25, 4
	b := newBatch(t, rows, answered, workers)
	stdout, stderr, exit := b.stopped(t, func(p *os.Process) { require.NoError(t, p.Signal(os.Interrupt)) })
	require.Equal(t, 130, exit, stderr)
	require.Contains(t, stderr, fmt.Sprintf("%d ok", answered))
	require.Contains(t, stderr, "interrupted: run the same command again")
	var report struct {
		Counts map[string]int
		Output string
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &report), stdout)
	require.Equal(t, answered, report.Counts["ok"])
	require.Equal(t, b.out, report.Output)
	part, err := os.ReadFile(b.out)
	require.NoError(t, err)
	require.Equal(t, answered, bytes.Count(part, []byte("\n")), "the rows that are done are there")
	journal, err := os.Stat(b.out + ".journal")
	require.NoError(t, err)
	require.Positive(t, journal.Size())
	_, status, _ := b.run(t)
	require.Equal(t, "cancelled", status)

	before := b.asked.Load()
	b.finish(t, rows)
	require.EqualValues(t, rows-answered, b.asked.Load()-before, "what was in flight is asked for again, and nothing else")
}

// If another process cancels the run of a batch, the batch stops, and the
// record and the audit trail have the cancel.
func TestBatchCancelled(t *testing.T) {
	t.Parallel()
	const rows, answered, workers = 40, 10, 4
	b := newBatch(t, rows, answered, workers)
	var id string
	stdout, stderr, exit := b.stopped(t, func(*os.Process) {
		var status string
		id, status, _ = b.run(t)
		require.Equal(t, "in_progress", status)
		printed, exit := b.home.command(t, "cancel", id)
		require.Equal(t, 0, exit, printed)
		require.Contains(t, printed, "cancelled")
	})
	require.Equal(t, 1, exit, stderr)
	require.Contains(t, stderr, "run the same command again to continue where this one stopped")
	require.Contains(t, stdout, fmt.Sprintf(`"counts":{"ok":%d,"failed":0,"unreached":%d}`, answered, rows-answered))
	_, _, audit := b.run(t)
	require.Contains(t, audit, fmt.Sprintf(`"executor":"sequential_task_generator","run_id":"%s","task_id":"task_1","attempt":1,"effect":"write","status":"cancelled"`, id))
	require.Equal(t, 1, strings.Count(audit, "\n"))
	printed, exit := b.home.command(t, "runs", id)
	require.Equal(t, 0, exit)
	require.Contains(t, printed, fmt.Sprintf("rows: %d ok, 0 failed, %d not reached", answered, rows-answered))
	require.Contains(t, printed, "retry:   run the same command again")
	printed, exit = b.home.command(t, "retry", id)
	require.Equal(t, 2, exit, printed)
	b.finish(t, rows)
}

// If the program is killed during a batch and started again, with another
// number of workers and ten more rows, no finished row is requested again.
func TestBatchKilled(t *testing.T) {
	t.Parallel()
	const rows, answered, workers = 40, 17, 4
	b := newBatch(t, rows, answered, workers)
	b.stopped(t, func(p *os.Process) { require.NoError(t, p.Kill()) })
	require.NoFileExists(t, b.out)
	before := b.asked.Load()
	b.write(t, rows+10)
	b.arguments[len(b.arguments)-1] = "9"
	b.finish(t, rows+10)
	again := int(b.asked.Load()-before) - (rows + 10 - answered)
	require.True(t, 0 <= again && again <= workers, "%d rows were asked for again", again)
}
