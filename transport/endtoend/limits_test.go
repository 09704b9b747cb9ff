package endtoend

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/transport/mcp/client"
)

const hundredMegabytes = 100_000_000

// TestEndlessOutput has a peer send, and a program print, 100 MB. The stored
// result is cut and marked, the reply is a preview, and the server continues to
// serve.
func TestEndlessOutput(t *testing.T) {
	t.Parallel()
	head, err := exec.LookPath("head")
	if err != nil {
		t.Skip("head is not installed: the test has it print 100 MB")
	}
	head, err = filepath.EvalSymlinks(head)
	require.NoError(t, err)
	nginx := peers.StartNginx(t, peers.NginxOptions{Files: map[string]string{"big.txt": ""}})
	require.NoError(t, os.Truncate(filepath.Join(nginx.Root, "big.txt"), hundredMegabytes))
	h := newHome(t, map[string]any{"policy": map[string]any{
		"network": map[string]any{"allow": []string{nginx.Addr}},
		"command": map[string]any{"programs": []any{map[string]any{"path": head}}},
	}})
	c := h.stdio(t)
	ctx := t.Context()

	printed := call(ctx, t, c, "command_executor", map[string]any{"command": []string{head, "-c", fmt.Sprint(hundredMegabytes), "/dev/zero"}})
	require.Equal(t, "completed", printed["status"], printed)
	require.Equal(t, true, printed["truncated"])
	require.NotContains(t, printed, "result", "the whole result is left out of the answer")
	require.LessOrEqual(t, len(printed["preview"].(string)), 32<<10)

	fetched := call(ctx, t, c, "rest_executor", map[string]any{"url": "http://" + nginx.Addr + "/big.txt"})
	require.Equal(t, true, fetched["truncated"], fetched)
	require.Equal(t, "get_run", fetched["next"].(map[string]any)["tool"])

	sum := call(ctx, t, c, "data_processor", map[string]any{"data": []int{1, 2}})
	require.Equal(t, "completed", sum["status"], "the server goes on")
}

// TestLongResultInPages reads a result of 5 MiB in pages and joins them.
func TestLongResultInPages(t *testing.T) {
	t.Parallel()
	h := newHome(t, nil)
	c := h.stdio(t)
	ctx := t.Context()
	const letters = 5 << 20
	made := call(ctx, t, c, "run_task_tree", map[string]any{"tasks": []any{map[string]any{
		"id": "long", "schemas": map[string]any{"method": "data_processor"},
		"inputs": map[string]any{"operation": "jq", "data": "é", "program": fmt.Sprintf(". * %d", letters/2)},
	}}})
	require.Equal(t, "completed", made["status"], made)
	var whole strings.Builder
	for offset, pages := any(0), 0; offset != nil; pages++ {
		require.Less(t, pages, 1000, "the pages come to an end")
		page := call(ctx, t, c, "get_run", map[string]any{"run_id": made["run_id"], "task": "long", "offset": offset, "limit": 30_000})["result"].(map[string]any)
		whole.WriteString(page["text"].(string))
		offset = page["next_offset"]
	}
	require.True(t, json.Valid([]byte(whole.String())))
	require.Equal(t, letters/2, strings.Count(whole.String(), "é"))
}

// TestTenClientsAtOnce has ten clients run trees at the same time over one HTTP
// server. Each client sees the end of its own runs.
func TestTenClientsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHome(t, nil)
	first, url := h.http(t)
	clients := []*client.Client{first}
	for range 9 {
		clients = append(clients, h.connect(t, url, client.Options{}))
	}
	const width = 200
	var group sync.WaitGroup
	views := make([]map[string]any, len(clients))
	for i, c := range clients {
		group.Go(func() {
			var tasks []any
			for n := range width {
				tasks = append(tasks, map[string]any{
					"id": fmt.Sprintf("t%d", n), "schemas": map[string]any{"method": "data_processor"}, "inputs": map[string]any{"data": []int{i, n}},
				})
			}
			tasks = append(tasks, map[string]any{
				"id": "all", "schemas": map[string]any{"method": "data_processor"},
				"inputs": map[string]any{"data": fmt.Sprintf("${{ [range(%d) as $i | %d] }}", width, i)}, "dependencies": []string{"t0", fmt.Sprintf("t%d", width-1)},
			})
			views[i] = call(t.Context(), t, c, "run_task_tree", map[string]any{"tasks": tasks})
		})
	}
	group.Wait()
	seen := map[any]bool{}
	for i, view := range views {
		require.Equal(t, "completed", view["status"], "client %d: %v", i, view)
		require.False(t, seen[view["run_id"]], "every client has a run of its own")
		seen[view["run_id"]] = true
		last := call(t.Context(), t, clients[i], "get_run", map[string]any{"run_id": view["run_id"], "task": "all"})
		require.EqualValues(t, i*width, last["result"].(map[string]any)["task"].(map[string]any)["result"].(map[string]any)["result"], last)
	}
}

// TestTooManyTasks checks that a tree over the limit is refused with one clear
// problem, and that a tree at the limit runs.
func TestTooManyTasks(t *testing.T) {
	t.Parallel()
	h := newHome(t, nil)
	c := h.stdio(t)
	tree := func(n int) []any {
		tasks := make([]any, n)
		for i := range tasks {
			tasks[i] = map[string]any{"schemas": map[string]any{"method": "data_processor"}, "inputs": map[string]any{"data": []int{1}}}
		}
		return tasks
	}
	refused := call(t.Context(), t, c, "run_task_tree", map[string]any{"tasks": tree(10_001)})
	require.Equal(t, "failed", refused["status"])
	require.Equal(t, "validation_error", refused["error_type"])
	require.Contains(t, refused["error"], "10001 tasks", refused)

	run := call(t.Context(), t, c, "run_task_tree", map[string]any{"tasks": tree(10_000), "wait_seconds": 120})
	require.Equal(t, "completed", run["status"], run)
}
