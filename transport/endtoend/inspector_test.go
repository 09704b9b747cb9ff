package endtoend

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// Inspector's exit codes.
const (
	ok          = 0
	unreachable = 4
	toolError   = 5
)

const tree = `{"tasks": [
	{"id": "host", "schemas": {"method": "system_info_executor"}, "inputs": {"resource": "host"}},
	{"id": "name", "schemas": {"method": "data_processor"}, "inputs": {"operation": "jq", "data": "${{ tasks.host.result.host }}", "program": ".os"}}
]}`

// Inspector's command line, over stdio and HTTP, lists the tools without a
// complaint about their schemas, and can use everything.
func TestInspector(t *testing.T) {
	t.Parallel()
	inspector := peers.FindProgram(t, "mcp-inspector")
	for name, target := range map[string]func(t *testing.T) []string{
		"stdio": func(t *testing.T) []string {
			args := []string{peers.Chainwright(t), "--store", "memory", "stdio"}
			for _, entry := range environment(t) {
				if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "XDG_") || name == "HOME" {
					args = append(args, "-e", entry)
				}
			}
			return args
		},
		"HTTP": func(t *testing.T) []string { return []string{serve(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			use := func(code int, want string, args ...string) string {
				t.Helper()
				got, out, errs := inspector.Run(t, append(append([]string{"--cli"}, target(t)...), args...)...)
				if got != code || !strings.Contains(out+errs, want) {
					t.Errorf("%v: exit %d, want %d with %q\n%s\n%s", args, got, code, want, out, errs)
				}
				return out
			}
			listed := use(ok, "run_task_tree", "--method", "tools/list", "--strict")
			var list struct{ Tools []struct{ Name string } }
			if err := json.Unmarshal([]byte(listed), &list); err != nil || len(list.Tools) < 8 {
				t.Errorf("%d tools are listed, %v", len(list.Tools), err)
			}
			use(ok, `\"os\"`, "--method", "tools/call", "--tool-name", "system_info_executor", "--tool-args-json", `{"resource": "host"}`, "--format", "json")
			use(ok, "completed", "--method", "tools/call", "--tool-name", "run_task_tree", "--tool-args-json", tree, "--format", "json")
			use(toolError, "validation_error", "--method", "tools/call", "--tool-name", "system_info_executor", "--tool-args-json", `{"resource": "moon"}`, "--format", "json")
			use(ok, "executor://system_info_executor", "--method", "resources/list")
			use(ok, "input_schema", "--method", "resources/read", "--uri", "executor://system_info_executor")
			use(ok, "run://{id}", "--method", "resources/templates/list")
			use(ok, "plan_task_tree", "--method", "prompts/list")
			use(ok, "count the stars", "--method", "prompts/get", "--prompt-name", "plan_task_tree", "--prompt-args", "requirement=count the stars")
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		t.Parallel()
		if code, out, errs := inspector.Run(t, "--cli", "http://127.0.0.1:1/mcp", "--method", "tools/list"); code != unreachable {
			t.Errorf("exit %d\n%s\n%s", code, out, errs)
		}
	})
}
