package llm_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

type gated struct {
	result
	Gate *llm.GateResult
}

// gate calls the executor with a gate; the model returns the replies in order.
func gate(t *testing.T, inputs string, replies ...string) (*llmtest.Server, executors.Outcome, gated) {
	t.Helper()
	var script llmtest.Script
	for _, reply := range replies {
		script.Steps = append(script.Steps, llmtest.Step{Text: reply})
	}
	server, registry := connected(t, script, llm.Settings{Model: "m"})
	out := executortest.Call(t, registry, "llm_executor", inputs)
	var got gated
	got.result = read(t, out)
	var own struct{ Gate *llm.GateResult }
	if err := json.Unmarshal(out.Result, &own); err != nil {
		t.Fatal(err)
	}
	got.Gate = own.Gate
	return server, out, got
}

// TestGateKinds checks that each check passes good replies and sends bad ones back
// with the reason.
func TestGateKinds(t *testing.T) {
	t.Parallel()
	for name, each := range map[string]struct{ gate, more, bad, good, reason string }{
		"pattern":             {gate: `{"matches": "^[0-9]+$"}`, bad: "many", good: "12", reason: "^[0-9]+$"},
		"too short":           {gate: `{"min_length": 3}`, bad: "éé", good: "ééé", reason: "at least 3 characters; it has 2"},
		"too long":            {gate: `{"max_length": 2}`, bad: "ééé", good: "éé", reason: "at most 2 characters; it has 3"},
		"no JSON":             {gate: `{"schema": {"type": "object"}}`, bad: "text", good: " {}\n", reason: "it must be JSON"},
		"schema":              {gate: `{"schema": {"type": "object", "required": ["a"]}}`, bad: `{"b": 1}`, good: `{"a": 1}`, reason: "a is required"},
		"condition":           {gate: `{"condition": "length < 4"}`, bad: "long text", good: "no", reason: "length < 4"},
		"condition on JSON":   {gate: `{"condition": ".n > 2"}`, more: `, "output_schema": {"type": "object"}`, bad: `{"n": 1}`, good: `{"n": 3}`, reason: ".n > 2"},
		"condition that errs": {gate: `{"condition": "tonumber > 2"}`, bad: "x", good: "3", reason: "failed: tonumber"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, out, got := gate(t, `{"prompt": "p"`+each.more+`, "gate": `+each.gate+`}`, each.bad, each.good)
			if out.Err != nil || strings.TrimSpace(got.Content) != strings.TrimSpace(each.good) || got.Gate == nil || !got.Gate.Passed || got.Gate.Attempts != 2 || got.Usage.Requests != 2 {
				t.Fatalf("%s, %v", out.Result, out.Err)
			}
			again := server.Requests()[1]
			if len(again.Messages) != 3 || again.Messages[1].Content != each.bad || !strings.Contains(again.Last(), each.reason) {
				t.Errorf("%s", again.Body)
			}
		})
	}
}

// TestGateJudge checks what the judge receives and that its reason is sent back.
func TestGateJudge(t *testing.T) {
	t.Parallel()
	server, out, got := gate(t, `{"prompt": "p", "gate": {"judge": "It is polite.", "judge_model": "strict", "max_length": 20}}`,
		"a reply that is far too long", "rude", `{"passed": false, "reason": "It is rude."}`, "kind", `{"passed": true, "reason": "Fine."}`)
	if out.Err != nil || got.Content != "kind" || got.Gate.Attempts != 3 || got.Usage.Requests != 5 {
		t.Fatalf("%s, %v", out.Result, out.Err)
	}
	sent := server.Requests()
	if sent[2].Model != "strict" || sent[2].Last() != "rude" || !strings.Contains(sent[2].Messages[0].Content, "It is polite.") || sent[2].Field("temperature") != 0.0 {
		t.Errorf("%s", sent[2].Body)
	}
	if sent[3].Model != "m" || !strings.Contains(sent[3].Last(), "It is rude.") {
		t.Errorf("%s", sent[3].Body)
	}
}

// TestGateFailures covers calls whose replies never pass.
func TestGateFailures(t *testing.T) {
	t.Parallel()
	for inputs, each := range map[string]struct {
		requests int
		fails    bool
	}{
		`{"matches": "yes"}`:                                        {3, true},
		`{"matches": "yes", "retries": 0}`:                          {1, true},
		`{"matches": "yes", "on_failure": "retry", "retries": 1}`:   {2, true},
		`{"matches": "yes", "on_failure": "fail"}`:                  {1, true},
		`{"matches": "yes", "on_failure": "keep"}`:                  {1, false},
		`{"matches": "yes", "on_failure": "keep", "retries": 2}`:    {3, false},
		`{"matches": "yes", "min_length": 9, "on_failure": "keep"}`: {1, false},
	} {
		_, out, got := gate(t, `{"prompt": "p", "gate": `+inputs+`}`, "no", "no", "no")
		if (out.Err != nil) != each.fails || got.Success == each.fails || got.Content != "no" || got.Gate == nil || got.Gate.Passed || got.Gate.Attempts != each.requests || got.Usage.Requests != each.requests {
			t.Errorf("%s: %s, %v", inputs, out.Result, out.Err)
		}
		if each.fails && (out.Err.Code != "gate" || out.Err.Retryable || !strings.Contains(out.Err.Message, "yes")) {
			t.Errorf("%s: %+v", inputs, out.Err)
		}
	}
}

// TestCostlyGates: a gate whose expression is too large, or too large for the
// reply, ends the call at once.
func TestCostlyGates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		matches string
		kind    executors.ErrorType
		says    string
	}{
		"counted repetitions": {strings.Repeat("[ab]{1000}", 25), executors.ValidationError, "multiply its size"},
		"over a long reply":   {strings.Repeat("[ab]{1000}", 8), executors.ExecutionError, "too many for the regular expression"},
	} {
		_, registry := connected(t, llmtest.Script{Steps: []llmtest.Step{{Text: strings.Repeat("a", 100_000)}}}, llm.Settings{Model: "m"})
		out := executortest.Call(t, registry, "llm_executor", `{"prompt": "p", "gate": {"matches": "`+c.matches+`"}}`)
		if out.Err == nil || out.Err.Type != c.kind || out.Err.Field != "gate.matches" || !strings.Contains(out.Err.Message, c.says) {
			t.Errorf("%s: %+v", name, out.Err)
		}
	}
}
