package llm_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

// TestJSONInReplies covers the ways in which models wrap JSON.
func TestJSONInReplies(t *testing.T) {
	t.Parallel()
	const ada = `{"name": "Ada", "age": 36}`
	for name, text := range map[string]string{
		"clean":                   ada,
		"white space":             "\n\n  " + ada + " \r\n",
		"in a fence":              "```json\n" + ada + "\n```",
		"in a fence with words":   "Here you are:\n```\n" + ada + "\n```\nAnything else?",
		"in words":                "The answer is " + ada + ", as far as I know.",
		"after braces":            "With {curly} braces [and others]: " + ada,
		"after an example":        `For instance {"name": "Bob", "age": 1}. The answer: ` + ada,
		"after many examples":     strings.Repeat("For instance {\"name\": \"Bob\"}.\n", 40) + ada,
		"after thinking":          "<think>maybe {\"name\": \"Eve\", \"age\": 2}?</think>\n" + ada,
		"braces in a string":      `{"name": "Ada", "age": 36} and not "{"`,
		"trailing commas":         `{"name": "Ada", "age": 36,}`,
		"single quotes":           `{'name': 'Ada', 'age': 36}`,
		"comments":                "{\"name\": \"Ada\", // the first\n \"age\": 36}",
		"an example that misfits": `{"name": "Bob"} is not enough, but ` + ada,
		"the good one first":      ada + ` and not {"name": "Bob"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := llmtest.New(t, llmtest.Text(text))
			req := ask("who?")
			req.Model, req.Schema, req.Repairs = "m", schema(t, ageSchema), -1
			reply, err := server.Client(llm.Settings{}).Complete(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			same(t, reply.JSON, ada)
		})
	}
}

// TestRepair checks that an invalid reply is sent back with its problems.
func TestRepair(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{llm.OpenAI, llm.Anthropic} {
		server := llmtest.New(t, llmtest.Script{Steps: []llmtest.Step{
			{Text: `{"name": 5}`, Usage: &llmtest.Usage{Input: 10, Output: 4}},
			{Text: `no idea`, Usage: &llmtest.Usage{Input: 20, Output: 2}},
			{Text: `{"name": "Ada", "age": 36}`, Usage: &llmtest.Usage{Input: 30, Output: 8}},
		}})
		req := ask("who?")
		req.Provider, req.Model, req.Schema = provider, "m", schema(t, ageSchema)
		reply, err := server.Client(llm.Settings{}).Complete(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		same(t, reply.JSON, `{"name": "Ada", "age": 36}`)
		if want := (llm.Usage{InputTokens: 60, OutputTokens: 14, Requests: 3}); reply.Usage != want {
			t.Errorf("usage: %+v", reply.Usage)
		}
		sent := server.Requests()
		second := sent[1].Messages[len(sent[1].Messages)-2:]
		if second[0].Role != llm.RoleAssistant || second[0].Content != `{"name": 5}` {
			t.Errorf("the bad reply did not go back: %+v", second)
		}
		for _, reason := range []string{"age is required", "name must be", ageSchema} {
			if !strings.Contains(second[1].Content, reason) {
				t.Errorf("%q did not go back: %s", reason, second[1].Content)
			}
		}
		third := sent[2].Messages[len(sent[2].Messages)-2:]
		if len(sent[2].Messages) != len(sent[1].Messages) || third[0].Content != "no idea" || !strings.Contains(third[1].Content, "it contains no JSON") {
			t.Errorf("then: %+v", sent[2].Messages)
		}
	}
}

// TestRepairIsBounded checks the limit of repairs and that the reply is kept.
func TestRepairIsBounded(t *testing.T) {
	t.Parallel()
	for repairs, want := range map[int]int{0: 1 + llm.DefaultRepairs, -1: 1, 5: 6} {
		server := llmtest.New(t, llmtest.Text("never"))
		req := ask("who?")
		req.Model, req.Schema, req.Repairs = "m", schema(t, ageSchema), repairs
		reply, err := server.Client(llm.Settings{}).Complete(t.Context(), req)
		failed := executors.AsError(err)
		if failed == nil || failed.Code != "bad_reply" || failed.Retryable || reply.Text != "never" || reply.JSON != nil {
			t.Errorf("%+v, %v", reply, err)
		}
		if server.Count() != want || reply.Usage.Requests != want {
			t.Errorf("with %d repairs %d requests were sent", repairs, server.Count())
		}
	}
}

// TestCutOffByLength checks that a reply cut off by max_tokens is requested again
// with a higher limit, and that its JSON is never repaired.
func TestCutOffByLength(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Script{Steps: []llmtest.Step{
		{Text: `{"name": "Ada", "age": 3`, Finish: "length"}, {Text: `{"name": "Ada", "age": 36}`},
	}})
	req := ask("who?")
	req.Model, req.Schema, req.MaxTokens = "m", schema(t, ageSchema), 1500
	reply, err := server.Client(llm.Settings{}).Complete(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	same(t, reply.JSON, `{"name": "Ada", "age": 36}`)
	if sent := server.Requests(); sent[0].Field("max_tokens") != 1500.0 || sent[1].Field("max_tokens") != 3000.0 || len(sent[1].Messages) != 1 {
		t.Errorf("asked was %s, then %s", sent[0].Body, sent[1].Body)
	}

	server = llmtest.New(t, llmtest.Script{Otherwise: &llmtest.Step{Text: `{"name": "Ada", "age": 3`, Finish: "length"}})
	_, err = server.Client(llm.Settings{}).Complete(t.Context(), req)
	if failed := executors.AsError(err); failed == nil || failed.Code != "length" || failed.Field != "max_tokens" || server.Count() != 3 {
		t.Errorf("after %d requests: %v", server.Count(), err)
	}
}

// TestEndlessReply checks that a reply that was cut off while it repeated itself
// is sent back with that reason, and that no higher limit is tried.
func TestEndlessReply(t *testing.T) {
	t.Parallel()
	endless := `{"name": "Ada` + strings.Repeat(" and then Ada", 50)
	server := llmtest.New(t, llmtest.Script{Steps: []llmtest.Step{{Text: endless, Finish: "length"}, {Text: `{"name": "Ada", "age": 36}`}}})
	req := ask("who?")
	req.Model, req.Schema, req.MaxTokens = "m", schema(t, ageSchema), 1500
	reply, err := server.Client(llm.Settings{}).Complete(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	same(t, reply.JSON, `{"name": "Ada", "age": 36}`)
	again := server.Requests()[1]
	if again.Field("max_tokens") != 1500.0 || !strings.Contains(again.Last(), "repeats the same words 50 times: ") {
		t.Errorf("asked again was %s", again.Body)
	}

	server = llmtest.New(t, llmtest.Script{Otherwise: &llmtest.Step{Text: endless, Finish: "length"}})
	reply, err = server.Client(llm.Settings{}).Complete(t.Context(), req)
	if failed := executors.AsError(err); failed == nil || failed.Code != "length" || !strings.Contains(failed.Message, "repeats the same words") || server.Count() != 3 || reply.Text != endless {
		t.Errorf("%q after %d requests: %v", reply.Text, server.Count(), err)
	}

	server = llmtest.New(t, llmtest.Script{Steps: []llmtest.Step{{Text: endless, Finish: "length"}}})
	req.Schema = nil // a text may do that
	if reply, err = server.Client(llm.Settings{}).Complete(t.Context(), req); err != nil || reply.Text != endless {
		t.Errorf("%q, %v", reply.Text, err)
	}
}

// TestEcho checks that a reply that is the prompt itself is requested again.
func TestEcho(t *testing.T) {
	t.Parallel()
	const prompt = "Express the steps that solve the problem: how much did Sally earn in 50 minutes?"
	for name, c := range map[string]struct {
		prompt, reply string
		system        bool
		requests      int
	}{
		"the prompt":           {prompt: prompt, reply: "  " + strings.ToUpper(prompt) + "\n", requests: 3},
		"a part of it":         {prompt: prompt, reply: "How much did Sally earn in 50 minutes?", requests: 1},
		"a short one":          {prompt: "Hello!", reply: "Hello", requests: 1},
		"text to be corrected": {prompt: prompt, reply: prompt, system: true, requests: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := llmtest.New(t, llmtest.Text(c.reply))
			req := ask(c.prompt)
			req.Model = "m"
			if c.system {
				req.Messages = append([]llm.Message{{Role: llm.RoleSystem, Content: "Correct the spelling."}}, req.Messages...)
			}
			reply, err := server.Client(llm.Settings{}).Complete(t.Context(), req)
			if reply.Text != c.reply || server.Count() != c.requests || (err != nil) != (c.requests > 1) {
				t.Errorf("%q after %d requests: %v", reply.Text, server.Count(), err)
			}
			if err != nil && !strings.Contains(err.Error(), "repeats the prompt") {
				t.Error(err)
			}
		})
	}
}

// TestEmptyReply checks that an empty reply is requested again.
func TestEmptyReply(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Script{Steps: []llmtest.Step{{Text: " \n"}, {Text: "hello"}}})
	req := ask("who?")
	req.Model = "m"
	client := server.Client(llm.Settings{})
	if reply, err := client.Complete(t.Context(), req); err != nil || reply.Text != "hello" || server.Count() != 2 {
		t.Errorf("%+v, %v", reply, err)
	}
	server = llmtest.New(t, llmtest.Text(""))
	_, err := server.Client(llm.Settings{}).Complete(t.Context(), req)
	if failed := executors.AsError(err); failed == nil || failed.Code != "empty_reply" || failed.Retryable {
		t.Errorf("%v", err)
	}
}

// TestReadAndCheck checks that Read and Check work with repairs.
func TestReadAndCheck(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Script{Steps: []llmtest.Step{{Text: "name: Bob"}, {Text: "name: Ada"}}})
	req := ask("who?")
	req.Model, req.Schema = "m", schema(t, `{"type":"object","required":["name"],"properties":{"name":{"type":"string"}}}`)
	req.Read = func(text string) (json.RawMessage, bool) {
		name, ok := strings.CutPrefix(text, "name: ")
		return json.RawMessage(`{"name": "` + name + `"}`), ok
	}
	req.Check = func(reply *llm.Reply) []string {
		if strings.Contains(string(reply.JSON), "Bob") {
			return []string{"Bob was not asked for"}
		}
		return nil
	}
	reply, err := server.Client(llm.Settings{}).Complete(t.Context(), req)
	if err != nil || string(reply.JSON) != `{"name": "Ada"}` {
		t.Fatalf("%+v, %v", reply, err)
	}
	sent := server.Requests()[1].Messages
	if len(sent) != 3 || !strings.Contains(sent[2].Content, "Bob was not asked for") {
		t.Errorf("sent back was %+v", sent)
	}
}
