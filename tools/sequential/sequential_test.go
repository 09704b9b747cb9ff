package sequential

import (
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

const (
	flight   = "Search for a round-trip flight from New York to London, departing on November 15th and returning on November 22nd, with a budget of $500 or less."
	airline  = "What is the airline offering the cheapest fare within the budget for this round-trip flight?"
	composed = "Find the airline offering the cheapest fare within a budget of $500 for a round-trip flight from New York to London, departing on November 15th and returning on November 22nd."
)

func TestDefinition(t *testing.T) {
	t.Parallel()
	executortest.Check(t, New())
}

func call(t *testing.T, server *llmtest.Server, inputs string) (map[string]any, *executors.Error) {
	t.Helper()
	g := New()
	g.UseModels(server.Client(llm.Settings{Provider: llm.OpenAI, Model: "test"}))
	out := executortest.Run(t, g, inputs, nil)
	var result map[string]any
	if out.Result != nil {
		if err := json.Unmarshal(out.Result, &result); err != nil {
			t.Fatal(err)
		}
	}
	return result, out.Err
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestExampleRecord is DataFlow's own example, with its default keys and with
// others, and a model that answers in text.
func TestExampleRecord(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Script{Answer: func(r llmtest.Request) llmtest.Step {
		if asked(r) != flight {
			return llmtest.Step{Status: 400, Message: "another task"}
		}
		return llmtest.Step{Text: "**Subsequent Task:** " + airline + "\n**Composition Task:** " + composed}
	}})
	got, err := call(t, server, `{"record": {"atom_task": `+asJSON(t, flight)+`}, "input_task_key": "atom_task"}`)
	if want := asJSON(t, map[string]string{"atom_task": flight, "subsequent_task": airline, "composition_task": composed}); err != nil || asJSON(t, got) != want {
		t.Errorf("got %s, %v", asJSON(t, got), err)
	}
	got, err = call(t, server, `{"record": {"id": 1.50, "q": `+asJSON(t, flight)+`}, "input_task_key": "q", "output_subsequent_task_key": "next", "output_composition_task_key": "all"}`)
	if err != nil || got["next"] != airline || got["all"] != composed || got["q"] != flight || len(got) != 4 {
		t.Errorf("got %s, %v", asJSON(t, got), err)
	}
	got, err = call(t, server, `{"task": `+asJSON(t, flight)+`}`)
	if err != nil || got["task"] != flight || got["subsequent_task"] != airline || got["composition_task"] != composed || len(got) != 3 {
		t.Errorf("got %s, %v", asJSON(t, got), err)
	}
}

// TestInputErrors checks that invalid inputs are reported before the first
// request, with the field.
func TestInputErrors(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Script{Answer: func(r llmtest.Request) llmtest.Step { return good(asked(r)) }})
	cases := []struct{ inputs, field, says string }{
		{`{}`, "task", "exactly one"},
		{`{"task": "a", "record": {"a": "b"}, "input_task_key": "a"}`, "task", "exactly one"},
		{`{"task": "  "}`, "task", "is empty"},
		{`{"record": {"a": "b"}}`, "input_task_key", "required"},
		{`{"record": {"a": "b"}, "input_task_key": "c"}`, "record", "is missing"},
		{`{"record": {"a": 7}, "input_task_key": "a"}`, "record", "not a string"},
		{`{"records": [{"a": "x"}, {"a": ""}], "input_task_key": "a"}`, "records[1]", "is empty"},
		{`{"record": {"a": "b", "subsequent_task": "x"}, "input_task_key": "a"}`, "", "already"},
		{`{"record": {"a": "b"}, "input_task_key": "a", "output_subsequent_task_key": "o", "output_composition_task_key": "o"}`, "", "both"},
		{`{"record": {"a": "b"}, "input_task_key": "a", "output_subsequent_task_key": "a"}`, "", "itself"},
		{`{"records": [], "input_task_key": "a"}`, "records", ""},
	}
	for _, c := range cases {
		_, err := call(t, server, c.inputs)
		if err == nil || err.Type != executors.ValidationError || !strings.Contains(err.Message, c.says) || c.field != "" && err.Field != c.field {
			t.Errorf("%s: %v (field %+v)", c.inputs, err, err)
		}
	}
	if n := server.Count(); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
	got, err := call(t, server, `{"record": {"a": "b", "subsequent_task": "x"}, "input_task_key": "a", "overwrite": true}`)
	if err != nil || got["subsequent_task"] != "after b" {
		t.Errorf("with overwrite: %v, %v", got, err)
	}
}

// TestDepthModesAndJudge checks the output of several levels, the second mode
// and the judge.
func TestDepthModesAndJudge(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Script{Answer: func(r llmtest.Request) llmtest.Step {
		switch last := r.Last(); {
		case strings.Contains(last, "composition: "):
			return llmtest.Step{Text: `{"feasible": true, "complete": false, "consistent": true, "reason": "the date is lost"}`}
		case strings.Contains(r.Messages[0].Content, "parallel_task:"):
			return llmtest.Step{Text: `{"parallel_task": "p", "subsequent_task": "s", "composition_task": "c"}`}
		default:
			return good(asked(r))
		}
	}})
	got, err := call(t, server, `{"task": "t", "depth": 3, "check": true}`)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"check":{"complete":false,"consistent":true,"feasible":true,"passed":false,"reason":"the date is lost"},` +
		`"composition_task":"both both both t","levels":[` +
		`{"composition_task":"both t","subsequent_task":"after t"},` +
		`{"composition_task":"both both t","subsequent_task":"after both t"},` +
		`{"composition_task":"both both both t","subsequent_task":"after both both t"}],` +
		`"subsequent_task":"after both both t","task":"t"}`
	if asJSON(t, got) != want {
		t.Errorf("got  %s\nwant %s", asJSON(t, got), want)
	}
	got, err = call(t, server, `{"task": "t", "mode": "parallel_then_sequential"}`)
	if err != nil || asJSON(t, got) != `{"composition_task":"c","parallel_task":"p","subsequent_task":"s","task":"t"}` {
		t.Errorf("got %s, %v", asJSON(t, got), err)
	}
}

// TestPromptExamplesLanguage checks that these inputs replace the built-in
// ones.
func TestPromptExamplesLanguage(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Script{Answer: func(r llmtest.Request) llmtest.Step { return good(asked(r)) }})
	if _, err := call(t, server, `{"task": "t", "prompt": "Do as I say.", "language": "German", "temperature": 0, "examples": [{"task": "e", "subsequent_task": "f", "composition_task": "g"}]}`); err != nil {
		t.Fatal(err)
	}
	if _, err := call(t, server, `{"task": "t", "examples": []}`); err != nil {
		t.Fatal(err)
	}
	requests := server.Requests()
	m := requests[0].Messages
	if len(m) != 4 || !strings.HasPrefix(m[0].Content, "Do as I say.") || !strings.Contains(m[0].Content, "German") || m[1].Content != "task: e" ||
		m[2].Content != `{"subsequent_task": "f", "composition_task": "g"}` || m[3].Content != "task: t" {
		t.Errorf("got %+v", m)
	}
	if requests[0].Field("temperature") != 0.0 || requests[0].Field("response_format") == nil {
		t.Errorf("the request is %s", requests[0].Body)
	}
	if n := len(requests[1].Messages); n != 2 {
		t.Errorf("%d messages without examples", n)
	}
}

// TestBadReplies checks that an invalid reply is requested again, and that a
// reply that is still invalid is an error that keeps it unchanged.
func TestBadReplies(t *testing.T) {
	t.Parallel()
	fine := good("t").Text
	cases := []struct {
		name    string
		steps   []llmtest.Step
		asked   int
		problem string
	}{
		{"text at once", []llmtest.Step{{Text: "subsequent_task: after t\ncomposition_task: both t"}}, 1, ""},
		{"camelCase and a comma", []llmtest.Step{{Text: `{"subsequentTask": "after t", "compositionTask": "both t",}`}}, 1, ""},
		{"only in the thinking", []llmtest.Step{{Thinking: "subsequent_task: after t\ncomposition_task: both t"}}, 1, ""},
		{"cut off", []llmtest.Step{{Text: "subsequent_task: after t\ncomposition_task: bo", Finish: "length"}, {Text: fine}}, 2, ""},
		{"cut off behind valid JSON", []llmtest.Step{{Text: fine, Finish: "length"}, {Text: fine}}, 2, ""},
		{"empty", []llmtest.Step{{Text: ""}, {Text: fine}}, 2, ""},
		{"one is missing", []llmtest.Step{{Text: "subsequent_task: after t"}, {Text: fine}}, 2, ""},
		{"one is null", []llmtest.Step{{Text: `{"subsequent_task": "after t", "composition_task": null}`}, {Text: fine}}, 2, ""},
		{"one is empty", []llmtest.Step{{Text: `{"subsequent_task": "after t", "composition_task": " "}`}, {Text: fine}}, 2, ""},
		{"one is always missing", []llmtest.Step{{Text: "subsequent_task: after t", Times: 9}}, 3, "subsequent_task: after t"},
		{"always prose", []llmtest.Step{{Text: "I won't.", Times: 9}}, 3, "I won't."},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := llmtest.New(t, llmtest.Script{Steps: c.steps})
			got, err := call(t, server, `{"task": "t", "max_tokens": 100}`)
			if server.Count() != c.asked {
				t.Errorf("%d requests", server.Count())
			}
			if c.problem == "" {
				if err != nil || got["subsequent_task"] != "after t" || got["composition_task"] != "both t" {
					t.Errorf("got %v, %v", got, err)
				}
				return
			}
			if err == nil || err.Type != executors.ExecutionError || got["raw_reply"] != c.problem {
				t.Errorf("got %v, %v", got, err)
			}
			if _, has := got["composition_task"]; has {
				t.Errorf("a value was made up: %v", got)
			}
			requests := server.Requests()
			if c.name == "cut off" && requests[1].Field("max_tokens").(float64) <= 100 {
				t.Errorf("asked again with %s", requests[1].Body)
			}
		})
	}
}

// TestRecords checks that records keep their order and members, that equal
// tasks are paid for once, and that a failed record does not affect the others.
func TestRecords(t *testing.T) {
	t.Parallel()
	var again atomic.Int32
	server := llmtest.New(t, llmtest.Script{Answer: func(r llmtest.Request) llmtest.Step {
		switch task := asked(r); {
		case task == "never":
			return llmtest.Step{Status: 400, Code: "content_filter", Message: "no"}
		case task == "once" && again.Add(1) == 1:
			return llmtest.Step{Status: 500, RetryAfter: "0"}
		default:
			return good(task)
		}
	}})
	in := `{"records": [{"q": "a", "n": 12345678901234567890.10}, {"q": "never"}, {"q": "a"}, {"q": "once"}], "input_task_key": "q"`
	got, err := call(t, server, in+`}`)
	if err != nil {
		t.Fatal(err)
	}
	records, _ := got["records"].([]any)
	if len(records) != 4 || asJSON(t, got["counts"]) != `{"failed":1,"ok":3}` {
		t.Fatalf("got %s", asJSON(t, got))
	}
	for i, task := range []string{"a", "never", "a", "once"} {
		r := records[i].(map[string]any)
		if task == "never" {
			if r["error"] == nil || r["error_type"] == nil || r["subsequent_task"] != nil {
				t.Errorf("got %v", r)
			}
			continue
		}
		if r["q"] != task || r["subsequent_task"] != "after "+task || r["composition_task"] != "both "+task || r["error"] != nil {
			t.Errorf("got %v", r)
		}
	}
	if n := server.Count(); n != 4 { // a, never, once, once
		t.Errorf("%d requests", n)
	}
	if usage := got["usage"].(map[string]any); usage["requests"].(float64) < 3 {
		t.Errorf("usage is %v", usage)
	}
	if _, err := call(t, server, in+`, "cache": false}`); err != nil {
		t.Fatal(err)
	}
	if n := server.Count(); n != 8 {
		t.Errorf("%d requests with the cache off", n)
	}
}

// TestCeiling checks that a batch stops at its limit and returns the results so
// far.
func TestCeiling(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Script{Answer: func(r llmtest.Request) llmtest.Step {
		step := good(asked(r))
		step.Usage = &llmtest.Usage{Input: 50, Output: 50}
		return step
	}})
	got, err := call(t, server, `{"records": [{"q": "a"}, {"q": "b"}, {"q": "c"}, {"q": "d"}], "input_task_key": "q", "workers": 1, "max_tokens_total": 200}`)
	if err == nil || !strings.Contains(err.Message, "ceiling") || asJSON(t, got["counts"]) != `{"failed":0,"ok":2,"unreached":2}` || server.Count() != 2 {
		t.Errorf("got %s, %v after %d requests", asJSON(t, got), err, server.Count())
	}
}

// TestNoModel checks that the tool is closed without a model.
func TestNoModel(t *testing.T) {
	t.Parallel()
	g := New()
	if _, closed := g.Closed(); !closed {
		t.Error("it is open")
	}
	g.UseModels(llmtest.Client(t, llm.Settings{Provider: llm.None}, nil))
	if _, closed := g.Closed(); !closed {
		t.Error("it is open with no provider")
	}
	var failed *executors.Error
	if out := executortest.Run(t, g, `{"task": "t"}`, nil); !errors.As(out.Err, &failed) || failed.Type != executors.PermissionDenied {
		t.Errorf("got %v", out.Err)
	}
}
