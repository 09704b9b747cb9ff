package endtoend

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/transport/mcp/client"
)

// written is the tree of a scripted assistant: first with two mistakes (an
// unknown executor, and an input that the schema does not have).
func written(address string, mended bool) map[string]any {
	method, field := "http_executor", "filed"
	if mended {
		method, field = "rest_executor", "field"
	}
	return map[string]any{
		"name": "totals",
		"tasks": []any{
			map[string]any{"id": "fetch", "name": "Orders", "schemas": map[string]any{"method": method}, "inputs": map[string]any{"url": address}},
			map[string]any{"id": "sum", "name": "Sum", "schemas": map[string]any{"method": "data_processor"},
				"inputs": map[string]any{"operation": "sum", field: "total", "data": "${{ tasks.fetch.result.json }}"}},
			map[string]any{"id": "report", "name": "Report", "schemas": map[string]any{"method": "aggregate_results_executor"},
				"inputs": map[string]any{"template": "All orders: {{ sum.result }}"}, "dependencies": []any{"sum"}},
		},
	}
}

// An assistant on a server without a model receives the brief, writes a tree
// with two mistakes, gets both back at once, fixes them and runs the tree.
func TestHandOff(t *testing.T) {
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`[{"id": 1, "total": 12.5}, {"id": 2, "total": 29.5}]`))
	}))
	t.Cleanup(shop.Close)
	h := newHome(t, map[string]any{
		"llm":    map[string]any{"provider": "none"},
		"policy": map[string]any{"network": map[string]any{"allow": []string{strings.TrimPrefix(shop.URL, "http://")}}},
	})
	for _, wire := range []string{"stdio", "http"} {
		t.Run(wire, func(t *testing.T) {
			var c *client.Client
			if wire == "stdio" {
				c = h.stdio(t)
			} else {
				c, _ = h.http(t)
			}
			ctx := t.Context()
			answer := call(ctx, t, c, "task_tree_generator", map[string]any{
				"requirement": "Fetch the orders, sum up their totals and report", "context": "The orders are at " + shop.URL,
			})
			handed, ok := answer["result"].(map[string]any)
			require.True(t, ok, "%v", answer)
			require.Equal(t, "handed_off", handed["status"])
			require.NotContains(t, answer, "truncated", "the brief must come whole")
			for _, want := range []string{"### rest_executor", "### data_processor", "sum up their totals", shop.URL} {
				require.Contains(t, handed["brief"], want)
			}
			require.Contains(t, handed["next"], "validate_task_tree")
			require.Contains(t, handed["reply_schema"], "properties")

			tree := written(shop.URL, false)
			verdict := call(ctx, t, c, "validate_task_tree", map[string]any{"tasks": tree})["result"].(map[string]any)
			require.Equal(t, false, verdict["valid"])
			var paths []any
			for _, each := range verdict["problems"].([]any) {
				problem := each.(map[string]any)
				paths = append(paths, problem["path"])
				require.NotEmpty(t, problem["message"])
			}
			require.Equal(t, []any{"tasks[0].schemas.method", "tasks[1].inputs.filed"}, paths)
			text, err := json.Marshal(verdict)
			require.NoError(t, err)
			require.Contains(t, string(text), "rest_executor", "the nearest executor is named")

			tree = written(shop.URL, true)
			verdict = call(ctx, t, c, "validate_task_tree", map[string]any{"tasks": tree})["result"].(map[string]any)
			require.Equal(t, true, verdict["valid"], "%v", verdict)
			run := runOf(t, call(ctx, t, c, "run_task_tree", map[string]any{"tasks": tree}))
			tasks := byID(t, run)
			require.Equal(t, "All orders: 42", tasks["report"]["result"].(map[string]any)["summary"])
		})
	}
}

// A plan by rules over MCP: drafted, saved, and run by its name.
func TestPlanSaveAndRunByName(t *testing.T) {
	h := newHome(t, map[string]any{})
	c := h.stdio(t)
	ctx := t.Context()
	const requirement = "Measure CPU and memory in parallel and write a report"
	answer := call(ctx, t, c, "task_tree_generator", map[string]any{"requirement": requirement, "llm_provider": "builtin", "save": "machine"})
	plan, ok := answer["result"].(map[string]any)
	require.True(t, ok, "%v", answer)
	require.Equal(t, "machine", plan["saved"])
	require.Contains(t, plan["diagram"], "flowchart LR")
	run := runOf(t, call(ctx, t, c, "run_task_tree", map[string]any{"tree": "machine"}))
	require.Len(t, run["tasks"], 3)
	require.Contains(t, byID(t, run)["write"]["result"].(map[string]any)["summary"], " % used")

	// The error for an unknown name lists the names.
	refused := call(ctx, t, c, "run_task_tree", map[string]any{"tree": "nothing-like-it"})
	require.Contains(t, refused["hint"], "machine")

	out, exit := h.command(t, "generate", "task-tree", "Create a workflow", "--provider", "builtin")
	require.Equal(t, 2, exit)
	require.Empty(t, out)
}
