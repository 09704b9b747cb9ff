package endtoend

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// The official clients follow calls as tasks: that of 2025-11-25 also with a new
// process of the server, and that of the extension in both generations. A tool
// that fails is an error result, never a failed task.
func TestOfficialClientsFollowTasks(t *testing.T) {
	t.Parallel()
	node := peers.FindProgram(t, "node")
	// The reply takes longer than a call may take before it becomes a task.
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(3 * time.Second):
		case <-r.Context().Done():
		}
		_, _ = w.Write([]byte("slow"))
	}))
	t.Cleanup(slow.Close)
	good := `{"tasks":[{"id":"slow","schemas":{"method":"rest_executor"},"inputs":{"url":"` + slow.URL + `"}}]}`
	bad := `{"tasks":[{"id":"bad","schemas":{"method":"fail_executor"},"inputs":{"message":"on purpose"}}]}`
	script, err := filepath.Abs(filepath.Join("testdata", "tasks.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	for kind, module := range map[string]string{"sdk": "sdk", "v1": "ext-tasks", "v2": "ext-tasks"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			if _, err := os.Stat(filepath.Join(node.Modules(), "@modelcontextprotocol", module)); err != nil {
				t.Skipf("the client is not installed: %v", err)
			}
			folder := t.TempDir()
			settings := filepath.Join(folder, "settings.yaml")
			if err := os.WriteFile(settings, []byte("data_dir: '"+folder+"'\npolicy: {network: {allow: [127.0.0.1]}}\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			args := []string{script, node.Modules(), good, bad, kind}
			if kind == "sdk" {
				args = append(args, peers.Chainwright(t), "--config", settings, "stdio")
			} else {
				args = append(args, serve(t, "--config", settings))
			}
			code, out, errs := node.Run(t, args...)
			type result struct {
				IsError    bool
				Structured struct{ Status, Error string } `json:"structuredContent"`
			}
			var said struct {
				Good, Bad result
				Later     *result
				Listed    []string
				Methods   []string
			}
			if err := json.Unmarshal([]byte(out), &said); err != nil || code != 0 {
				t.Fatalf("exit %d, %v\n%s\n%s", code, err, out, errs)
			}
			if said.Good.IsError || said.Good.Structured.Status != "completed" || !said.Bad.IsError || !strings.Contains(said.Bad.Structured.Error, "on purpose") {
				t.Errorf("got %s", out)
			}
			switch kind {
			case "sdk":
				if said.Later == nil || said.Later.Structured.Status != "completed" || !slices.Equal(said.Listed, []string{"completed", "completed"}) {
					t.Errorf("another process: %s", out)
				}
			case "v2":
				if !slices.Contains(said.Methods, "tasks/get") {
					t.Errorf("there was no task: %q", said.Methods)
				}
			}
		})
	}
}
