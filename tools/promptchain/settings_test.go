package promptchain_test

import (
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

// The timeout of a step applies to each attempt of this step only.
func TestStepTimeout(t *testing.T) {
	t.Parallel()
	b := with(t, llmtest.Script{Steps: []llmtest.Step{{Text: "one", Delay: 300 * time.Millisecond}, {Text: "late", Delay: time.Minute}}})
	got, err := b.call(`{"input": "i", "steps": ["a", {"prompt": "b", "timeout": 0.2, "retry": {"max_attempts": 1}}, "c"]}`)
	if err == nil || err.Type != executors.TimeoutError || err.Field != "steps[1]" {
		t.Fatalf("%+v, %v", got, err)
	}
	if strings.Join(got.Responses, "|") != "one" || got.Steps[1].Status != "failed" || got.Steps[1].Attempts != 1 || got.Steps[2].Status != "skipped" || b.model.Count() != 2 {
		t.Errorf("%d requests: %+v", b.model.Count(), got)
	}
}

// The retry policy of a step applies to this step only.
func TestStepRetry(t *testing.T) {
	t.Parallel()
	broken := llmtest.Step{Status: 500, Message: "it broke"}
	call := func(attempts string) string {
		return `{"input": "i", "steps": ["a", {"prompt": "b", "retry": {"max_attempts": ` + attempts + `, "backoff": "fixed", "initial_seconds": 0.01}}, "c"]}`
	}
	b := with(t, llmtest.Script{Steps: []llmtest.Step{{Text: "one"}, broken, broken, {Text: "two"}, {Text: "three"}}})
	if got := b.completed(call("3"), "one", "two", "three"); got.Steps[0].Attempts != 1 || got.Steps[1].Attempts != 3 || got.Steps[2].Attempts != 1 {
		t.Errorf("%+v", got.Steps)
	}
	b = with(t, llmtest.Script{Steps: []llmtest.Step{{Text: "one"}, broken, broken}})
	got, err := b.call(call("2"))
	if err == nil || !err.Retryable && err.Type != executors.ExecutionError || got.Steps[1].Attempts != 2 || b.model.Count() != 3 {
		t.Errorf("%d requests: %+v, %v", b.model.Count(), got, err)
	}
}

// A chain may be a task. There, templates of its steps have one more dollar
// sign, and results of other tasks in input are never read as templates.
func TestInsideATree(t *testing.T) {
	t.Parallel()
	b := with(t, steps("one", "two"))
	parse := func(prompt string) (*chain.Tree, chain.Report) {
		return parse.Parse([]byte(`[
			{"id": "get", "name": "Get", "schemas": {"method": "data_processor"}, "inputs": {"operation": "jq", "data": "a $${{ prev }} b", "program": "."}},
			{"id": "ask", "name": "Ask", "schemas": {"method": "prompt_chain"}, "inputs": {"input": "${{ tasks.get.result.result }}", "steps": [
				{"name": "first", "prompt": "Say"}, {"prompt": "`+prompt+`"}]}},
			{"id": "use", "name": "Use", "schemas": {"method": "data_processor"}, "inputs": {"operation": "jq", "data": "${{ tasks.ask.result.answer }}", "program": "."}}]`),
			b.reg, parse.Options{})
	}
	tree, report := parse("$${{ prev }} of $${{ steps.first | length }} for ${{ tasks.get.status }}: $${{ input }}")
	if !report.Valid() {
		t.Fatal(report.Problems)
	}
	started, err := chain.Start(t.Context(), b.runner, tree, chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	view, err := b.runner.Wait(t.Context(), started.ID, "")
	if err != nil || view.Status != chain.Completed || !strings.Contains(string(view.Tasks[2].Result), `"result":"two"`) {
		t.Fatalf("%+v, %v", view, err)
	}
	b.sent(0, "Say\nInput:\na ${{ prev }} b")
	b.sent(1, "one of 3 for completed: a ${{ prev }} b")

	for _, template := range []string{"prev", "input", "steps.first", "prev | length"} {
		_, report := parse("x ${{ " + template + " }}")
		if len(report.Problems) != 1 || report.Problems[0].Path != "tasks[1].inputs.steps[1].prompt" || !strings.Contains(report.Problems[0].Hint, "$${{ "+template+" }}") {
			t.Errorf("%s: %+v", template, report.Problems)
		}
	}
}
