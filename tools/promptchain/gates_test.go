package promptchain_test

import (
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

// Each kind of gate accepts a reply, or requests it again with the reason,
// within the one task of its step.
func TestGateKinds(t *testing.T) {
	t.Parallel()
	for name, each := range map[string]struct{ gate, more, bad, good, reason string }{
		"regular expression": {gate: `{"matches": "^[0-9]+$"}`, bad: "many", good: "12", reason: "^[0-9]+$"},
		"too short":          {gate: `{"min_length": 3}`, bad: "no", good: "yes", reason: "at least 3 characters; it has 2"},
		"too long":           {gate: `{"max_length": 2}`, bad: "yes", good: "no", reason: "at most 2 characters; it has 3"},
		"schema":             {gate: `{"schema": {"type": "object", "required": ["a"]}}`, bad: `{"b": 1}`, good: `{"a": 1}`, reason: "a is required"},
		"condition":          {gate: `{"condition": "startswith(\"$${{ \")"}`, bad: "${ x", good: "$${{ x }}", reason: `startswith("$${{ ")`},
		"condition on JSON": {gate: `{"condition": ".n > 2"}`, more: `"output_schema": {"type": "object", "properties": {"n": {"type": "integer"}}},`,
			bad: `{"n": 1}`, good: `{"n": 3}`, reason: ".n > 2"},
		"all together": {gate: `{"matches": "a", "min_length": 2, "condition": "length < 9"}`, bad: "b", good: "aa", reason: "at least 2 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := with(t, steps("first", each.bad, each.good, "last"))
			got := b.completed(`{"input": "i", "steps": ["a", {`+each.more+`"prompt": "b", "gate": `+each.gate+`}, "c"]}`, "first", each.good, "last")
			step := got.Steps[1]
			if step.Gate == nil || !step.Gate.Passed || step.Gate.Attempts != 2 || step.Attempts != 1 || step.Usage.Requests != 2 || got.Usage.Requests != 4 {
				t.Errorf("%+v", step)
			}
			again := b.model.Requests()[2]
			if len(again.Messages) != 3 || again.Messages[0].Content != "b\nInput:\nfirst" || again.Messages[1].Content != each.bad || !strings.Contains(again.Last(), each.reason) {
				t.Errorf("%s", again.Body)
			}
			b.sent(3, "c\nInput:\n"+strings.ReplaceAll(each.good, `{"n": 3}`, `{"n":3}`))
		})
	}
}

// A model as judge receives only the criterion and the reply. Its reason is
// sent back, and its usage counts for the step.
func TestGateJudge(t *testing.T) {
	t.Parallel()
	b := with(t, steps("rude", `{"passed": false, "reason": "It is rude."}`, "kind", `{"passed": true, "reason": "Fine."}`, "Danke"))
	got := b.completed(`{"input": "i", "model": "writer", "steps": [
		{"name": "draft", "prompt": "Answer ${{ input }}", "system": "You are short.", "temperature": 0.9, "gate": {"judge": "It is polite.", "judge_model": "strict"}},
		{"prompt": "Translate ${{ prev }}"}]}`, "kind", "Danke")
	draft := got.Steps[0]
	if draft.Gate == nil || !draft.Gate.Passed || draft.Gate.Attempts != 2 || draft.Usage.Requests != 4 || draft.Attempts != 1 || got.Usage.Requests != 5 {
		t.Errorf("%+v", draft)
	}
	sent := b.model.Requests()
	for _, i := range []int{1, 3} {
		judging := sent[i]
		if judging.Model != "strict" || len(judging.Messages) != 2 || !strings.Contains(judging.Messages[0].Content, "It is polite.") || judging.Field("temperature") != 0.0 || judging.Field("response_format") == nil {
			t.Errorf("request %d: %s", i, judging.Body)
		}
	}
	b.sent(1, "rude")
	b.sent(3, "kind")
	if again := sent[2]; again.Model != "writer" || again.Field("temperature") != 0.9 || len(again.Messages) != 4 || again.Messages[2].Content != "rude" || !strings.Contains(again.Last(), "It is rude.") {
		t.Errorf("%s", again.Body)
	}
	b.sent(4, "Translate kind")
}

// If a judge never accepts, the chain ends as on_failure says. If the judge
// can't be asked, the step fails. The replies are kept.
func TestGateJudgeFailures(t *testing.T) {
	t.Parallel()
	no := `{"passed": false, "reason": "It is rude."}`
	call := func(more string) string {
		return `{"input": "i", "steps": [{"prompt": "a", "gate": {"judge": "It is polite."` + more + `}}, {"name": "b", "prompt": "b"}, {"name": "c", "prompt": "c"}]}`
	}
	t.Run("retry in vain", func(t *testing.T) {
		t.Parallel()
		b := with(t, steps("1", no, "2", no, "3", no))
		got, err := b.call(call(""))
		if err == nil || err.Code != "gate" || !strings.Contains(err.Message, "It is rude.") || got.Steps[0].Content != "3" || got.Usage.Requests != 6 || got.Steps[1].Status != "skipped" {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("stop", func(t *testing.T) {
		t.Parallel()
		got := with(t, steps("1", no)).completed(call(`, "on_failure": "stop"`), "1")
		if reasons := got.Steps[0].Gate.Reasons; len(reasons) != 1 || reasons[0] != "It is rude." {
			t.Errorf("%q", reasons)
		}
	})
	t.Run("fallback", func(t *testing.T) {
		t.Parallel()
		b := with(t, steps("1", no, "3"))
		b.completed(call(`, "fallback": "c"`), "1", "3")
		b.sent(2, "c\nInput:\n1")
	})
	t.Run("no judge", func(t *testing.T) {
		t.Parallel()
		b := with(t, llmtest.Script{Steps: []llmtest.Step{{Text: "1"}, {Status: 401, Message: "who are you?"}}})
		got, err := b.call(call(`, "on_failure": "stop"`))
		if err == nil || err.Code == "gate" || !strings.Contains(err.Message, "judging the reply") || got.Steps[0].Content != "1" || got.Status != "failed" {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// What happens when the reply does not pass the gate.
func TestGates(t *testing.T) {
	t.Parallel()
	gated := func(gate string) string {
		return `{"input": "i", "steps": [{"name": "a", "prompt": "A", "gate": ` + gate + `}, {"name": "b", "prompt": "B"}, {"name": "c", "prompt": "C ${{ prev }} ${{ steps.b // \"\" }}"}]}`
	}
	t.Run("retry", func(t *testing.T) {
		t.Parallel()
		b := with(t, steps("no", "yes", "b", "c"))
		got := b.completed(gated(`{"matches": "^yes$"}`), "yes", "b", "c")
		if g := got.Steps[0].Gate; g == nil || !g.Passed || g.Attempts != 2 || got.Steps[0].Usage.Requests != 2 || got.Steps[0].Attempts != 1 {
			t.Errorf("%+v", got.Steps[0])
		}
		if again := b.model.Requests()[1]; len(again.Messages) != 3 || !strings.Contains(again.Last(), "^yes$") {
			t.Errorf("%s", again.Body)
		}
		b.sent(3, "C b b")
	})
	t.Run("retry in vain", func(t *testing.T) {
		t.Parallel()
		b := with(t, steps("no", "no", "no"))
		got, err := b.call(gated(`{"matches": "^yes$"}`))
		if err == nil || err.Code != "gate" || got.Status != "failed" || got.Steps[0].Content != "no" || got.Usage.Requests != 3 || got.Steps[1].Status != "skipped" {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("fail", func(t *testing.T) {
		t.Parallel()
		b := with(t, steps("no"))
		if got, err := b.call(gated(`{"min_length": 3, "on_failure": "fail"}`)); err == nil || err.Code != "gate" || err.Field != "steps[0]" || got.Usage.Requests != 1 {
			t.Errorf("%+v, %v", got, err)
		}
	})
	t.Run("stop", func(t *testing.T) {
		t.Parallel()
		b := with(t, steps("no"))
		got := b.completed(gated(`{"max_length": 1, "on_failure": "stop"}`), "no")
		if got.Steps[0].Gate.Passed || got.Steps[1].Status != "skipped" || got.Steps[2].Status != "skipped" {
			t.Errorf("%+v", got.Steps)
		}
	})
	t.Run("stop, but it passes", func(t *testing.T) {
		t.Parallel()
		with(t, steps("n", "b", "c")).completed(gated(`{"max_length": 1, "on_failure": "stop"}`), "n", "b", "c")
	})
	t.Run("fallback", func(t *testing.T) {
		t.Parallel()
		b := with(t, steps("no", "c"))
		got := b.completed(gated(`{"max_length": 1, "on_failure": "fallback", "fallback": "c"}`), "no", "c")
		if b.sent(1, "C no "); got.Steps[1].Status != "skipped" {
			t.Errorf("%+v", got.Steps)
		}
	})
	t.Run("a skipped step is read", func(t *testing.T) {
		t.Parallel()
		for _, source := range []string{"steps.b", "(steps.b)"} {
			text := strings.Replace(gated(`{"max_length": 1, "fallback": "c"}`), `steps.b // \"\"`, source, 1)
			got, err := with(t, steps("no")).call(text)
			if err == nil || err.Field != "steps[2]" || !strings.Contains(err.Message, source+" reads nothing") || !strings.Contains(err.Message, source+` // ""`) || got.Steps[1].Status != "skipped" {
				t.Errorf("%+v, %v", got, err)
			}
		}
	})
	t.Run("fallback alone", func(t *testing.T) {
		t.Parallel()
		with(t, steps("no", "c")).completed(gated(`{"max_length": 1, "fallback": "c"}`), "no", "c")
	})
	t.Run("fallback to the next", func(t *testing.T) {
		t.Parallel()
		with(t, steps("no", "b", "c")).completed(gated(`{"max_length": 1, "on_failure": "fallback", "fallback": "b"}`), "no", "b", "c")
	})
	t.Run("fallback after a retry", func(t *testing.T) {
		t.Parallel()
		with(t, steps("no", "no", "c")).completed(gated(`{"max_length": 1, "on_failure": "fallback", "fallback": "c", "retries": 1}`), "no", "c")
	})
	t.Run("fallback, but it passes", func(t *testing.T) {
		t.Parallel()
		b := with(t, steps("n", "b", "c"))
		b.completed(gated(`{"max_length": 1, "on_failure": "fallback", "fallback": "c"}`), "n", "b", "c")
		b.sent(2, "C b b")
	})
	t.Run("a failure goes on nowhere", func(t *testing.T) {
		t.Parallel()
		script := steps("n")
		script.Otherwise = &llmtest.Step{Status: 400, Message: "bad"}
		b := with(t, script)
		got, err := b.call(gated(`{"max_length": 1, "on_failure": "fallback", "fallback": "c"}`))
		if err == nil || err.Field != "steps[1]" || got.Steps[2].Status != "skipped" || b.model.Count() != 2 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
