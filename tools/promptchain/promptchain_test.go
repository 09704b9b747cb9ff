package promptchain_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
	"github.com/chainwright/chainwright/tools/promptchain"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDefinition(t *testing.T) {
	t.Parallel()
	executortest.Check(t, promptchain.New(promptchain.Options{}))
}

// bench is a generator with a scripted model.
type bench struct {
	t      *testing.T
	model  *llmtest.Server
	reg    *executors.Registry
	runner chain.Engine
}

func with(t *testing.T, script llmtest.Script, exclude ...string) *bench {
	t.Helper()
	return limited(t, script, llm.Settings{Model: "m"}, exclude...)
}

// limited is with for settings of the model.
func limited(t *testing.T, script llmtest.Script, settings llm.Settings, exclude ...string) *bench {
	t.Helper()
	b := &bench{t: t, model: llmtest.New(t, script)}
	all := builtin.All()
	client := b.model.Client(settings)
	llm.Connect(client, all...)
	b.reg = executortest.Registry(t, nil, all...)
	kept := memory.Open(memory.Options{})
	b.runner = engine.New(engine.Options{Registry: b.reg, Store: kept, Log: zerolog.Nop()})
	t.Cleanup(func() {
		if err := b.runner.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := kept.Close(); err != nil {
			t.Error(err)
		}
	})
	g := promptchain.New(promptchain.Options{Registry: b.reg, Runner: b.runner, Exclude: exclude})
	if _, closed := g.Closed(); !closed {
		t.Error("it is open without a model")
	}
	llm.Connect(client, g)
	if err := b.reg.Register(g); err != nil {
		t.Fatal(err)
	}
	return b
}

// steps answers each request with the next text.
func steps(texts ...string) llmtest.Script {
	var script llmtest.Script
	for _, text := range texts {
		script.Steps = append(script.Steps, llmtest.Step{Text: text})
	}
	return script
}

func read(t *testing.T, out executors.Outcome) promptchain.Output {
	t.Helper()
	var got promptchain.Output
	if len(out.Result) > 0 {
		if err := json.Unmarshal(out.Result, &got); err != nil {
			t.Fatalf("%v: %s", err, out.Result)
		}
	}
	return got
}

func (b *bench) call(inputs string) (promptchain.Output, *executors.Error) {
	b.t.Helper()
	out := executortest.Call(b.t, b.reg, promptchain.ID, inputs)
	return read(b.t, out), out.Err
}

// completed makes a call, and checks the replies and their order.
func (b *bench) completed(inputs string, want ...string) promptchain.Output {
	b.t.Helper()
	got, err := b.call(inputs)
	if err != nil {
		b.t.Fatalf("%v (%s)", err, err.Field)
	}
	if got.Status != "completed" || strings.Join(got.Responses, "|") != strings.Join(want, "|") || got.Answer != want[len(want)-1] {
		b.t.Errorf("%+v", got)
	}
	return got
}

// sent checks the last message of a request.
func (b *bench) sent(i int, want string) {
	b.t.Helper()
	all := b.model.Requests()
	if i >= len(all) {
		b.t.Fatalf("there were %d requests", len(all))
	}
	if got := all[i].Last(); got != want {
		b.t.Errorf("request %d: got %q, want %q", i, got, want)
	}
}

const sally = "Sally earns $12 an hour for babysitting. Yesterday, she just did 50 minutes of babysitting. How much did she earn?"

// A chain of plain prompts sends the same requests as the published workflow.
func TestPlainPrompts(t *testing.T) {
	t.Parallel()
	b := with(t, llmtest.Load(t, "babysitting"))
	prompts := []string{
		"Given the math problem, ONLY extract any relevant numerical information and how it can be used.",
		"Given the numberical information extracted, ONLY express the steps you would take to solve the problem.",
		"Given the steps, express the final answer to the problem.",
	}
	raw, err := json.Marshal(map[string]any{"input": sally, "steps": prompts, "model": "together-model"})
	if err != nil {
		t.Fatal(err)
	}
	replies := []string{"There are two children, aged 4 and 6.", "Twelve hours at 15 dollars each are 180 dollars.", "180"}
	got := b.completed(string(raw), replies...)
	previous := append([]string{sally}, replies...)
	for i, request := range b.model.Requests() {
		if len(request.Messages) != 1 || request.Messages[0].Role != llm.RoleUser || request.Model != "together-model" ||
			request.Field("temperature") != 0.7 || request.Field("max_tokens") != 4000.0 {
			t.Errorf("request %d is %s", i, request.Body)
		}
		b.sent(i, prompts[i]+"\nInput:\n"+previous[i])
	}
	if b.model.Count() != 3 || got.Usage.Requests != 3 || got.Usage.InputTokens != 170 || got.Steps[1].Usage.InputTokens != 60 || got.Steps[0].Name != "step_1" {
		t.Errorf("%d requests: %+v", b.model.Count(), got)
	}
}

// A plain prompt has no templates, and a streamed reply reports progress.
func TestPlainPromptIsText(t *testing.T) {
	t.Parallel()
	b := with(t, steps("one", "two"))
	inputs, wrong := b.reg.ResolveInputs(promptchain.ID, json.RawMessage(`{"input": "i", "steps": ["a ${{ prev }} $${{ x", "b"]}`))
	if wrong != nil {
		t.Fatal(wrong)
	}
	var told atomic.Int64
	out := b.reg.Invoke(t.Context(), promptchain.ID, &executors.Call{Inputs: inputs, OnProgress: func(p executors.Progress) {
		if p.Total != 2 {
			t.Errorf("%+v", p)
		}
		told.Add(1)
	}}, time.Minute)
	if out.Err != nil || told.Load() == 0 || !b.model.Requests()[0].Stream {
		t.Errorf("%d reports, %v", told.Load(), out.Err)
	}
	b.sent(0, "a ${{ prev }} $${{ x\nInput:\ni")
}

func TestSettingsAndTemplates(t *testing.T) {
	t.Parallel()
	b := with(t, steps(`{"n": 7, "who": "Ada"}`, "two", "three", "four"))
	got := b.completed(`{"input": "in ${{ prev }}", "model": "all", "steps": [
		{"name": "facts", "prompt": "Facts", "system": "About ${{ input }}", "temperature": 0, "max_tokens": 50,
		 "output_schema": {"type": "object", "properties": {"n": {"type": "integer"}, "who": {"type": "string"}}}},
		{"prompt": "${{ steps.facts.who | ascii_upcase }} and ${{ steps[\"facts\"].n + 1 }}", "model": "own", "timeout": 60},
		{"prompt": "${{ input }}|${{ \"\\(prev) or \\(steps.step_2)\" }}|$${{ prev }}"},
		{"name": "sum", "executor": "data_processor", "inputs": {"operation": "jq", "data": ["${{ prev }}", "${{ steps.facts }}"], "program": "{last: .[0], n: .[1].n}"}},
		{"prompt": "${{ prev.result }}"}]}`,
		`{"n": 7, "who": "Ada"}`, "two", "three", `{"operation":"jq","result":{"last":"three","n":7},"input_count":2}`, "four")
	first := b.model.Requests()[0]
	if first.Messages[0].Content != "About in ${{ prev }}" || first.Field("temperature") != 0.0 || first.Field("max_tokens") != 50.0 || first.Model != "all" ||
		first.Field("response_format") == nil || string(got.Steps[0].JSON) != `{"n":7,"who":"Ada"}` {
		t.Errorf("%s", first.Body)
	}
	b.sent(0, "Facts\nInput:\nin ${{ prev }}")
	b.sent(1, "ADA and 8")
	b.sent(2, "in ${{ prev }}|two or two|${{ prev }}")
	b.sent(3, `{"last":"three","n":7}`)
	if second := b.model.Requests()[1]; second.Model != "own" || second.Field("temperature") != nil {
		t.Errorf("%s", second.Body)
	}
}

// Invalid inputs are reported before the first request.
func TestWrongInputs(t *testing.T) {
	t.Parallel()
	b := with(t, llmtest.Script{}, "file_writer")
	for steps, field := range map[string]string{
		`[]`:                                  "steps",
		`["a", ""]`:                           "steps[1]",
		`["a", 3]`:                            "steps[1]",
		`["a", {"x": 1}]`:                     "steps[1].x",
		`[{"name": "a"}]`:                     "steps[0].prompt",
		`[{"prompt": "a", "temperature": 3}]`: "steps[0].temperature",
		`[{"prompt": "a", "name": "b c"}]`:    "steps[0].name",
		`[{"prompt": "a", "name": "b"}, {"prompt": "a", "name": "b"}]`:                                                           "steps[1].name",
		`["a", {"prompt": "${{ steps.nope }}"}]`:                                                                                 "steps[1].prompt",
		`[{"prompt": "${{ steps.b }}"}, {"name": "b", "prompt": "x"}]`:                                                           "steps[0].prompt",
		`["a", {"prompt": "${{ prev | }}"}]`:                                                                                     "steps[1].prompt",
		`["a", {"prompt": "x", "system": "${{ steps }}"}]`:                                                                       "steps[1].system",
		`["a", {"prompt": "x", "output_schema": {"type": "wrong"}}]`:                                                             "steps[1].output_schema",
		`["a", {"prompt": "x", "inputs": {}}]`:                                                                                   "steps[1].inputs",
		`["a", {"prompt": "x", "timeout": 4000}]`:                                                                                "steps[1].timeout",
		`["a", {"prompt": "x", "retry": {"max_attempts": 0}}]`:                                                                   "steps[1].retry.max_attempts",
		`["a", {"executor": "file_writer", "inputs": {}}]`:                                                                       "steps[1].executor",
		`["a", {"executor": "rest_executr", "inputs": {}}]`:                                                                      "steps[1].executor",
		`["a", {"executor": "rest_executor", "inputs": {"url": 3}}]`:                                                             "steps[1].inputs.url",
		`["a", {"executor": "rest_executor", "prompt": "x"}]`:                                                                    "steps[1].executor",
		`["a", {"executor": "rest_executor", "inputs": {"url": "https://example.com"}, "gate": {"min_length": 3}}]`:              "steps[1].executor",
		`["a", {"executor": "data_processor", "inputs": {"data": 1, "operation": "jq", "program": ".["}}]`:                       "steps[1].inputs.program",
		`["a", {"prompt": "x", "gate": {}}]`:                                                                                     "steps[1].gate",
		`["a", {"prompt": "x", "gate": {"matches": "("}}]`:                                                                       "steps[1].gate.matches",
		`["a", {"prompt": "x", "gate": {"condition": ".["}}]`:                                                                    "steps[1].gate.condition",
		`["a", {"prompt": "x", "gate": {"schema": {"type": "wrong"}}}]`:                                                          "steps[1].gate.schema",
		`["a", {"prompt": "x", "gate": {"min_length": 3, "max_length": 2}}]`:                                                     "steps[1].gate.max_length",
		`["a", {"prompt": "x", "gate": {"min_length": 3, "on_failure": "fallback"}}]`:                                            "steps[1].gate.fallback",
		`["a", {"prompt": "x", "gate": {"min_length": 3, "on_failure": "fallback", "fallback": "step_1"}}]`:                      "steps[1].gate.fallback",
		`["a", {"prompt": "x", "gate": {"min_length": 3, "fallback": "step_1"}}]`:                                                "steps[1].gate.fallback",
		`["a", {"prompt": "x", "gate": {"min_length": 3, "fallback": "c", "on_failure": "stop"}}, {"name": "c", "prompt": "x"}]`: "steps[1].gate.fallback",
	} {
		_, err := b.call(`{"input": "i", "steps": ` + steps + `}`)
		if err == nil || err.Type != executors.ValidationError || err.Field != field {
			t.Errorf("%s: %+v", steps, err)
		}
		if strings.Contains(steps, "file_writer") {
			continue // which steps are allowed is not a question of validity
		}
		_, report := parse.Parse([]byte(`[{"name": "prompt_chain", "inputs": {"input": "${{ inputs.text }}", "steps": `+strings.ReplaceAll(steps, "${{", "$${{")+`}}]`), b.reg, parse.Options{})
		if report.Valid() || report.Problems[0].Path != "tasks[0].inputs."+field {
			t.Errorf("%s as a task: %+v", steps, report.Problems)
		}
	}
	if b.model.Count() != 0 {
		t.Errorf("%d requests were sent", b.model.Count())
	}
}

// The replies before a failure are kept, and a retry continues with the failed
// step.
func TestGoesOn(t *testing.T) {
	t.Parallel()
	b := with(t, llmtest.Script{Steps: []llmtest.Step{{Text: "one"}, {Text: "two"}, {Status: 401, Message: "bad"}, {Text: "three"}, {Text: "four"}}})
	got, err := b.call(`{"input": "i", "steps": ["a", "b", "c", "d"]}`)
	if err == nil || err.Type != executors.AuthenticationError || err.Field != "steps[2]" || !strings.Contains(err.Hint, got.RunID) || got.RunID == "" {
		t.Fatalf("%+v, %v", got, err)
	}
	if got.Status != "failed" || strings.Join(got.Responses, "|") != "one|two" || got.Answer != "two" || got.Usage.Requests != 3 ||
		got.Steps[0].Usage == nil || got.Steps[1].Usage == nil || got.Steps[1].Usage.Requests != 1 || got.Steps[1].Usage.OutputTokens == 0 ||
		got.Steps[2].Status != "failed" || got.Steps[2].Error == "" || got.Steps[3].Status != "skipped" {
		t.Errorf("%+v", got)
	}
	if _, err := chain.Retry(t.Context(), b.runner, got.RunID, nil, ""); err != nil {
		t.Fatal(err)
	}
	view, failed := b.runner.Wait(t.Context(), got.RunID, "")
	if failed != nil || view.Status != chain.Completed || b.model.Count() != 5 {
		t.Errorf("%d requests: %+v, %v", b.model.Count(), view, failed)
	}
	b.sent(3, "c\nInput:\ntwo")
	b.sent(4, "d\nInput:\nthree")
}

// If a call ends, its run is cancelled, and the replies so far are kept.
func TestCancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan struct{}, 1)
	b := with(t, llmtest.Script{Answer: func(r llmtest.Request) llmtest.Step {
		if strings.HasPrefix(r.Last(), "a\n") {
			return llmtest.Step{Text: "one"}
		}
		asked <- struct{}{}
		return llmtest.Step{Text: "late", Delay: time.Minute}
	}})
	inputs, wrong := b.reg.ResolveInputs(promptchain.ID, json.RawMessage(`{"input": "i", "steps": ["a", "b", "c"]}`))
	if wrong != nil {
		t.Fatal(wrong)
	}
	go func() { <-asked; cancel() }()
	out := b.reg.Invoke(ctx, promptchain.ID, &executors.Call{Inputs: inputs}, time.Minute)
	got := read(t, out)
	if out.Err == nil || out.Err.Type != executors.Cancelled || got.Status != "cancelled" || strings.Join(got.Responses, "|") != "one" || b.model.Count() != 2 {
		t.Errorf("%s, %+v", out.Result, out.Err)
	}
}
