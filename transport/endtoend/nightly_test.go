package endtoend

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const nightlyTree = "../../docs/examples/nightly_report.yaml"

// nightlyAnswers are the replies of the model in the nightly tree.
var nightlyAnswers = [][2]string{
	{"Put the day into one sentence: 3 orders in the book, 7 bills, 10 boxes", "A calm day: three orders, and all bills are written."},
	{"Translate into German: Please call Ada.", "Bitte Ada anrufen."},
	{"a notice for the door", "Please call Ada."},
	{"Reorder 2 boxes.", "**Subsequent Task:** Ask when the boxes arrive.\n**Composition Task:** Reorder 2 boxes and ask when they arrive."},
}

// nightlyReport is the report that the tree writes.
const nightlyReport = `# The night

A calm day: three orders, and all bills are written.

| city | orders | total |
|---|---|---|
| Oslo | 2 | 19.75 |
| Rome | 1 | 30 |

- On the web: 3 orders, 16.5 on average
- 3 of 5 orders are over 10
- Prices: 9.50, 12
- Disk: there is room
- Noted: Call Ada.

## Changes
- Count twice (Ada)
- Begin (Ada)

## To do
- Ask when the boxes arrive.
- Tomorrow: 3 tasks are planned
- Door: Bitte Ada anrufen.

Bonjour, Ada! Bonjour, Bob!
`

// night is the shop: all peers of the tree, and its mailbox.
func night(t *testing.T) (*place, *letters, string) {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is not installed: executors that users made are written in it")
	}
	work := t.TempDir()
	mail, box := mailbox(t)
	at := together(mail, model(t, nightlyAnswers))
	for _, start := range []func(*testing.T, string) *place{
		shopAPI, website, feed, secondServer, orderService, remoteFlow, orderBook, files, repository, remoteHost, containers,
	} {
		at = together(at, start(t, work))
	}
	// The host of api_call_executor is set in its definition.
	own := t.TempDir()
	require.NoError(t, os.CopyFS(own, os.DirFS("../../docs/examples/executors")))
	written := filepath.Join(own, "api_call_executor", "definition.yaml")
	text, err := os.ReadFile(written)
	require.NoError(t, err)
	write(t, written, at.translate(string(text)))
	write(t, filepath.Join(own, "warehouse.yaml"), at.translate("run: {kind: mcp, url: http://127.0.0.1:8080/mcp, tools: [data_processor], trust_annotations: true}\n"))
	at.settings["executors_dir"] = own
	return at, box, work
}

// TestOneTreeWithEveryExecutor runs a tree with a task for every executor,
// including user-made ones of each kind, at the command line and over stdio.
// Each task completes, and the report arrives.
func TestOneTreeWithEveryExecutor(t *testing.T) {
	t.Parallel()
	at, box, work := night(t)
	h := at.home(t)
	tree, err := filepath.Abs(nightlyTree)
	require.NoError(t, err)
	inputs := map[string]any{
		"api": "https://api.example.com", "events": "wss://api.example.com/events", "orders": "api.example.com:443",
		"website": "https://example.com", "billing": "http://127.0.0.1:8000", "warehouse": "http://127.0.0.1:8080/mcp",
	}
	given := at.translate(encoded(t, inputs))

	t.Run("it uses every executor", func(t *testing.T) {
		used := map[string]bool{}
		for _, task := range treeFile(t, tree).(map[string]any)["tasks"].([]any) {
			used[task.(map[string]any)["schemas"].(map[string]any)["method"].(string)] = true
		}
		for _, def := range definitions(t) {
			require.True(t, used[def.ID], "no task uses %s", def.ID)
		}
		for kind, id := range map[string]string{"command": "greeting_executor", "http": "api_call_executor", "tree": "greet_everyone", "mcp": "warehouse_data_processor"} {
			require.True(t, used[id], "no task uses an executor of kind %s", kind)
		}
	})
	t.Run("validate", func(t *testing.T) {
		said, exit := h.command(t, "validate", tree, "--json")
		require.Zero(t, exit)
		require.JSONEq(t, `{"valid": true, "problems": [], "warnings": []}`, said)
	})
	t.Run("command line", func(t *testing.T) {
		text, exit := h.command(t, "run", tree, "--inputs", given, "--json")
		var view map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &view))
		require.Zero(t, exit, failures(view))
		checkNight(t, view, box, work)

		drawn, exit := h.command(t, "runs", view["run_id"].(string))
		require.Zero(t, exit)
		for _, task := range view["tasks"].([]any) {
			sign := "✓ "
			if task.(map[string]any)["status"] == "skipped" {
				sign = "– "
			}
			require.Contains(t, drawn, sign+task.(map[string]any)["id"].(string)+" ")
		}
	})
	t.Run("stdio", func(t *testing.T) {
		c := h.stdio(t)
		view := runOf(t, call(t.Context(), t, c, "run_task_tree", map[string]any{"tasks": treeFile(t, tree), "inputs": decoded(t, given), "wait_seconds": 120}))
		checkNight(t, view, box, work)
	})
}

// checkNight checks the results of a run at every peer.
func checkNight(t *testing.T, view map[string]any, box *letters, work string) {
	t.Helper()
	require.Equal(t, "completed", view["status"], failures(view))
	for id, task := range byID(t, view) {
		want := "completed"
		if id == "no_orders" { // there are some
			want = "skipped"
		}
		require.Equal(t, want, task["status"], id)
	}
	report := filepath.Join(work, "report.md")
	written, err := os.ReadFile(report)
	require.NoError(t, err)
	require.NoError(t, os.Remove(report))
	require.Equal(t, nightlyReport, string(written))

	kept := byID(t, view)["kept"]["result"].(map[string]any)
	require.Equal(t, fmt.Sprintf("%d report.md\n", len(nightlyReport)), kept["stdout"], "the copy is whole")
	arrived := box.take()
	require.Len(t, arrived, 1)
	require.Contains(t, arrived[0], "Hello, Ada!")
	require.Contains(t, arrived[0], `filename="report.md"`)
	require.Equal(t, 201.0, byID(t, view)["told"]["result"].(map[string]any)["status_code"])
	text, err := json.Marshal(view)
	require.NoError(t, err)
	for _, secret := range []string{apiToken, mailPassword} {
		require.NotContains(t, string(text), secret)
	}
}

// failures lists the tasks that did not complete, with their errors.
func failures(view map[string]any) string {
	var list []string
	for _, task := range view["tasks"].([]any) {
		if task := task.(map[string]any); task["status"] != "completed" {
			list = append(list, fmt.Sprintf("%v %v: %v", task["id"], task["status"], task["error"]))
		}
	}
	return strings.Join(list, "\n")
}
