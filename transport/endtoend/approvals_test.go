package endtoend

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A client of another project that waits for a run asks its person what the run
// asks, in every revision that supports questions.
func TestAPersonApproves(t *testing.T) {
	t.Parallel()
	for _, revision := range []string{"2025-06-18", "2025-11-25", "2026-07-28"} {
		for wire, overHTTP := range map[string]bool{"stdio": false, "http": true} {
			for says, want := range map[string]string{"accept": "completed", "decline": "failed"} {
				t.Run(strings.Join([]string{revision, wire, says}, " "), func(t *testing.T) {
					t.Parallel()
					p := &person{says: says}
					c := newHome(t, map[string]any{}).with(t, p, revision, overHTTP)
					envelope := call(t.Context(), t, c, "run_task_tree", map[string]any{"wait_seconds": 60, "tasks": []any{
						map[string]any{"id": "ask", "approval": map[string]any{"message": "Deploy v7?"}},
						map[string]any{"id": "go", "executor": "data_processor", "inputs": map[string]any{"data": []any{1}}, "dependencies": []any{"ask"}},
					}})
					assert.Equal(t, want, envelope["status"], "%v", envelope)
					if assert.Len(t, p.heard, 1) {
						assert.Contains(t, p.heard[0], "> Deploy v7?")
					}
					listed, ok := call(t.Context(), t, c, "list_runs", map[string]any{})["result"].(map[string]any)
					require.True(t, ok)
					assert.Len(t, listed["runs"], 1)
				})
			}
		}
	}
}
