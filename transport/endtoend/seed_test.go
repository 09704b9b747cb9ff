package endtoend

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTreeOfAnotherGenerator runs the two tasks in the documentation of
// apflow's task tree generator unchanged, except for the host: no ids, an
// executor named by the task's name, a parent and a dependency by position.
func TestTreeOfAnotherGenerator(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed: the second task starts it")
	}
	real, err := filepath.EvalSymlinks(python)
	require.NoError(t, err)
	programs, work := t.TempDir(), t.TempDir()
	link := filepath.Join(programs, "python")
	require.NoError(t, os.Symlink(real, link))
	require.NoError(t, os.WriteFile(filepath.Join(work, "process_data.py"), []byte("print('processed')\n"), 0o600))
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"path": "` + r.URL.Path + `"}`))
	}))
	defer peer.Close()
	h := newHome(t, map[string]any{"policy": map[string]any{
		"network": map[string]any{"allow": []string{strings.TrimPrefix(peer.URL, "http://")}},
		"files":   map[string]any{"roots": map[string]any{"work": map[string]any{"path": work}}},
		"command": map[string]any{"programs": []any{map[string]any{"path": link, "args": []string{`^process_data\.py$`}}}},
	}})
	text, err := os.ReadFile("../../testdata/trees/two_tasks.json")
	require.NoError(t, err)
	tree := filepath.Join(h.dir, "tree.json")
	require.NoError(t, os.WriteFile(tree, []byte(strings.Replace(string(text), "https://api.example.com", peer.URL, 1)), 0o600))

	out, exit := h.command(t, "run", tree, "--json")
	require.Zero(t, exit)
	var view map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &view))
	tasks := byID(t, view)
	require.Equal(t, "completed", view["status"])
	require.Equal(t, map[string]any{"path": "/data"}, tasks["task_1"]["result"].(map[string]any)["json"])
	require.Equal(t, "processed\n", tasks["task_2"]["result"].(map[string]any)["stdout"])

	closed := newHome(t, nil)
	_, exit = closed.command(t, "validate", tree)
	require.Zero(t, exit, "validity does not depend on policy")
	_, exit = closed.command(t, "run", tree)
	require.Equal(t, 3, exit, "policy refuses it before the first task")
}
