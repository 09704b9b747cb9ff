package llm_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

// TestBodies checks the request bodies of both protocols.
func TestBodies(t *testing.T) {
	t.Parallel()
	zero, warm, seed := 0.0, 0.7, 7
	both := []llm.Message{{Role: llm.RoleSystem, Content: "be brief"}, {Role: llm.RoleUser, Content: "hello"}}
	cases := []struct {
		name     string
		provider string
		req      llm.Request
		want     string
	}{
		{"nothing set", llm.OpenAI, llm.Request{Model: "m"}, `{"model":"m","stream":false,"messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hello"}]}`},
		{"temperature 0 is sent", llm.OpenAI, llm.Request{Model: "m", Temperature: &zero, MaxTokens: 5}, `{"model":"m","stream":false,"temperature":0,"max_tokens":5,"messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hello"}]}`},
		{"all set", llm.OpenAI, llm.Request{Model: "m", Temperature: &warm, MaxTokens: 4000, Seed: &seed}, `{"model":"m","stream":false,"temperature":0.7,"max_tokens":4000,"seed":7,"messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hello"}]}`},
		{"streamed", llm.OpenAI, llm.Request{Model: "m", Temperature: &zero, OnText: func(string) {}}, `{"model":"m","stream":true,"stream_options":{"include_usage":true},"temperature":0,"messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hello"}]}`},
		{"a reasoning model", llm.OpenAI, llm.Request{Model: "gpt-5-mini", MaxTokens: 9}, `{"model":"gpt-5-mini","stream":false,"max_completion_tokens":9,"messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hello"}]}`},
		{"a name that begins like one", llm.OpenAI, llm.Request{Model: "o1mpus", MaxTokens: 9, Temperature: &warm}, `{"model":"o1mpus","stream":false,"max_tokens":9,"temperature":0.7,"messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hello"}]}`},
		{"nothing set", llm.Anthropic, llm.Request{Model: "m"}, `{"model":"m","max_tokens":8192,"system":[{"type":"text","text":"be brief"}],"messages":[{"role":"user","content":[{"type":"text","text":"hello"}]}]}`},
		{"temperature 0 is sent", llm.Anthropic, llm.Request{Model: "m", Temperature: &zero, MaxTokens: 5}, `{"model":"m","max_tokens":5,"temperature":0,"system":[{"type":"text","text":"be brief"}],"messages":[{"role":"user","content":[{"type":"text","text":"hello"}]}]}`},
		{"streamed, many tokens", llm.Anthropic, llm.Request{Model: "m", MaxTokens: 64000, OnText: func(string) {}}, `{"model":"m","max_tokens":64000,"stream":true,"system":[{"type":"text","text":"be brief"}],"messages":[{"role":"user","content":[{"type":"text","text":"hello"}]}]}`},
		{"many tokens, whole", llm.Anthropic, llm.Request{Model: "claude-opus-4-20250514", MaxTokens: 64000}, `{"model":"claude-opus-4-20250514","max_tokens":64000,"system":[{"type":"text","text":"be brief"}],"messages":[{"role":"user","content":[{"type":"text","text":"hello"}]}]}`},
	}
	for _, c := range cases {
		t.Run(c.provider+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			server := llmtest.New(t, llmtest.Text("hi"))
			c.req.Provider, c.req.Messages = c.provider, both
			if _, err := server.Client(llm.Settings{}).Complete(t.Context(), c.req); err != nil {
				t.Fatal(err)
			}
			same(t, server.Requests()[0].Body, c.want)
		})
	}
}

func same(t *testing.T, got []byte, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("sent was\n%s\nand not\n%s", got, want)
	}
}

// TestSchemaInRequests checks that a schema is sent in its own field, or in the
// prompt if the endpoint does not support the field.
func TestSchemaInRequests(t *testing.T) {
	t.Parallel()
	const loose = `{"type":"object","properties":{"name":{"type":"string"}}}`
	cases := []struct {
		name, provider, schema string
		field                  string // where the schema is; "" for the prompt
		strict                 any
	}{
		{"strict", llm.OpenAI, `{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name","age"],"additionalProperties":false}`, "response_format", true},
		{"not strict: minimum", llm.OpenAI, `{"type":"object","properties":{"age":{"type":"integer","minimum":0}},"required":["age"],"additionalProperties":false}`, "response_format", false},
		{"loose", llm.OpenAI, loose, "response_format", false},
		{"no object", llm.OpenAI, `{"type":"array","items":{"type":"string"}}`, "", nil},
		{"strict", llm.Anthropic, `{"type":"object","properties":{"name":{"type":"string"}},"required":["name"],"additionalProperties":false}`, "output_config", nil},
		{"loose", llm.Anthropic, loose, "", nil},
	}
	for _, c := range cases {
		t.Run(c.provider+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			server := llmtest.New(t, llmtest.Text(`{"name": "Ada", "age": 36}`))
			req := ask("who?")
			req.Provider, req.Model, req.Schema, req.Repairs = c.provider, "m", schema(t, c.schema), -1
			server.Client(llm.Settings{}).Complete(t.Context(), req) // the reply does not match all of the schemas
			sent := server.Requests()[0]
			if c.field == "" {
				if !strings.Contains(sent.Messages[0].Content, c.schema) || sent.Field("response_format") != nil || sent.Field("output_config") != nil {
					t.Errorf("sent was %s", sent.Body)
				}
				return
			}
			if sent.Field(c.field) == nil || len(sent.Messages) != 1 {
				t.Fatalf("sent was %s", sent.Body)
			}
			if format, ok := sent.Field("response_format").(map[string]any); ok {
				inner := format["json_schema"].(map[string]any)
				if inner["strict"] != c.strict || inner["name"] != "reply" {
					t.Errorf("sent was %s", sent.Body)
				}
			}
		})
	}
}

// TestEndpointsWithoutFeatures checks that a feature is omitted after the endpoint
// has rejected it, also in later requests.
func TestEndpointsWithoutFeatures(t *testing.T) {
	t.Parallel()
	zero, seed := 0.0, 7
	refusals := map[string]string{
		"temperature":           "Unsupported value: 'temperature' does not support 0 with this model.",
		"max_tokens":            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
		"max_completion_tokens": "unknown field max_completion_tokens",
		"response_format":       "response_format json_schema is not supported",
		"output_config":         "output_config.format: this model does not support structured outputs",
		"seed":                  "seed: unknown parameter",
		"stream_options":        "stream_options is not allowed",
	}
	cases := []struct{ provider, model, lacks string }{
		{llm.OpenAI, "m", "temperature"},
		{llm.OpenAI, "m", "max_tokens"},
		{llm.OpenAI, "gpt-5-copy", "max_completion_tokens"},
		{llm.OpenAI, "m", "response_format"},
		{llm.OpenAI, "m", "seed"},
		{llm.OpenAI, "m", "stream_options"},
		{llm.Anthropic, "m", "temperature"},
		{llm.Anthropic, "m", "output_config"},
	}
	for _, c := range cases {
		t.Run(c.provider+"/"+c.lacks, func(t *testing.T) {
			t.Parallel()
			server := llmtest.New(t, llmtest.Script{Answer: func(req llmtest.Request) llmtest.Step {
				if req.Field(c.lacks) != nil {
					return llmtest.Step{Status: 400, Code: "invalid_request_error", Message: refusals[c.lacks]}
				}
				return llmtest.Step{Text: `{"name": "Ada"}`}
			}})
			client := server.Client(llm.Settings{})
			for range 2 {
				req := ask("who?")
				req.Provider, req.Model, req.Temperature, req.Seed, req.MaxTokens = c.provider, c.model, &zero, &seed, 10
				req.Schema = schema(t, `{"type":"object","properties":{"name":{"type":"string"}},"required":["name"],"additionalProperties":false}`)
				req.OnText = func(string) {}
				if reply, err := client.Complete(t.Context(), req); err != nil || string(reply.JSON) != `{"name": "Ada"}` {
					t.Fatalf("%+v, %v", reply, err)
				}
			}
			if server.Count() != 3 {
				t.Errorf("%d requests were sent: one to find out, and two that count", server.Count())
			}
			if c.lacks == "response_format" && !strings.Contains(server.Requests()[2].Messages[0].Content, "JSON Schema") {
				t.Errorf("the schema is not in words: %s", server.Requests()[2].Body)
			}
		})
	}
}
