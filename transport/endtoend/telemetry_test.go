package endtoend

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/telemetry/telemetrytest"
)

// The trace of an official client goes on through the program: from its _meta to the
// call, from there by a link to the run, and down to the request that a task makes.
func TestOfficialClientsTrace(t *testing.T) {
	t.Parallel()
	node := peers.FindProgram(t, "node")
	env, err := exec.LookPath("env")
	if err != nil {
		t.Skipf("the program needs variables of its own, and env is not installed: %v", err)
	}
	for revision, client := range map[string]string{"2025-11-25": "sdk", "2026-07-28": "client"} {
		t.Run(revision, func(t *testing.T) {
			t.Parallel()
			if _, err := os.Stat(filepath.Join(node.Modules(), "@modelcontextprotocol", client)); err != nil {
				t.Skipf("the client of %s is not installed: %v", revision, err)
			}
			officialTrace(t, node, revision, env)
		})
	}
}

func officialTrace(t *testing.T, node *peers.Program, revision, env string) {
	t.Helper()
	collector := telemetrytest.New(t)
	var mu sync.Mutex
	var seen []string
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Header.Get("Traceparent"))
		_, _ = w.Write([]byte(`{}`))
	}))
	t.Cleanup(site.Close)
	folder := t.TempDir()
	settings := filepath.Join(folder, "settings.yaml")
	text := "data_dir: '" + folder + "'\npolicy: {network: {allow: ['" + strings.TrimPrefix(site.URL, "http://") + "']}}\n"
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs(filepath.Join("testdata", "trace.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	const trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	tree := `{"tasks":[{"id":"get","schemas":{"method":"rest_executor"},"inputs":{"url":"` + site.URL + `/"}}]}`
	code, out, errs := node.Run(t, script, node.Modules(), revision, "00-"+trace+"-"+span+"-01", "run_task_tree", tree,
		env, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL, "OTEL_SERVICE_NAME=mine", peers.Chainwright(t), "--config", settings, "--store", "memory", "stdio")
	if code != 0 || !strings.Contains(out, `"status":"completed"`) {
		t.Fatalf("exit %d\n%s\n%s", code, out, errs)
	}
	call, run := collector.Named(t, "tools/call run_task_tree"), collector.Named(t, "invoke_workflow")
	task := collector.Named(t, "execute_tool rest_executor")
	if call.Trace != trace || call.Parent != span || call.Failed || call.Attributes["network.transport"] != "pipe" {
		t.Errorf("the call: %+v", call)
	}
	if run.Parent != "" || run.Trace == trace || !slices.Equal(run.Links, []string{call.Own()}) {
		t.Errorf("the run: %+v", run)
	}
	if task.Trace != run.Trace || task.Parent != run.ID || task.Attributes["chainwright.task.id"] != "get" {
		t.Errorf("the task: %+v", task)
	}
	if mu.Lock(); !slices.Equal(seen, []string{"00-" + task.Own() + "-01"}) {
		t.Errorf("the site saw %q, and the task is %+v", seen, task)
	}
	mu.Unlock()
	if services := collector.Services(); !slices.Equal(services, []string{"mine"}) {
		t.Errorf("services %q", services)
	}
}
