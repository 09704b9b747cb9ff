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

	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

// Given a table of which a part is answered, when the program is interrupted,
// then it ends with 130 at once and keeps what was paid for, and the same
// command again asks for the rest alone.
func TestBatchInterrupted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no interrupt to send to another process")
	}
	t.Parallel()
	const rows, answered, workers = 60, 25, 4
	var asked atomic.Int64
	var going atomic.Bool // once the program was interrupted
	reached := make(chan struct{})
	model := llmtest.New(t, llmtest.Script{Answer: func(r llmtest.Request) llmtest.Step {
		task := strings.TrimPrefix(r.Last(), "task: ")
		step := llmtest.Step{Text: fmt.Sprintf(`{"subsequent_task": "after %s", "composition_task": "both %s"}`, task, task)}
		if n := asked.Add(1); n > answered && !going.Load() {
			step.Delay = time.Hour // until its caller leaves
			if n == answered+workers {
				close(reached)
			}
		}
		return step
	}})
	h := newHome(t, map[string]any{"llm": map[string]any{"provider": "openai", "model": "m"}})
	h.variables = []string{"OPENAI_API_KEY=" + llmtest.Key, "OPENAI_BASE_URL=" + model.URL + "/v1"}
	in, out := filepath.Join(h.dir, "in.jsonl"), filepath.Join(h.dir, "out.jsonl")
	var table strings.Builder
	for i := range rows {
		fmt.Fprintf(&table, `{"id": "%05d", "q": "task %d"}`+"\n", i, i)
	}
	require.NoError(t, os.WriteFile(in, []byte(table.String()), 0o600))
	arguments := []string{"generate", "sequential", "--input", in, "--output", out, "--input-task-key", "q", "--workers", fmt.Sprint(workers)}

	cmd := exec.Command(program, arguments...)
	var stdout, stderr bytes.Buffer
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = h.environment(), h.dir, &stdout, &stderr
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-reached:
	case err := <-ended:
		t.Fatalf("it has ended: %v\n%s", err, stderr.String())
	}
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		_ = cmd.Process.Kill()
		t.Fatal("it goes on")
	}
	require.Equal(t, 130, cmd.ProcessState.ExitCode(), stderr.String())
	require.Contains(t, stderr.String(), fmt.Sprintf("%d ok", answered))
	var report struct {
		Counts map[string]int
		Output string
	}
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &report), stdout.String())
	require.Equal(t, answered, report.Counts["ok"])
	require.Equal(t, out, report.Output)
	part, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, answered, bytes.Count(part, []byte("\n")), "the rows that are done are there")
	journal, err := os.Stat(out + ".journal")
	require.NoError(t, err)
	require.Positive(t, journal.Size())

	going.Store(true)
	before := asked.Load()
	printed, exit := h.command(t, arguments...)
	require.Equal(t, 0, exit, printed)
	require.EqualValues(t, rows-answered, asked.Load()-before, "what was in flight is asked for again, and nothing else")
	whole, err := os.ReadFile(out)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(whole)), "\n")
	require.Len(t, lines, rows)
	for i, line := range lines {
		require.Equal(t, fmt.Sprintf(`{"id": "%05d", "q": "task %d","subsequent_task":"after task %d","composition_task":"both task %d"}`, i, i, i, i), line)
	}
}
