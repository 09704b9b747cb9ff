package endtoend

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/strictjson"
	"github.com/chainwright/chainwright/transport/mcp/client"
)

// places start the peers that the examples of an executor need. The examples of
// an executor that is not listed need no peer.
var places = map[string]func(t *testing.T, work string) *place{
	"aggregate_results_executor": branches,
	"apflow_api_executor":        remoteFlow,
	"command_executor":           repository,
	"db_query":                   databases,
	"docker_executor":            containers,
	"fail_executor":              failing,
	"file_reader":                files,
	"file_writer":                files,
	"grpc_executor":              orderService,
	"llm_executor":               models,
	"mcp_executor":               otherServers,
	"prompt_chain":               models,
	"rest_executor":              shopAPI,
	"scrape_executor":            website,
	"send_email_executor":        mailServer,
	"sequential_task_generator":  models,
	"ssh_executor":               remoteHost,
	"task_tree_generator":        models,
	"websocket_executor":         feed,
}

// described is a definition as the program prints it.
type described struct {
	ID       string `json:"id"`
	Examples []struct {
		Title  string          `json:"title"`
		Inputs json.RawMessage `json:"inputs"`
		Result json.RawMessage `json:"result"`
	} `json:"examples"`
}

func definitions(t *testing.T) []described {
	t.Helper()
	text, exit := newHome(t, map[string]any{"executors_dir": "none"}).command(t, "executors", "list", "--json")
	require.Zero(t, exit)
	var list struct {
		Executors []described `json:"executors"`
	}
	require.NoError(t, json.Unmarshal([]byte(text), &list))
	require.Greater(t, len(list.Executors), 15)
	return list.Executors
}

// TestEveryExample runs every example of every definition, as the program
// prints it, with its peer. Each must complete and return the documented
// result.
func TestEveryExample(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, def := range definitions(t) {
		known[def.ID] = true
		t.Run(def.ID, func(t *testing.T) {
			t.Parallel()
			start := places[def.ID]
			if start == nil {
				start = nothing
			}
			require.GreaterOrEqual(t, len(def.Examples), 2, "an executor has two examples at least")
			at := start(t, t.TempDir())
			c := at.home(t).stdio(t)
			for _, example := range def.Examples {
				t.Run(example.Title, func(t *testing.T) {
					if reason := at.missing(string(example.Inputs)); reason != "" {
						t.Skip(reason)
					}
					require.NotEmpty(t, example.Result, "an example says what it gives")
					got := decoded(t, encoded(t, at.run(t, c, def.ID, decoded(t, at.translate(string(example.Inputs))))))
					want := decoded(t, at.translate(string(example.Result)))
					if !executortest.Holds(got, want) {
						t.Errorf("%s gave %s, and its example says %s", def.ID, encoded(t, got), encoded(t, want))
					}
				})
			}
		})
	}
	for id := range places {
		require.True(t, known[id], "places has %s, which is no executor", id)
	}
}

// run makes a call and returns its result.
func (p *place) run(t *testing.T, c *client.Client, id string, inputs any) any {
	t.Helper()
	tool, arguments := id, inputs
	if p.within != nil {
		tool, arguments = "run_task_tree", map[string]any{"tasks": p.within(inputs)}
	}
	envelope := call(t.Context(), t, c, tool, arguments)
	require.Equal(t, "completed", envelope["status"], envelope)
	require.NotContains(t, encoded(t, envelope), apiToken, "a secret came back")
	if p.within != nil {
		tasks := runOf(t, envelope)["tasks"].([]any)
		return tasks[len(tasks)-1].(map[string]any)["result"]
	}
	if preview, long := envelope["preview"]; long {
		t.Fatalf("the result is too long for an example: %v", preview)
	}
	return envelope["result"]
}

func decoded(t *testing.T, text string) any {
	t.Helper()
	v, err := strictjson.Decode([]byte(text))
	require.NoError(t, err, text)
	return v
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", "  ")
	require.NoError(t, err)
	return string(text)
}
