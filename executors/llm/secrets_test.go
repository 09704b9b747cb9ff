package llm_test

import (
	"testing"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
	"github.com/chainwright/chainwright/executors/policy"
)

// A model that says again what it was told, while it writes too, and an
// endpoint that does so in why it fails.
func TestSecretsThatComeBack(t *testing.T) {
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
