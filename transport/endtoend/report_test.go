package endtoend

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors/executortest/peers"
)

const reportTree = "../../testdata/trees/system_report.yaml"

const services = `{"services": [{"name": "web", "load": 93.5}, {"name": "mail", "load": 12}, {"name": "search", "load": 81}]}`

// alerts is the endpoint that the tree notifies.
type alerts struct {
	*httptest.Server
	mu    sync.Mutex
	taken []string
}

func newAlerts(t *testing.T) *alerts {
	a := &alerts{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.taken = append(a.taken, r.Method+" "+string(body))
	}))
	t.Cleanup(a.Close)
	return a
}

// take returns the requests received since the last call.
func (a *alerts) take() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.taken
	a.taken = nil
	return taken
}

// TestOneTreeThreeWays runs the same tree at the command line, over stdio and
// over HTTP. Its three readings of the machine run in parallel with the fetch
// from nginx, the reply is filtered with jq, both are joined, a report is
// written, and the endpoint is notified only if a service is over the
// threshold.
func TestOneTreeThreeWays(t *testing.T) {
	nginx := peers.StartNginx(t, peers.NginxOptions{Files: map[string]string{"services.json": services}})
	endpoint := newAlerts(t)
	work := t.TempDir()
	h := newHome(t, map[string]any{"policy": map[string]any{
		"network": map[string]any{"allow": []string{nginx.Addr, strings.TrimPrefix(endpoint.URL, "http://")}},
		"files":   map[string]any{"roots": map[string]any{"work": map[string]any{"path": work, "write": true}}},
	}})
	tree, err := filepath.Abs(reportTree)
	require.NoError(t, err)
	overStdio := h.stdio(t)
	overHTTP, _ := h.http(t)

	ways := map[string]func(t *testing.T, inputs map[string]any) map[string]any{
		"command line": func(t *testing.T, inputs map[string]any) map[string]any {
			text, err := json.Marshal(inputs)
			require.NoError(t, err)
			out, exit := h.command(t, "run", tree, "--inputs", string(text), "--json")
			require.Zero(t, exit)
			var view map[string]any
			require.NoError(t, json.Unmarshal([]byte(out), &view))
			return view
		},
		"stdio": func(t *testing.T, inputs map[string]any) map[string]any {
			return runOf(t, call(t.Context(), t, overStdio, "run_task_tree", map[string]any{"tasks": treeFile(t, tree), "inputs": inputs}))
		},
		"http": func(t *testing.T, inputs map[string]any) map[string]any {
			return runOf(t, call(t.Context(), t, overHTTP, "run_task_tree", map[string]any{"tasks": treeFile(t, tree), "inputs": inputs}))
		},
	}
	for _, c := range []struct {
		name      string
		threshold float64
		busy      []any
		alerts    []string
		notify    string
	}{
		{
			name: "over the threshold", threshold: 80, notify: "completed",
			busy: []any{map[string]any{"name": "web", "load": 93.5}, map[string]any{"name": "search", "load": 81.0}},
		},
		{name: "under the threshold", threshold: 95, busy: []any{}, notify: "skipped"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var first map[string]any
			var firstReport, firstAlert string
			for way, run := range ways {
				t.Run(way, func(t *testing.T) {
					view := run(t, map[string]any{
						"services_url": "http://" + nginx.Addr + "/services.json", "notify_url": endpoint.URL, "threshold": c.threshold,
					})
					report, err := os.ReadFile(filepath.Join(work, "system-report.md"))
					require.NoError(t, err)
					require.NoError(t, os.Remove(filepath.Join(work, "system-report.md")))
					taken := strings.Join(endpoint.take(), "\n")

					require.Equal(t, "completed", view["status"], view)
					tasks := byID(t, view)
					require.Equal(t, c.notify, tasks["notify"]["status"])
					require.Equal(t, c.busy, tasks["busy"]["result"].(map[string]any)["result"])
					require.Equal(t, c.notify == "completed", taken != "", "what arrived at the endpoint: %q", taken)
					require.Contains(t, string(report), "| web | 93.5 |")

					got := withoutReadings(view)
					if first == nil {
						first, firstReport, firstAlert = got, string(report), taken
					}
					require.Equal(t, first, got)
					require.Equal(t, firstReport, string(report))
					require.Equal(t, firstAlert, taken)
				})
			}
		})
	}
}

// runOf returns the finished run in an envelope.
func runOf(t *testing.T, envelope map[string]any) map[string]any {
	t.Helper()
	require.Equal(t, "completed", envelope["status"], envelope)
	run, ok := envelope["result"].(map[string]any)
	require.True(t, ok, "%v", envelope)
	return run
}

func treeFile(t *testing.T, path string) any {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var tree any
	require.NoError(t, yaml.Unmarshal(text, &tree))
	return tree
}

func byID(t *testing.T, view map[string]any) map[string]map[string]any {
	t.Helper()
	tasks := map[string]map[string]any{}
	for _, task := range view["tasks"].([]any) {
		task := task.(map[string]any)
		tasks[task["id"].(string)] = task
	}
	return tasks
}

// withoutReadings removes what differs from run to run: names of runs, times,
// and measurements.
func withoutReadings(view map[string]any) map[string]any {
	text, _ := json.Marshal(view)
	var copied map[string]any
	_ = json.Unmarshal(text, &copied)
	drop(copied)
	return copied
}

func drop(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range []string{"run_id", "created_at", "started_at", "completed_at", "duration_ms", "timestamp", "headers", "cpu", "memory", "disk"} {
			if _, there := v[key]; there {
				v[key] = "…"
			}
		}
		for _, inner := range v {
			drop(inner)
		}
	case []any:
		for _, inner := range v {
			drop(inner)
		}
	}
}
