package endtoend

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"
)

// Given a server that runs, when an assistant has a plan saved, it can be
// found, read and run by its name; and when the operator makes a tool of it,
// the client hears of that, sees it with the plan's inputs, and calls it: all
// without a restart.
func TestSavedTreeBecomesATool(t *testing.T) {
	t.Parallel()
	own := t.TempDir()
	h := newHome(t, map[string]any{"executors_dir": own, "log_level": "warn"})
	wire := transport.NewStdio(program, h.environment(), "stdio")
	legacy := client.NewClient(wire, client.WithLegacyProtocolOnly()) //nolint:staticcheck // sessions are told without asking, which is what is tested
	require.NoError(t, legacy.Start(t.Context()))
	c := handshake(t, legacy)
	ctx := t.Context()
	changed := make(chan struct{}, 100)
	c.OnNotification(func(n mcp.JSONRPCNotification) {
		if n.Method == mcp.MethodNotificationToolsListChanged {
			changed <- struct{}{}
		}
	})

	answer := call(ctx, t, c, "task_tree_generator", map[string]any{
		"requirement": "Compute the sum of 1, 2 and 3", "llm_provider": "builtin", "save": "add-up",
	})
	plan, ok := answer["result"].(map[string]any)
	require.True(t, ok, "%v", answer)
	require.Equal(t, "add-up", plan["saved"])

	// Found and read.
	completed, err := c.Complete(ctx, mcp.CompleteRequest{Params: mcp.CompleteParams{
		Ref: mcp.ResourceReference{Type: "ref/resource", URI: "tree://{name}"}, Argument: mcp.CompleteArgument{Name: "name", Value: "a"},
	}})
	require.NoError(t, err)
	require.Equal(t, []string{"add-up"}, completed.Completion.Values)
	read, err := c.ReadResource(ctx, mcp.ReadResourceRequest{Params: mcp.ReadResourceParams{URI: "tree://add-up"}})
	require.NoError(t, err)
	require.Contains(t, read.Contents[0].(mcp.TextResourceContents).Text, `"sum"`)
	listed, exit := h.command(t, "trees")
	require.Equal(t, 0, exit)
	require.Contains(t, listed, "add-up")

	// Run by its name, here and at the command line.
	run := runOf(t, call(ctx, t, c, "run_task_tree", map[string]any{"tree": "add-up"}))
	require.EqualValues(t, 6, byID(t, run)["compute"]["result"].(map[string]any)["result"])
	_, exit = h.command(t, "run", "add-up")
	require.Equal(t, 0, exit)

	// One with inputs, as a tool.
	totals := `{"name": "Totals", "description": "Sums up numbers.", "inputs": {"type": "object", "required": ["numbers"], "additionalProperties": false,
		"properties": {"numbers": {"type": "array", "items": {"type": "number"}, "description": "What to add"}}},
		"tasks": [{"id": "sum", "name": "data_processor", "inputs": {"data": "${{ inputs.numbers }}"}}]}`
	require.NoError(t, os.WriteFile(filepath.Join(h.dir, "totals.json"), []byte(totals), 0o600))
	_, exit = h.command(t, "executors", "new", "add_up", "--tree", "add-up")
	require.Equal(t, 0, exit)
	wait(t, changed, "the word that the tools have changed")
	_, exit = h.command(t, "executors", "new", "totals", "--tree", "totals.json")
	require.Equal(t, 0, exit)
	wait(t, changed, "the word that the tools have changed")
	tools, err := c.ListTools(ctx, mcp.ListToolsRequest{})
	require.NoError(t, err)
	schemas := map[string]string{}
	for _, tool := range tools.Tools {
		text, err := json.Marshal(tool)
		require.NoError(t, err)
		schemas[tool.Name] = string(text)
	}
	require.Contains(t, schemas, "add_up")
	require.Contains(t, schemas["totals"], `"description":"What to add"`)
	require.Contains(t, schemas["totals"], `"required":["numbers"]`)
	require.Contains(t, schemas["totals"], `"readOnlyHint":true`)

	answer = call(ctx, t, c, "totals", map[string]any{"numbers": []int{4, 5}})
	require.Equal(t, "completed", answer["status"], answer)
	results := answer["result"].(map[string]any)["results"].(map[string]any)
	require.EqualValues(t, 9, results["sum"].(map[string]any)["result"])
	answer = call(ctx, t, c, "totals", map[string]any{})
	require.Equal(t, "validation_error", answer["error_type"], answer)
	answer = call(ctx, t, c, "add_up", map[string]any{})
	require.Equal(t, "completed", answer["status"], answer)

	// It stays as it was made, whatever is saved under the name later.
	refused := call(ctx, t, c, "task_tree_generator", map[string]any{
		"requirement": "Measure the disk", "llm_provider": "builtin", "save": "add-up",
	})
	require.Equal(t, "validation_error", refused["error_type"], refused)
	require.Equal(t, "save", refused["field"])
	for _, name := range []string{"../x", "a/b", "", ".", "x.json", "C:x"} {
		refused := call(ctx, t, c, "task_tree_generator", map[string]any{"requirement": "Measure the disk", "llm_provider": "builtin", "save": name})
		require.Equal(t, "validation_error", refused["error_type"], "%q: %v", name, refused)
		refused = call(ctx, t, c, "run_task_tree", map[string]any{"tree": name})
		require.Contains(t, []any{"not_found", "validation_error"}, refused["error_type"], "%q: %v", name, refused)
	}
}

// Given two servers of one user, when both save different plans under one name
// at the same time, one has it and the other is told.
func TestSavedAtOnce(t *testing.T) {
	t.Parallel()
	h := newHome(t, map[string]any{"executors_dir": "none"})
	servers := []*client.Client{h.stdio(t), h.stdio(t)}
	for round, requirement := range []string{"Measure the CPU", "Measure the disk and write a report"} {
		var saving sync.WaitGroup
		answers := make([]map[string]any, len(servers))
		for i, c := range servers {
			saving.Go(func() {
				answers[i] = call(t.Context(), t, c, "task_tree_generator", map[string]any{
					"requirement": requirement, "llm_provider": "builtin", "save": []string{"one", "two"}[round], "user_id": []string{"ada", "bob"}[i],
				})
			})
		}
		saving.Wait()
		saved := 0
		for _, answer := range answers {
			if answer["status"] == "completed" {
				saved++
			} else {
				require.Equal(t, "save", answer["field"], answer)
			}
		}
		require.Equal(t, 1, saved, "%v", answers)
		listed, exit := h.command(t, "validate", []string{"one", "two"}[round])
		require.Equal(t, 0, exit, listed)
	}
}
