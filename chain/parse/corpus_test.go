package parse_test

import (
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
)

// apflow are trees in the forms of both versions of apflow.
var apflow = map[string]string{
	"schemas.method": `[{"id": "a", "name": "CPU", "schemas": {"method": "system_info_executor"}, "inputs": {"resource": "cpu"}},
		{"id": "b", "name": "All", "schemas": {"type": "core", "method": "aggregate_results_executor"}, "parent_id": "a", "dependencies": [{"id": "a", "required": true}]}]`,
	"params.executor_id": `[{"id": "a", "name": "CPU", "params": {"executor_id": "system_info_executor"}, "inputs": {"resource": "cpu"}, "priority": 1, "user_id": "u"}]`,
	"name":               `[{"name": "system_info_executor"}, {"name": "data_processor", "inputs": {"data": [1]}, "dependencies": ["task_1"], "parent_id": "task_1"}]`,
	"records": `[{"id": "a", "name": "CPU", "schemas": {"method": "system_info_executor"}, "status": "completed", "result": {}, "error": null, "progress": 1.0,
		"created_at": "2026-01-01T00:00:00Z", "has_children": false, "has_references": false, "origin_type": "create", "original_task_id": null, "task_tree_id": "t",
		"schedule_type": null, "schedule_enabled": false, "lease_id": null, "max_runs": null, "run_count": 0, "attempt_id": 0}]`,
}

// Every tree of testdata, of the documents and of both versions of apflow is valid.
func TestCorpus(t *testing.T) {
	t.Parallel()
	reg := executortest.Registry(t, nil, builtin.All()...)
	checked := 0
	check := func(name, text string) {
		checked++
		tree, report := parse.Parse([]byte(text), reg, parse.Options{})
		if !report.Valid() {
			t.Errorf("%s: %v", name, report.Problems)
			return
		}
		again(t, reg, tree)
	}
	for name, text := range apflow {
		check(name, text)
	}
	for name, text := range corpus(t) {
		if strings.HasPrefix(name, "../../") {
			check(name, text)
		}
	}
	if checked < 15 {
		t.Errorf("only %d trees", checked)
	}
}
