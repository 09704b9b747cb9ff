package endtoend

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// The trees of this test: one with every kind of outcome, and one with every
// field of a tree.
const (
	outcomesTree = `{"name": "outcomes", "inputs": {"type": "object"}, "tasks": [
		{"id": "ok", "name": "data_processor", "inputs": {"data": [1], "operation": "count"}},
		{"id": "bad", "name": "data_processor", "inputs": {"data": "x", "operation": "sum"}},
		{"id": "after", "name": "data_processor", "dependencies": ["bad"], "inputs": {"data": [1], "operation": "count"}},
		{"id": "each", "name": "data_processor", "for_each": ["x", 1], "inputs": {"data": "${{ item }}", "operation": "sum"}}]}`

	wrongTree = `[{"id": "a", "name": "data_processor", "inputs": {"data": [1], "operation": "conut"}}, {"id": "b", "name": "rest_executor", "inputs": {"url": "https://example.com"}, "dependencies": ["a", "a"]}]`

	fieldsTree = `{"version": 1, "name": "n", "description": "d", "inputs": {"type": "object"}, "outputs": {}, "labels": {}, "no_such_field": 1, "tasks": [
		{"id": "a", "name": "data_processor", "schemas": {"method": "data_processor"}, "params": {"executor_id": "data_processor"},
		 "inputs": {"data": [1], "operation": "count"}, "parent_id": null, "dependencies": [], "priority": 1, "user_id": "u", "when": true, "for_each": [1],
		 "max_parallel": 1, "timeout": 1, "retry": {"max_attempts": 2, "on": "network", "unsafe": true, "backoff": "fixed", "initial_seconds": 1, "max_seconds": 1, "multiplier": 2, "no_such_field": 1},
		 "allow_failure": true, "executor": "x", "type": "x", "no_such_field": 1,
		 "status": "pending", "result": 1, "error": "", "progress": 0, "created_at": "", "started_at": "", "updated_at": "", "completed_at": "",
		 "has_children": false, "has_references": false, "origin_type": "", "original_task_id": "", "task_tree_id": "", "next_run_at": "", "last_run_at": "",
		 "max_runs": 1, "run_count": 1, "placement_constraints": {}, "attempt_id": 1, "idempotency_key": "", "last_assigned_node": "",
		 "schedule_type": "x", "lease_id": "x"},
		{"id": "b", "name": "data_processor", "inputs": {"data": [1], "operation": "count"}, "parent_id": "a",
		 "dependencies": [{"id": "a", "required": false, "type": "x", "no_such_field": 1}]}]}`
)

// nightlySchedule is a tree with a schedule.
const nightlySchedule = `{"schedule": {"cron": "0 3 * * *", "jitter": 60}, "tasks": [{"id": "cpu", "executor": "system_info"}]}`

// treeFields lists the fields of a tree: those of fieldsTree that validation
// does not report as unknown.
func (h home) treeFields(t *testing.T) []string {
	t.Helper()
	file := filepath.Join(h.dir, "fields.json")
	write(t, file, fieldsTree)
	var report struct {
		Problems, Warnings []struct{ Path, Code string }
	}
	h.printed(t, 2, &report, "validate", file, "--json")
	unknown, ignored := map[string]bool{}, map[string]bool{}
	for _, each := range report.Problems {
		unknown[each.Path] = each.Code == "unknown_field"
	}
	for _, each := range report.Warnings {
		ignored[each.Path] = each.Code == "ignored"
	}
	var tree map[string]any
	require.NoError(t, json.Unmarshal([]byte(fieldsTree), &tree))
	lines := map[string]bool{}
	var walk func(path, shown string, value any)
	walk = func(path, shown string, value any) {
		fields, _ := value.(map[string]any)
		for name, inner := range fields {
			at := strings.TrimPrefix(path+"."+name, ".")
			line := strings.TrimPrefix(shown+"."+name, ".")
			switch {
			case unknown[at]:
				continue
			case ignored[at]:
				lines[line+" (ignored)"] = true
				continue
			}
			lines[line] = true
			switch name {
			case "schemas", "params", "retry":
				walk(at, line, inner)
			}
		}
	}
	tasks, _ := tree["tasks"].([]any)
	walk("", "", tree)
	walk("tasks[0]", "tasks[]", tasks[0])
	second, _ := tasks[1].(map[string]any)
	dependencies, _ := second["dependencies"].([]any)
	walk("tasks[1].dependencies[0]", "tasks[].dependencies[]", dependencies[0])
	return slices.Sorted(maps.Keys(lines))
}

// printedJSON lists the fields of the JSON that commands print, unless they are
// listed elsewhere.
func (h home) printedJSON(t *testing.T) (lines []string) {
	t.Helper()
	h.variables = append(slices.Clone(h.variables), model(t, answers).variables...)
	h.variables = append(h.variables, "CHAINWRIGHT_LLM_PROVIDER=openai", "CHAINWRIGHT_LLM_MODEL=gpt-4.1-mini")
	file := func(name, text string) string {
		path := filepath.Join(h.dir, name)
		write(t, path, text)
		return path
	}
	outcomes, wrong := file("outcomes.json", outcomesTree), file("wrong.json", wrongTree)
	table := file("table.jsonl", `{"task": "Find a round-trip flight"}`+"\n")
	steps := file("steps.yaml", "steps:\n- prompt: What is the capital of France?\n")
	show := func(title string, opaque []string, outputs ...string) {
		seen := map[string]map[string]bool{}
		for _, output := range outputs {
			var value any
			require.NoError(t, json.Unmarshal([]byte(output), &value), "%s: %s", title, output)
			seenFields(value, "", opaque, seen)
		}
		lines = append(lines, title)
		for _, path := range slices.Sorted(maps.Keys(seen)) {
			if path != "" {
				lines = append(lines, "  "+path+" "+strings.Join(slices.Sorted(maps.Keys(seen[path])), "|"))
			}
		}
	}
	output := func(arguments ...string) string { out, _ := h.command(t, arguments...); return out }
	// The view of a run has no other fields than the listed ones.
	asRun := func(output string) {
		var value any
		require.NoError(t, json.Unmarshal([]byte(output), &value), output)
		seen := map[string]map[string]bool{}
		seenFields(value, "", []string{"counts", "tasks[].result"}, seen)
		listed := fieldsOf(reflect.TypeFor[chain.RunView](), "")
		for path := range seen {
			if path != "" && !strings.HasSuffix(path, "[]") {
				require.True(t, slices.ContainsFunc(listed, func(line string) bool { return strings.HasPrefix(line, path+" ") }), path)
			}
		}
	}
	run := output("run", outcomes, "--json")
	asRun(run)
	var started struct {
		RunID string `json:"run_id"`
	}
	require.NoError(t, json.Unmarshal([]byte(run), &started))
	asRun(output("runs", started.RunID, "--json"))
	asRun(output("retry", started.RunID, "--json"))
	asRun(output("cancel", started.RunID, "--json"))
	show("runs --json", []string{"runs[].counts"}, output("runs", "--json"))
	show("validate --json", nil, output("validate", outcomes, "--json"), output("validate", wrong, "--json"), output("--read-only", "validate", wrong, "--json"))
	large := `{"data": "` + strings.Repeat("x", 40_000) + `", "operation": "jq", "program": "."}`
	show("call (the envelope of every tool)", []string{"result", "next.arguments"},
		output("call", "data_processor", "--inputs", `{"data": [1], "operation": "count"}`),
		output("call", "data_processor", "--inputs", `{"data": 1, "operation": "conut"}`),
		output("call", "data_processor", "--inputs", "@"+file("large.json", large)),
		output("call", "run_task_tree", "--inputs", `{"tasks": `+outcomesTree+`}`),
		output("call", "cancel_run", "--inputs", `{"run_id": "`+started.RunID+`"}`),
		output("call", "command_executor", "--inputs", fmt.Sprintf(`{"command": [%q, "run", "--no-such-flag"]}`, peers.Chainwright(t))))
	ofSchema := func(name string) []string { return []string{name + "input_schema", name + "output_schema"} }
	show("tools --json", ofSchema("tools[]."), output("tools", "--json"))
	show("executors --json", append(ofSchema("executors[]."), "executors[].examples[].inputs", "executors[].examples[].result"), output("executors", "--json"))
	show("executors list ID --json", append(ofSchema(""), "examples[].inputs", "examples[].result"), output("executors", "list", "rest_executor", "--json"))
	show("generate task-tree", []string{"tasks[].inputs"},
		output("generate", "task-tree", "--provider", "builtin", "Measure CPU and memory in parallel and write a report to report.md", "--save", "--name", "measured"))
	show("trees --json", []string{"trees[].inputs"}, output("trees", "--json"))
	planned := h
	planned.variables = append(slices.Clone(h.variables), "CHAINWRIGHT_TREES="+filepath.Join(h.dir, "planned"))
	require.NoError(t, os.Mkdir(filepath.Join(h.dir, "planned"), 0o700))
	tree := file(filepath.Join("planned", "nightly.json"), nightlySchedule)
	enabled, _ := planned.command(t, "schedules", "enable", "nightly", "--yes", "--json")
	shown, _ := planned.command(t, "schedules", "show", "nightly", "--json")
	all, _ := planned.command(t, "schedules", "--json")
	show("schedules show|enable --json", nil, enabled, shown)
	show("schedules --json", nil, all)
	show("validate --json with a schedule", nil, output("validate", tree, "--json"))
	show("store --json", []string{"statuses"}, output("store", "--json"))
	exported := filepath.Join(h.dir, "export.jsonl")
	show("store backup --json", nil, output("store", "backup", filepath.Join(h.dir, "copy.db"), "--json"))
	show("store export --json", nil, output("store", "export", exported, "--json"))
	show("store import --json", nil, output("store", "import", exported, "--json"))
	show("generate sequential", nil, output("generate", "sequential", "--input", table, "--output", filepath.Join(h.dir, "out.jsonl"), "--input-task-key", "task"))
	unwell := h
	unwell.variables = append(slices.Clone(h.variables), "CHAINWRIGHT_POLICY_COMMAND_SHELL=true",
		"CHAINWRIGHT_HTTP_TOKENS={ci: {env: OPENAI_BASE_URL, scopes: [\"runs:read\"]}}")
	report, code := unwell.command(t, "doctor", "--json")
	require.Equal(t, 1, code)
	show("doctor --json", nil, output("doctor", "--json"), report)
	show("init --json", nil, output("init", "--user", "--force", "--open", "network:127.0.0.1:1", "--json"))
	show("executors new --json", nil, output("executors", "new", "own", "--executors-dir", filepath.Join(h.dir, "own"), "--json"))
	show("chain --json", nil, output("chain", steps, "--input", "x", "--json"))
	return lines
}

// exitCodes lists all exit codes of the commands.
func (h home) exitCodes(t *testing.T) (lines []string) {
	t.Helper()
	outcomes := filepath.Join(h.dir, "outcomes.json")
	write(t, outcomes, outcomesTree)
	for _, each := range []struct {
		means     string
		code      int
		arguments []string
	}{
		{"done", 0, []string{"version"}},
		{"the work failed", 1, []string{"run", outcomes}},
		{"a mistake in the command or its input", 2, []string{"run", "--no-such-flag"}},
		{"policy forbids it", 3, []string{"call", "rest_executor", "--inputs", `{"url": "http://127.0.0.1:1"}`}},
	} {
		_, code := h.command(t, each.arguments...)
		require.Equal(t, each.code, code, "%q", each.arguments)
		lines = append(lines, strings.Join([]string{string(rune('0' + code)), each.means}, " "))
	}
	lines = append(lines, "4 stopping took too long", "130 interrupted") // held by TestTheProcessEnds in transport/cli and by cancel.txtar
	return append(lines, "all: "+strings.Join(constants(t, "transport", `^$`, `^[eE]xit[A-Z]`), " "))
}
