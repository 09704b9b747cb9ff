package llm_test

import (
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

func completed(content string) string {
	return `{"model": "m", "choices": [{"message": {"role": "assistant", "content": ` + content + `}, "finish_reason": "stop"}]}`
}

func chunk(delta string) string {
	return `data: {"choices": [{"delta": ` + delta + `, "finish_reason": null}]}` + "\n\n"
}

const finished = `data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}` + "\n\n"

// TestForms covers the forms in which endpoints send replies.
func TestForms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body      string
		text, reasoning string
		stream          bool
	}{
		{name: "parts", body: completed(`[{"type": "text", "text": "Hello, "}, {"type": "text", "text": "Ada."}]`), text: "Hello, Ada."},
		{name: "texts in an array", body: completed(`["Hello, ", "Ada."]`), text: "Hello, Ada."},
		{name: "output_text", body: completed(`[{"type": "output_text", "text": "hi", "annotations": []}]`), text: "hi"},
		{name: "a text with a value", body: completed(`[{"type": "text", "text": {"value": "hi", "annotations": []}}]`), text: "hi"},
		{name: "one part without an array", body: completed(`{"type": "text", "text": "hi"}`), text: "hi"},
		{name: "a part without a type", body: completed(`[{"text": "hi"}]`), text: "hi"},
		{name: "thinking in parts", body: completed(`[{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "hi"}]`), text: "hi", reasoning: "hm"},
		{name: "thinking as a text", body: completed(`[{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "hi"}]`), text: "hi", reasoning: "hm"},
		{name: "references", body: completed(`[{"type": "text", "text": "hi"}, {"type": "reference", "reference_ids": [1]}]`), text: "hi"},
		{name: "no opening tag", body: completed(`"I reason here.</think>The answer is 4."`), text: "The answer is 4.", reasoning: "I reason here."},
		{name: "reasoning under another name", body: `{"choices": [{"message": {"content": "hi", "reasoning": "hm"}, "finish_reason": "stop"}]}`, text: "hi", reasoning: "hm"},
		{name: "reasoning under both names", body: `{"choices": [{"message": {"content": "hi", "reasoning": "hm", "reasoning_content": "hm"}, "finish_reason": "STOP"}]}`, text: "hi", reasoning: "hm"},
		{name: "error: null", body: `{"error": null, "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}`, text: "hi"},

		{name: "parts", stream: true, body: chunk(`{"content": [{"type": "text", "text": "Hello, "}]}`) + chunk(`{"content": [{"type": "text", "text": "Ada."}]}`) + finished, text: "Hello, Ada."},
		{name: "no DONE", stream: true, body: chunk(`{"content": "hi"}`) + finished, text: "hi"},
		{name: "no empty lines", stream: true, body: strings.ReplaceAll(chunk(`{"content": "hi"}`)+finished+"data: [DONE]\n", "\n\n", "\n"), text: "hi"},
		{name: "no space, carriage returns", stream: true, body: strings.NewReplacer("data: ", "data:", "\n", "\r\n").Replace(chunk(`{"content": "hi"}`) + finished), text: "hi"},
		{name: "comments", stream: true, body: ": waiting\n\n" + chunk(`{"content": "hi"}`) + ": waiting\n\n" + finished, text: "hi"},
		{name: "an event over lines", stream: true, body: "data: {\"choices\": [{\"delta\":\ndata: {\"content\": \"hi\"}}]}\n\n" + finished, text: "hi"},
		{name: "not streamed", stream: true, body: completed(`"hi"`), text: "hi"},
		{name: "no opening tag", stream: true, body: chunk(`{"content": "hm</th"}`) + chunk(`{"content": "ink>hi"}`) + finished, text: "hi", reasoning: "hm"},
	} {
		t.Run(named(c.name, c.stream), func(t *testing.T) {
			t.Parallel()
			reply, err := askFor(t, llm.OpenAI, c.body, c.stream)
			if err != nil || reply.Text != c.text || reply.Reasoning != c.reasoning {
				t.Errorf("%+v, %v", reply, err)
			}
		})
	}
}

// TestReportedErrors covers errors in responses with the status 200: their
// message is kept, and their code says whether a retry helps.
func TestReportedErrors(t *testing.T) {
	t.Parallel()
	const slow = `{"error": {"message": "slow down", "code": 429}}`
	for _, c := range []struct {
		name, body, code, said string
		retryable              bool
		stream                 bool
		provider               string // empty: both
	}{
		{name: "a numeric code", body: slow, code: "429", said: "slow down", retryable: true},
		{name: "a code as text", body: `{"error": {"message": "slow down", "code": "429"}}`, code: "429", said: "slow down", retryable: true},
		{name: "a type", body: `{"error": {"message": "busy", "type": "overloaded_error"}}`, code: "overloaded_error", said: "busy", retryable: true},
		{name: "a status", body: `{"error": {"message": "no", "status": "UNAVAILABLE"}}`, code: "UNAVAILABLE", said: "no", retryable: true},
		{name: "an internal error", body: `{"error": {"message": "Provider returned error", "code": 502}}`, code: "502", said: "Provider returned error", retryable: true},
		{name: "no key", body: `{"error": {"message": "no such key", "code": 401}}`, code: "401", said: "no such key"},
		{name: "no credit", body: `{"error": {"message": "pay first", "type": "insufficient_quota", "code": 429}}`, code: "429", said: "pay first"},
		{name: "a code of its own", body: `{"error": {"message": "no such model", "code": "1211"}}`, code: "1211", said: "no such model"},
		{name: "a text", body: `{"error": "model not loaded"}`, said: "model not loaded"},
		{name: "an array", body: `[{"error": {"message": "slow down", "code": 429, "status": "RESOURCE_EXHAUSTED"}}]`, code: "429", said: "slow down", retryable: true},
		{name: "an error object", body: `{"object": "error", "message": "too long", "type": "BadRequestError", "code": 400}`, code: "400", said: "too long"},
		{name: "a list of errors", body: `{"errors": [{"message": "slow down", "code": 429}]}`, code: "429", said: "slow down", retryable: true},
		{name: "a detail", provider: llm.OpenAI, body: `{"detail": "not here"}`, said: "not here"},
		{name: "in a choice", provider: llm.OpenAI, body: `{"choices": [{"error": {"message": "it broke", "code": 502}, "message": {"content": ""}, "finish_reason": "error"}]}`, code: "502", said: "it broke", retryable: true},
		{name: "finish_reason error", provider: llm.OpenAI, body: `{"choices": [{"message": {"content": "It is"}, "finish_reason": "error"}]}`, code: "server_error", said: "failed", retryable: true},
		{name: "a part that is no text", provider: llm.OpenAI, body: completed(`[{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:"}}]`), said: "image_url"},
		{name: "not JSON", provider: llm.OpenAI, body: `<html>Sign in</html>`, said: "invalid JSON"},

		{name: "plain", stream: true, body: slow, code: "429", said: "slow down", retryable: true},
		{name: "plain over lines", stream: true, body: "{\n \"error\": {\n  \"message\": \"slow down\",\n  \"code\": 429\n }\n}\n", code: "429", said: "slow down", retryable: true},
		{name: "as data", stream: true, body: "data: " + slow + "\n\n", code: "429", said: "slow down", retryable: true},
		{name: "as data without an end", stream: true, body: "data: " + slow, code: "429", said: "slow down", retryable: true},
		{name: "as an event", stream: true, body: "event: error\ndata: " + slow + "\n\n", code: "429", said: "slow down", retryable: true},
		{name: "as an event without a member error", provider: llm.OpenAI, stream: true, body: "event: error\ndata: {\"message\": \"slow down\", \"code\": 429}\n\n", code: "429", said: "slow down", retryable: true},
		{name: "after text", provider: llm.OpenAI, stream: true, body: chunk(`{"content": "It is"}`) + "data: " + slow + "\n\ndata: [DONE]\n\n", code: "429", said: "slow down", retryable: true},
		{name: "after text, without data:", provider: llm.OpenAI, stream: true, body: chunk(`{"content": "It is"}`) + slow + "\n", code: "429", said: "slow down", retryable: true},
		{name: "with choices", provider: llm.OpenAI, stream: true, body: `data: {"id": "1", "error": {"code": "server_error", "message": "it broke"}, "choices": [{"delta": {"content": ""}, "finish_reason": "error"}]}` + "\n\n", code: "server_error", said: "it broke", retryable: true},
		{name: "ends after text", provider: llm.OpenAI, stream: true, body: chunk(`{"content": "It is"}`), code: "cut_stream", said: "ended before", retryable: true},
		{name: "ends within an event", provider: llm.OpenAI, stream: true, body: chunk(`{"content": "It is"}`) + `data: {"choices": [{"del`, code: "cut_stream", said: "ended before", retryable: true},
		{name: "ends with DONE alone", provider: llm.OpenAI, stream: true, body: chunk(`{"content": "It is"}`) + "data: [DONE]\n\n", code: "cut_stream", said: "ended before", retryable: true},
		{name: "nothing", provider: llm.OpenAI, stream: true, body: "\n", code: "cut_stream", said: "ended before", retryable: true},
	} {
		for _, provider := range []string{llm.OpenAI, llm.Anthropic} {
			if c.provider != "" && c.provider != provider {
				continue
			}
			t.Run(provider+"/"+named(c.name, c.stream), func(t *testing.T) {
				t.Parallel()
				reply, err := askFor(t, provider, c.body, c.stream)
				failed := executors.AsError(err)
				if failed == nil {
					t.Fatalf("there is no failure: %+v", reply)
				}
				if failed.Code != c.code || failed.Retryable != c.retryable || !strings.Contains(failed.Message, c.said) {
					t.Errorf("%q, retryable %v: %v", failed.Code, failed.Retryable, failed)
				}
				if strings.Contains(c.name, "after text") && reply.Text != "It is" {
					t.Errorf("the text so far is lost: %+v", reply)
				}
			})
		}
	}
}

func named(name string, stream bool) string {
	if stream {
		return name + "/streamed"
	}
	return name
}

func askFor(t *testing.T, provider, body string, stream bool) (llm.Reply, error) {
	t.Helper()
	server := llmtest.New(t, llmtest.Script{Otherwise: &llmtest.Step{Body: body}})
	req := ask("hello")
	req.Provider, req.Model, req.Repairs = provider, "m", -1
	if stream {
		req.OnText = func(string) {}
	}
	reply, err := server.Client(llm.Settings{}).Complete(t.Context(), req)
	if n := server.Count(); n != 1 {
		t.Errorf("%d requests were sent", n)
	}
	return reply, err
}

// TestTooLongPrompt checks that the error for a prompt that does not fit says what
// to do, and that it is not sent again.
func TestTooLongPrompt(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"OpenAI":    `{"error": {"message": "This model's maximum context length is 8192 tokens.", "type": "invalid_request_error", "code": "context_length_exceeded"}}`,
		"Anthropic": `{"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 210000 tokens > 200000 maximum"}}`,
		"llama.cpp": `{"error": {"code": 400, "message": "the request exceeds the available context size. try increasing the context size or enable context shift", "type": "exceed_context_size_error"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := llmtest.New(t, llmtest.Script{Otherwise: &llmtest.Step{Status: 400, Body: body}})
			req := ask("hello")
			req.Provider, req.Model = llm.OpenAI, "m"
			_, err := server.Client(llm.Settings{}).Complete(t.Context(), req)
			if failed := executors.AsError(err); failed == nil || !strings.Contains(failed.Hint, "shorter prompt") || failed.Retryable || server.Count() != 1 {
				t.Errorf("%v after %d requests", err, server.Count())
			}
		})
	}
}
