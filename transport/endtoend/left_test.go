package endtoend

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/executortest"
)

// TestStoppedServer stops a server in the middle of its runs. Another one goes on
// at once.
func TestStoppedServer(t *testing.T) {
	t.Parallel()
	for name, open := range sharedStores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			setting, records := open(t)
			defer records.Close()
			peer := newCounter(t, took)
			c := newCrew(t, 2, map[string]any{"store": setting, "policy": map[string]any{
				"network": map[string]any{"allow": []string{strings.TrimPrefix(peer.URL, "http://")}},
			}})
			var ids []string
			for run := range 8 {
				envelope := c.call(0, "run_task_tree", workTree(peer.URL, run, run%2 == 1))
				id, _ := envelope["run_id"].(string)
				require.NotEmpty(t, id)
				ids = append(ids, id)
			}
			c.mu.Lock()
			cmd := c.running[0]
			c.mu.Unlock()
			require.NoError(t, cmd.Process.Signal(os.Interrupt))
			_ = cmd.Wait()
			judge(t, records, peer, ids, 0)
			left := 0
			for _, id := range ids {
				list, err := records.Transitions(t.Context(), id, 0, 0)
				require.NoError(t, err)
				var began []time.Time // and was left, and was taken
				for _, tr := range list {
					if tr.Task < 0 && tr.State == string(chain.InProgress) {
						began = append(began, tr.At)
					}
				}
				if len(began) == 3 {
					left++
					t.Logf("%s was taken %s after it was left", id, began[2].Sub(began[1]).Round(10*time.Millisecond))
				}
			}
			require.NotZero(t, left, "no run was left")
		})
	}
}

// TestAssistantComesBack ends the client of a server on stdio, as an IDE does. The
// next one with the same configuration goes on with the run; one with another
// configuration leaves it alone.
func TestAssistantComesBack(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	settings := map[string]any{"policy": map[string]any{"network": map[string]any{"allow": []string{strings.TrimPrefix(g.URL, "http://")}}}}
	h := newHome(t, settings)
	first := h.stdio(t)
	begun := call(t.Context(), t, first, "run_task_tree", map[string]any{"wait_seconds": 0, "tasks": []any{
		map[string]any{"id": "one", "schemas": map[string]any{"method": "rest_executor"}, "inputs": map[string]any{"url": g.URL}},
		map[string]any{"id": "two", "schemas": map[string]any{"method": "data_processor"}, "dependencies": []string{"one"}, "inputs": map[string]any{"data": []int{1, 2}}},
	}})
	id, _ := begun["run_id"].(string)
	require.NotEmpty(t, id)
	wait(t, g.came, "the first request")
	require.NoError(t, first.Close())
	wait(t, g.abandoned, "its end")

	settings["log_level"] = "error"
	other := newHome(t, settings)
	other.dir = h.dir
	stranger := other.stdio(t)
	said, exit := h.command(t, "runs", id)
	require.Zero(t, exit)
	require.Contains(t, said, "in progress for")
	require.Contains(t, said, "goes on by itself")
	time.Sleep(3 * time.Second) // it looks for runs more than once
	require.Empty(t, g.came, "a server with another configuration took the run")
	require.NoError(t, stranger.Close())

	g.open.Store(true)
	second := h.stdio(t)
	require.Eventually(t, func() bool {
		view := call(t.Context(), t, second, "get_run", map[string]any{"run_id": id, "wait_seconds": 5})
		return view["status"] == "completed"
	}, executortest.Patience, 10*time.Millisecond)
	said, exit = h.command(t, "runs", id, "--json")
	require.Zero(t, exit)
	require.NotContains(t, said, `"owner"`)
	require.Contains(t, said, fmt.Sprintf(`"run_id":%q`, id))
}
