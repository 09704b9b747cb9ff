package llm_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
	"github.com/chainwright/chainwright/executors/policy"
)

// TestEchoedSecretsAreRedacted uses a model that echoes the secret, streamed too,
// and an endpoint that echoes it in errors.
func TestEchoedSecretsAreRedacted(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Script{Answer: func(r llmtest.Request) llmtest.Step {
		said := executortest.Echo(r.Last())
		if r.Field("temperature") != nil {
			return llmtest.Step{Status: 400, Message: said}
		}
		return llmtest.Step{Text: said}
	}})
	e := llm.New()
	llm.Connect(server.Client(llm.Settings{Model: "m"}), e)
	vault := executortest.NewVault(t, policy.Config{}, policy.Secret{Executors: []string{"llm_executor"}}, e)
	for _, provider := range []string{"openai", "anthropic"} {
		for name, more := range map[string]map[string]any{"a reply": {}, "a stream": {"stream": true}, "a failure": {"temperature": 0.5}} {
			more["prompt"], more["provider"], more["model"] = executortest.Hole, provider, "m"
			if outcome := vault.Call("llm_executor", more); (outcome.Err != nil) != (name == "a failure") {
				t.Errorf("%s of %s: %s, %+v", name, provider, outcome.Result, outcome.Err)
			}
		}
	}
}

// TestGatesDoNotReadSecrets: a check that could see an echoed secret would tell
// its letters one by one.
func TestGatesDoNotReadSecrets(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Script{Answer: func(r llmtest.Request) llmtest.Step {
		quoted, _ := json.Marshal(map[string]string{"said": executortest.Secret})
		if strings.Contains(r.Last(), "as JSON") {
			return llmtest.Step{Text: string(quoted)}
		}
		return llmtest.Step{Text: executortest.Secret}
	}})
	e := llm.New()
	llm.Connect(server.Client(llm.Settings{Model: "m"}), e)
	vault := executortest.NewVault(t, policy.Config{}, policy.Secret{Executors: []string{"llm_executor"}}, e)
	type object = map[string]any
	said := func(more object) object {
		return object{"type": "object", "properties": object{"said": more}, "required": []string{"said"}}
	}
	for name, more := range map[string]object{
		"matches":       {"gate": object{"matches": "^t/", "on_failure": "fail"}},
		"condition":     {"gate": object{"condition": `startswith("t")`, "on_failure": "fail"}},
		"max_length":    {"gate": object{"min_length": len(executortest.Secret), "on_failure": "fail"}},
		"schema":        {"gate": object{"schema": said(object{"pattern": "^t"}), "on_failure": "fail"}, "prompt": "as JSON " + executortest.Hole},
		"output_schema": {"output_schema": said(object{"pattern": "^t"}), "prompt": "as JSON " + executortest.Hole},
	} {
		if more["prompt"] == nil {
			more["prompt"] = executortest.Hole
		}
		if outcome := vault.Call("llm_executor", more); outcome.Err == nil {
			t.Errorf("%s passed: %s", name, outcome.Result)
		}
	}
}
