package endtoend

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/transport/mcp/client"
)

// person is the person behind a client, who gives the same answer to every
// question.
type person struct {
	says string

	mu    sync.Mutex
	heard []string
}

func (p *person) ask(message string) (action string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = append(p.heard, message)
	return p.says
}

// with connects a client of a revision, with the person behind it.
func (h home) with(t *testing.T, p *person, revision string, overHTTP bool) *client.Client {
	t.Helper()
	url := ""
	if overHTTP {
		url = h.serve(t)
	}
	return h.connect(t, url, client.Options{Revision: revision, Ask: p.ask})
}

// A client of another project asks its person, in every revision that supports
// questions, and the answer decides.
func TestAPersonIsAsked(t *testing.T) {
	t.Parallel()
	for _, revision := range []string{"2025-06-18", "2025-11-25", "2026-07-28"} {
		for wire, overHTTP := range map[string]bool{"stdio": false, "http": true} {
			for _, says := range []string{"accept", "decline", "cancel"} {
				t.Run(strings.Join([]string{revision, wire, says}, " "), func(t *testing.T) {
					t.Parallel()
					work := t.TempDir()
					notes := filepath.Join(work, "notes.txt")
					require.NoError(t, os.WriteFile(notes, []byte("old"), 0o600))
					h := newHome(t, map[string]any{"policy": map[string]any{
						"confirm": "destructive",
						"files":   map[string]any{"roots": map[string]any{"work": map[string]any{"path": work, "write": true}}},
					}})
					p := &person{says: says}
					c := h.with(t, p, revision, overHTTP)

					read := call(t.Context(), t, c, "file_reader", map[string]any{"file_path": "notes.txt"})
					assert.Equal(t, "completed", read["status"])
					assert.Empty(t, p.heard, "reading asks no question")

					replace := map[string]any{"file_path": "notes.txt", "content": "new", "mode": "overwrite"}
					tree := []any{
						map[string]any{"id": "first", "schemas": map[string]any{"method": "file_writer"}, "inputs": replace},
						map[string]any{"id": "second", "schemas": map[string]any{"method": "file_writer"}, "inputs": replace, "dependencies": []any{"first"}},
					}
					for tool, arguments := range map[string]any{
						"file_writer":         replace,
						"run_task_tree":       map[string]any{"tasks": tree},
						"task_tree_generator": map[string]any{"requirement": "Show the CPU usage of this machine", "llm_provider": "builtin", "mode": "run"},
					} {
						p.heard = nil
						envelope := call(t.Context(), t, c, tool, arguments)
						if assert.Len(t, p.heard, 1, tool) {
							assert.Contains(t, p.heard[0], "may change or delete something that can't be restored", tool)
						}
						if says == "accept" {
							assert.NotEmpty(t, envelope["run_id"], "%s: %v", tool, envelope)
							continue
						}
						assert.Equal(t, "permission_denied", envelope["error_type"], "%s: %v", tool, envelope)
					}
					text, err := os.ReadFile(notes)
					require.NoError(t, err)
					assert.Equal(t, map[bool]string{true: "new", false: "old"}[says == "accept"], string(text))
					listed, ok := call(t.Context(), t, c, "list_runs", map[string]any{})["result"].(map[string]any)
					require.True(t, ok)
					if says != "accept" {
						assert.Len(t, listed["runs"], 1, "what was refused is on record")
					}
				})
			}
		}
	}
}
