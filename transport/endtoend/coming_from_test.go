package endtoend

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestComingFrom runs our side of each example in docs/coming-from.md.
func TestComingFrom(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	write(t, filepath.Join(work, "orders.csv"), "id\n")
	var programs []any
	for _, name := range []string{"ls", "echo"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Skipf("%s is not installed, and the examples start it", name)
		}
		programs = append(programs, map[string]any{"path": path})
	}
	at := calledBySecret(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `[{"id": 1, "total": 7}, {"id": 2, "total": 30}]`)
	})
	join(at.settings, policyOf(map[string]any{"command": map[string]any{"programs": programs}, "files": folder(work)}))
	h := at.home(t)
	want := []string{`hello, orders.csv`, `done: testing 1\ntesting 2\ntesting 3`, `{"id":2,"total":30}`, `"status":"completed"`}
	ran := 0
	for _, each := range snippets(t, "docs/coming-from.md") {
		if each.language != "yaml tree" {
			continue
		}
		path := filepath.Join(h.dir, "tree.yaml")
		require.NoError(t, os.WriteFile(path, []byte(at.translate(each.text)), 0o600))
		out, exit := h.command(t, "run", path, "--json")
		require.Zero(t, exit, out)
		require.Contains(t, compacted(t, out), want[ran], each.text)
		ran++
	}
	require.Equal(t, len(want), ran)
}
