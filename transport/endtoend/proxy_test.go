package endtoend

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/transport/mcp/client"
)

// TestBehindTheDocumentedProxy serves through a real nginx with the configuration in
// docs/deployment.md. Progress arrives while the call goes on: the run ends only
// after the client has heard of its first task.
func TestBehindTheDocumentedProxy(t *testing.T) {
	t.Parallel()
	heard := make(chan struct{})
	gate := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-heard:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(gate.Close)
	var locations string
	for _, each := range snippets(t, "docs/deployment.md") {
		if each.language == "nginx" {
			locations += each.text
		}
	}
	require.NotEmpty(t, locations)
	address := freeAddress(t)
	require.Contains(t, locations, "127.0.0.1:8080")
	nginx := peers.StartNginx(t, peers.NginxOptions{Server: strings.ReplaceAll(locations, "127.0.0.1:8080", address)})

	h := newHome(t, map[string]any{"executors_dir": "none", "policy": map[string]any{"network": loopback()}})
	cmd := exec.Command(peers.Chainwright(t), "serve", "--addr", address)
	cmd.Env, cmd.Dir = h.environment(), h.dir
	serving(t, cmd, address)
	first := true
	c := h.connect(t, "http://"+nginx.Addr+"/mcp", client.Options{OnProgress: func(done, _ float64, _ string) {
		if done >= 1 && first {
			first = false
			close(heard)
		}
	}})
	envelope := call(t.Context(), t, c, "run_task_tree", map[string]any{"wait_seconds": 120, "tasks": []any{
		map[string]any{"id": "first", "executor": "data_processor", "inputs": map[string]any{"data": []any{1, 2}}},
		map[string]any{"id": "gate", "executor": "rest", "inputs": map[string]any{"url": gate.URL}, "dependencies": []any{"first"}, "timeout": 300},
	}})
	require.Equal(t, "completed", runOf(t, envelope)["status"], envelope)
	log, err := os.ReadFile(nginx.Log)
	require.NoError(t, err)
	require.Contains(t, string(log), "POST /mcp")

	// A name is served only where http.hosts has it.
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+nginx.Addr+"/readyz", nil)
	require.NoError(t, err)
	request.Host = "chainwright.example.com"
	reply, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, reply.Body.Close())
	require.Equal(t, http.StatusForbidden, reply.StatusCode)
}
