package llm_test

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

func TestDefinition(t *testing.T) {
	t.Parallel()
	executortest.Check(t, llm.New())
}

// connected returns llm_executor with a scripted model, in a registry.
func connected(t *testing.T, script llmtest.Script, settings llm.Settings) (*llmtest.Server, *executors.Registry) {
	t.Helper()
	server := llmtest.New(t, script)
	e := llm.New()
	llm.Connect(server.Client(settings), e)
	return server, executortest.Registry(t, nil, e)
}

type result struct {
	Success      bool
	Content      string
	JSON         json.RawMessage
	Usage        llm.Usage
	Model        string
	Provider     string
	FinishReason string `json:"finish_reason"`
}

func read(t *testing.T, out executors.Outcome) result {
	t.Helper()
	var got result
	if err := json.Unmarshal(out.Result, &got); err != nil {
		t.Fatalf("%v: %s, %v", err, out.Result, out.Err)
	}
	return got
}

// TestClosedWithoutModel checks that the executor is closed without a model and
// says what opens it.
func TestClosedWithoutModel(t *testing.T) {
	t.Parallel()
	e := llm.New()
	registry := executortest.Registry(t, nil, e)
	check := func(closed bool) {
		t.Helper()
		opens, got := registry.Closed("llm_executor")
		out := executortest.Call(t, registry, "llm_executor", `{"prompt": "hello"}`)
		if got != closed || (out.Err != nil) != closed {
			t.Errorf("closed is %v: %v", got, out.Err)
		}
		if closed && (out.Err.Type != executors.PermissionDenied || !strings.Contains(opens, "OPENAI_API_KEY") || !strings.Contains(out.Err.Hint, "OPENAI_API_KEY")) {
			t.Errorf("%s: %v (%s)", opens, out.Err, out.Err.Hint)
		}
	}
	check(true)
	llm.Connect(llmtest.Client(t, llm.Settings{}, nil), e)
	check(true)
	server := llmtest.New(t, llmtest.Text("hi"))
	llm.Connect(server.Client(llm.Settings{Model: "m"}), e)
	check(false)
}

func TestExecutor(t *testing.T) {
	t.Parallel()
	server, registry := connected(t, llmtest.Text(`{"name": "Ada", "age": 36}`), llm.Settings{Model: "m"})
	out := executortest.Call(t, registry, "llm_executor", `{"system": "be brief", "prompt": "who?", "temperature": 0, "max_tokens": 100, "seed": 3, "output_schema": `+ageSchema+`}`)
	if out.Err != nil {
		t.Fatal(out.Err)
	}
	got := read(t, out)
	if !got.Success || string(got.JSON) != `{"name":"Ada","age":36}` || got.FinishReason != "stop" || got.Model != "m" || got.Provider != "openai" || got.Usage.Requests != 1 {
		t.Errorf("%s", out.Result)
	}
	sent := server.Requests()[0]
	if sent.Field("temperature") != 0.0 || sent.Field("max_tokens") != 100.0 || sent.Field("seed") != 3.0 || len(sent.Messages) != 2 || sent.Messages[0].Content != "be brief" {
		t.Errorf("sent was %s", sent.Body)
	}
	out = executortest.Call(t, registry, "llm_executor", `{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}], "provider": "anthropic", "model": "n"}`)
	if got := read(t, out); out.Err != nil || got.Provider != "anthropic" || got.Model != "n" || len(server.Requests()[1].Messages) != 3 {
		t.Errorf("%s, %v", out.Result, out.Err)
	}
}

// TestExecutorInputs checks that invalid inputs are refused before a request.
func TestExecutorInputs(t *testing.T) {
	t.Parallel()
	server, registry := connected(t, llmtest.Text("hi"), llm.Settings{Model: "m"})
	for inputs, field := range map[string]string{
		`{}`: "prompt",
		`{"prompt": "a", "messages": [{"role": "user", "content": "b"}]}`: "prompt",
		`{"prompt": ""}`:                                                     "prompt",
		`{"prompt": "a", "temperature": 3}`:                                  "temperature",
		`{"prompt": "a", "provider": "hal"}`:                                 "provider",
		`{"prompt": "a", "base_url": "http://x/"}`:                           "base_url",
		`{"messages": [{"role": "tool", "content": "b"}]}`:                   "messages[0].role",
		`{"prompt": "a", "output_schema": {"type": "wrong"}}`:                "output_schema",
		`{"prompt": "a", "output_schema": {"$ref": "http://example.com/x"}}`: "output_schema",
		`{"prompt": "a", "output_schema": {"$ref": "file:///etc/passwd"}}`:   "output_schema",
	} {
		out := executortest.Call(t, registry, "llm_executor", inputs)
		if out.Err == nil || out.Err.Type != executors.ValidationError || out.Err.Field != field {
			t.Errorf("%s: %+v", inputs, out.Err)
		}
	}
	if server.Count() != 0 {
		t.Errorf("%d requests were sent", server.Count())
	}
}

// TestExecutorKeepsOutputOfFailures checks that a failed call returns the text of
// a refusal, an invalid reply or half a stream, and the usage.
func TestExecutorKeepsOutputOfFailures(t *testing.T) {
	t.Parallel()
	_, registry := connected(t, llmtest.Load(t, "faults"), llm.Settings{Model: "m"})
	out := executortest.Call(t, registry, "llm_executor", `{"prompt": "refusal"}`)
	if got := read(t, out); out.Err == nil || out.Err.Code != "refusal" || got.Success || got.Content != "I can't help with that." || got.FinishReason != "refusal" {
		t.Errorf("%s, %v", out.Result, out.Err)
	}
	out = executortest.Call(t, registry, "llm_executor", `{"prompt": "401"}`)
	if out.Err == nil || out.Err.Type != executors.AuthenticationError || !strings.Contains(out.Err.Hint, "OPENAI_API_KEY") {
		t.Errorf("%v", out.Err)
	}
	_, registry = connected(t, llmtest.Text("no JSON"), llm.Settings{Model: "m"})
	out = executortest.Call(t, registry, "llm_executor", `{"prompt": "who?", "output_schema": `+ageSchema+`}`)
	if got := read(t, out); out.Err == nil || out.Err.Code != "bad_reply" || got.Content != "no JSON" || got.Usage.Requests != 3 {
		t.Errorf("%s, %v", out.Result, out.Err)
	}
}

// TestExecutorStreams checks that a streamed reply is reported as progress.
func TestExecutorStreams(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("word ", 50) + "end"
	_, registry := connected(t, llmtest.Text(text), llm.Settings{Model: "m"})
	inputs, failed := registry.ResolveInputs("llm_executor", json.RawMessage(`{"prompt": "write", "stream": true}`))
	if failed != nil {
		t.Fatal(failed)
	}
	var reports atomic.Int64
	var logs executortest.Logs
	call := &executors.Call{Inputs: inputs, Logs: &logs, OnProgress: func(p executors.Progress) {
		if !strings.Contains(p.Message, "word") && reports.Load() > 0 {
			t.Errorf("the report is %+v", p)
		}
		reports.Add(1)
	}}
	out := registry.Invoke(t.Context(), "llm_executor", call, time.Minute)
	if got := read(t, out); out.Err != nil || got.Content != text || reports.Load() == 0 {
		t.Errorf("%d reports, %s, %v", reports.Load(), out.Result, out.Err)
	}
	if logs.Text() != text {
		t.Errorf("the log: %q", logs.Text())
	}
}
