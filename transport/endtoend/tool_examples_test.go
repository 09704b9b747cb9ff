package endtoend

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/transport/mcp/client"
)

// exampleRun is the run id in the examples of the tools.
const exampleRun = "01990000-0000-7000-8000-000000000000"

// TestEveryExampleOfTheTools calls the tools that are not executors with the
// examples of their definitions, each with its own run.
func TestEveryExampleOfTheTools(t *testing.T) {
	t.Parallel()
	whole := newHome(t, map[string]any{"executors_dir": "none"}).stdio(t)
	discovery := newHome(t, map[string]any{"executors_dir": "none", "discovery": true}).stdio(t)
	trees := t.TempDir()
	write(t, filepath.Join(trees, "nightly.yaml"), `{tasks: [{id: a, schemas: {method: data_processor}, inputs: {data: [1]}}], schedule: {cron: "0 3 * * *"}}`)
	asked := newHome(t, map[string]any{"executors_dir": "none", "trees": trees, "toolsets": []string{"schedules"}, "tools": []string{"answer_run"},
		"policy": map[string]any{"approvals": map[string]any{"tool": true}}})
	_, exit := asked.command(t, "schedules", "enable", "nightly", "--yes")
	require.Zero(t, exit)
	onRequest := asked.stdio(t)
	files, err := filepath.Glob("../../tools/definitions/*.yaml")
	require.NoError(t, err)
	require.Greater(t, len(files), 8)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var def struct {
			ID       string `yaml:"id"`
			Examples []struct {
				Title  string `yaml:"title"`
				Inputs any    `yaml:"inputs"`
			} `yaml:"examples"`
		}
		require.NoError(t, yaml.Unmarshal(text, &def))
		require.NotEmpty(t, def.Examples, file)
		for _, example := range def.Examples {
			t.Run(def.ID+"/"+example.Title, func(t *testing.T) {
				c := whole
				switch {
				case strings.HasSuffix(def.ID, "_executor"):
					c = discovery
				case strings.Contains(def.ID, "schedule") || def.ID == "answer_run":
					c = onRequest
				}
				inputs := encoded(t, example.Inputs)
				if strings.Contains(inputs, exampleRun) {
					inputs = strings.ReplaceAll(inputs, exampleRun, longRun(t, c))
				}
				envelope := call(t.Context(), t, c, def.ID, json.RawMessage(inputs))
				require.Equal(t, "completed", envelope["status"], envelope)
			})
		}
	}
}

// longRun is a finished run, with a task fetch whose result has pages.
func longRun(t *testing.T, c *client.Client) string {
	t.Helper()
	envelope := call(t.Context(), t, c, "run_task_tree", map[string]any{"tasks": []any{map[string]any{
		"id": "fetch", "schemas": map[string]any{"method": "data_processor"},
		"inputs": map[string]any{"operation": "jq", "data": "x", "program": ". * 100000"},
	}}})
	require.Equal(t, "completed", envelope["status"], envelope)
	return envelope["run_id"].(string)
}
