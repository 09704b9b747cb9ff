package endtoend

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/transport/mcp/client"
)

// A client of another project enables a schedule only if its person agrees, whatever
// policy.confirm says, in every revision that supports questions and on both wires.
// Pausing, resuming and disabling it need no question. What a client can't do is told.
func TestAPersonEnablesASchedule(t *testing.T) {
	t.Parallel()
	trees := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(trees, "yearly.yaml"), []byte(
		"schedule: {cron: \"0 0 1 1 *\", timezone: Europe/Berlin}\ntasks: [{id: a, executor: data_processor, inputs: {operation: count, data: [1]}}]"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(trees, "plain.yaml"), []byte("[{id: a, executor: data_processor, inputs: {operation: count, data: [1]}}]"), 0o600))
	confirm := map[string]string{"2025-06-18": "destructive", "2025-11-25": "never", "2026-07-28": "never"}
	for revision, confirm := range confirm {
		for wire, overHTTP := range map[string]bool{"stdio": false, "http": true} {
			for says, enabled := range map[string]bool{"accept": true, "decline": false} {
				t.Run(strings.Join([]string{revision, wire, says}, " "), func(t *testing.T) {
					t.Parallel()
					p := &person{says: says}
					c := newHome(t, map[string]any{"trees": trees, "toolsets": []string{"schedules"}, "policy": map[string]any{"confirm": confirm}}).with(t, p, revision, overHTTP)
					set := func(tree, action string) map[string]any {
						return call(t.Context(), t, c, "set_schedule", map[string]any{"tree": tree, "action": action})
					}
					state := func() (any, any) {
						envelope := call(t.Context(), t, c, "list_schedules", map[string]any{"tree": "yearly"})
						result, _ := envelope["result"].(map[string]any)
						list, _ := result["schedules"].([]any)
						require.Len(t, list, 1, "%v", envelope)
						one, _ := list[0].(map[string]any)
						return one["state"], one["next"]
					}
					for tree, says := range map[string]string{"plain": "schedule", "none": "none"} {
						refused := set(tree, "enable")
						assert.Equal(t, "failed", refused["status"], "%v", refused)
						assert.Contains(t, refused["error"], says)
					}
					require.Empty(t, p.heard)

					first := set("yearly", "enable")
					if assert.Len(t, p.heard, 1) {
						assert.Contains(t, p.heard[0], "run by itself")
					}
					if !enabled {
						assert.NotEqual(t, "completed", first["status"], "%v", first)
						is, _ := state()
						assert.NotEqual(t, "enabled", is)
						return
					}
					require.Equal(t, "completed", first["status"], "%v", first)
					is, next := state()
					assert.Equal(t, "enabled", is)
					assert.Len(t, next, 10)
					for _, each := range []struct{ action, state string }{{"pause", "paused"}, {"resume", "enabled"}, {"disable", "disabled"}} {
						done := set("yearly", each.action)
						require.Equal(t, "completed", done["status"], "%v", done)
						is, _ := state()
						assert.Equal(t, each.state, is)
					}
					assert.Len(t, p.heard, 2, "one question to enable it, one to resume it")
				})
			}
		}
	}
}

// A client that can't ask a person does not enable a schedule, whatever
// policy.confirm says, and is told what the person can do. The command for
// operators enables it, and asks as policy.confirm says.
func TestNobodyEnablesASchedule(t *testing.T) {
	t.Parallel()
	trees := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(trees, "yearly.yaml"), []byte(
		"schedule: {cron: \"0 0 1 1 *\"}\ntasks: [{id: a, executor: data_processor, inputs: {operation: count, data: [1]}}]"), 0o600))
	for confirm, agrees := range map[string][]string{"never": nil, "where_possible": nil, "destructive": {"--yes"}} {
		for _, revision := range []string{"2024-11-05", "2025-11-25", "2026-07-28"} {
			t.Run(confirm+" "+revision, func(t *testing.T) {
				t.Parallel()
				h := newHome(t, map[string]any{"trees": trees, "toolsets": []string{"schedules"}, "policy": map[string]any{"confirm": confirm}})
				c := h.connect(t, "", client.Options{Revision: revision})
				enable := map[string]any{"tree": "yearly", "action": "enable"}
				refused := call(t.Context(), t, c, "set_schedule", enable)
				assert.Equal(t, "permission_denied", refused["error_type"], "%v", refused)
				assert.Contains(t, refused["hint"], "chainwright schedules enable yearly")
				said, _ := h.command(t, "schedules", "show", "yearly")
				assert.Contains(t, said, "yearly: inert")
				said, exit := h.command(t, append([]string{"schedules", "enable", "yearly"}, agrees...)...)
				assert.Zero(t, exit)
				assert.Contains(t, said, "yearly: enabled")
				_, exit = h.command(t, "schedules", "pause", "yearly")
				assert.Zero(t, exit)
				refused = call(t.Context(), t, c, "set_schedule", map[string]any{"tree": "yearly", "action": "resume"})
				assert.Equal(t, "permission_denied", refused["error_type"], "%v", refused)
				assert.Contains(t, refused["hint"], "chainwright schedules resume yearly")
				said, _ = h.command(t, "schedules", "show", "yearly")
				assert.Contains(t, said, "yearly: paused")
			})
		}
	}
}
