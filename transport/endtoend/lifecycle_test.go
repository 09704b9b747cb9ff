package endtoend

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/transport/mcp/client"
)

// gate is a peer that holds each request until it is opened, and signals each
// request that arrives or is cancelled.
type gate struct {
	*httptest.Server
	open            atomic.Bool
	came, abandoned chan struct{}
}

func newGate(t *testing.T) *gate {
	g := &gate{came: make(chan struct{}, 10), abandoned: make(chan struct{}, 10)}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.open.Load() {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"open": true}`))
			return
		}
		g.came <- struct{}{}
		<-r.Context().Done()
		g.abandoned <- struct{}{}
	}))
	t.Cleanup(g.Close)
	return g
}

func wait(t *testing.T, signal <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-signal:
	case <-time.After(executortest.Patience):
		t.Fatal("waited in vain for " + what)
	}
}

// TestLifeOfARun does what an assistant does with a run, over stdio and HTTP:
// list, call, validate, start, follow, cancel, retry, and read it again from
// another process after the server has ended.
func TestLifeOfARun(t *testing.T) {
	connect := map[string]func(t *testing.T, h home) *client.Client{
		"stdio": func(t *testing.T, h home) *client.Client { return h.stdio(t) },
		"http":  func(t *testing.T, h home) *client.Client { c, _ := h.http(t); return c },
	}
	for wire, connect := range connect {
		t.Run(wire, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			g := newGate(t)
			h := newHome(t, map[string]any{"policy": map[string]any{
				"network": map[string]any{"allow": []string{strings.TrimPrefix(g.URL, "http://")}},
			}})
			c := connect(t, h)

			names := published(t, c)
			require.Subset(t, names, []string{"rest_executor", "validate_task_tree", "run_task_tree", "get_run", "list_runs", "cancel_run", "retry_run"})
			require.NotContains(t, names, "command_executor", "what policy closes is not published")

			sum := call(ctx, t, c, "data_processor", map[string]any{"data": []int{1, 2, 3}})
			require.Equal(t, "completed", sum["status"])
			require.EqualValues(t, 6, sum["result"].(map[string]any)["result"])

			tasks := []any{
				map[string]any{"id": "first", "schemas": map[string]any{"method": "data_processor"}, "inputs": map[string]any{"data": []int{4, 5}}},
				map[string]any{"id": "second", "schemas": map[string]any{"method": "rest_executor"}, "inputs": map[string]any{"url": g.URL}, "dependencies": []string{"first"}},
				map[string]any{"id": "third", "schemas": map[string]any{"method": "data_processor"}, "inputs": map[string]any{"operation": "jq", "program": ".", "data": "${{ tasks.second.result.json.open }}"}},
			}
			wrong := call(ctx, t, c, "validate_task_tree", map[string]any{"tasks": []any{
				map[string]any{"id": "a", "schemas": map[string]any{"method": "rest_executer"}, "dependencies": []string{"b"}},
				map[string]any{"id": "b", "schemas": map[string]any{"method": "rest_executor"}, "priority": 9},
			}})
			verdict := wrong["result"].(map[string]any)
			require.Equal(t, false, verdict["valid"])
			require.GreaterOrEqual(t, len(verdict["problems"].([]any)), 3, "unknown executor, missing url, priority: %v", verdict)

			started := call(ctx, t, c, "run_task_tree", map[string]any{"tasks": tasks, "wait_seconds": 0})
			require.Equal(t, "in_progress", started["status"], started)
			id := started["run_id"].(string)
			require.Equal(t, "get_run", started["next"].(map[string]any)["tool"])
			wait(t, g.came, "the request of the second task")

			cancelled := call(ctx, t, c, "cancel_run", map[string]any{"run_id": id})
			require.Equal(t, "cancelled", cancelled["status"], cancelled)
			wait(t, g.abandoned, "the peer to see the request given up")
			view := call(ctx, t, c, "get_run", map[string]any{"run_id": id})["result"].(map[string]any)
			require.Equal(t, "cancelled", view["status"])
			require.Equal(t, "completed", byID(t, view)["first"]["status"])

			g.open.Store(true)
			call(ctx, t, c, "retry_run", map[string]any{"run_id": id, "wait_seconds": 20})
			view = call(ctx, t, c, "get_run", map[string]any{"run_id": id, "wait_seconds": 20})["result"].(map[string]any)
			require.Equal(t, "completed", view["status"], view)
			after := byID(t, view)
			require.EqualValues(t, 1, after["first"]["attempts"], "what was completed is not run again")
			require.Equal(t, true, after["third"]["result"].(map[string]any)["result"])

			require.NoError(t, c.Close())
			out, exit := h.command(t, "runs", id, "--json")
			require.Zero(t, exit)
			var again map[string]any
			require.NoError(t, json.Unmarshal([]byte(out), &again))
			require.Equal(t, view, again, "the same run, read by another process")

			again = call(ctx, t, connect(t, h), "get_run", map[string]any{"run_id": id})["result"].(map[string]any)
			require.Equal(t, view, again, "the same run, after a restart")
		})
	}
}
