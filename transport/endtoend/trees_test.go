package endtoend

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/transport/mcp/client"
)

// When an assistant saves a plan on a running server, it can be found, read and
// run by its name. When the operator makes a tool of it, the client is
// notified, sees the tool with the plan's inputs, and calls it. Nothing needs a
// restart.
func TestSavedTreeBecomesATool(t *testing.T) {
	t.Parallel()
	own := t.TempDir()
	h := newHome(t, map[string]any{"executors_dir": own, "log_level": "warn"})
	c, changed := h.told(t)
	ctx := t.Context()

	answer := call(ctx, t, c, "task_tree_generator", map[string]any{
		"requirement": "Compute the sum of 1, 2 and 3", "llm_provider": "builtin", "save": "add-up",
	})
	plan, ok := answer["result"].(map[string]any)
	require.True(t, ok, "%v", answer)
	require.Equal(t, "add-up", plan["saved"])

	// Find and read the plan.
	completed, err := c.Complete(ctx, "tree://{name}", "name", "a")
	require.NoError(t, err)
	require.Equal(t, []string{"add-up"}, completed)
	read, err := c.Read(ctx, "tree://add-up")
	require.NoError(t, err)
	require.Contains(t, read, `"sum"`)
	listed, exit := h.command(t, "trees")
	require.Equal(t, 0, exit)
	require.Contains(t, listed, "add-up")

	// Run it by its name, over MCP and at the command line.
	run := runOf(t, call(ctx, t, c, "run_task_tree", map[string]any{"tree": "add-up"}))
	require.EqualValues(t, 6, byID(t, run)["compute"]["result"].(map[string]any)["result"])
	_, exit = h.command(t, "run", "add-up")
	require.Equal(t, 0, exit)

	// A plan with inputs, as a tool.
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
	tools, err := c.Tools(ctx)
	require.NoError(t, err)
	schemas := map[string]string{}
	for _, tool := range tools {
		schemas[tool.Name] = string(tool.JSON)
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

	// The tool does not change when another tree is saved under the name later.
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

// If two servers of one user save different plans under one name at the same
// time, one plan is saved and the other server returns an error.
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
