package endtoend

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// person is who sits behind a client, and says the same to every question.
type person struct {
	says mcp.ElicitationResponseAction

	mu    sync.Mutex
	heard []string
}

func (p *person) Elicit(_ context.Context, request mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = append(p.heard, request.Params.Message)
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: p.says}}, nil
}

// with connects a client of a revision, behind which the person sits.
func (h home) with(t *testing.T, p *person, revision string, overHTTP bool) *client.Client {
	t.Helper()
	var wire transport.Interface
	if overHTTP {
		_, url := h.http(t)
		made, err := transport.NewStreamableHTTP(url)
		require.NoError(t, err)
		wire = made
	} else {
		wire = h.wire()
	}
	c := client.NewClient(wire, client.WithElicitationHandler(p))
	require.NoError(t, c.Start(t.Context()))
	t.Cleanup(func() { _ = c.Close() })
	_, err := c.Initialize(t.Context(), mcp.InitializeRequest{Params: mcp.InitializeParams{
		ProtocolVersion: revision, ClientInfo: mcp.Implementation{Name: "endtoend", Version: "1"},
	}})
	require.NoError(t, err)
	require.Equal(t, revision, c.ProtocolVersion())
	return c
}

// A client that this project did not write asks its person, in every revision
// that has a way to, and what the person says is what happens.
func TestAPersonIsAsked(t *testing.T) {
	t.Parallel()
	for _, revision := range []string{"2025-06-18", "2025-11-25", "2026-07-28"} {
		for wire, overHTTP := range map[string]bool{"stdio": false, "http": true} {
			for _, says := range []mcp.ElicitationResponseAction{"accept", "decline", "cancel"} {
				t.Run(strings.Join([]string{revision, wire, string(says)}, " "), func(t *testing.T) {
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
					assert.Empty(t, p.heard, "reading asks nobody")

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
							assert.Contains(t, p.heard[0], "may change or delete what can't be brought back", tool)
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
