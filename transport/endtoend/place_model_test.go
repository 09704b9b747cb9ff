package endtoend

import (
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

// answers are the model's replies to the examples: the first one whose words
// are in the prompt.
var answers = [][2]string{
	{"capital of France", "Paris"},
	{"Invoice 4711", `{"number": "4711", "total": 99.5}`},
	{"Another one.", "Borealis"},

	{"Express the final answer", "$10"},
	{"Express the steps", "12 * 50 / 60"},
	{"Extract the numbers", "$12 an hour; 50 minutes"},
	{"Translate into German", "Montags geschlossen"},
	{"a notice for the door", "Closed on Mondays"},

	{"composition: ", `{"feasible": true, "complete": true, "consistent": true, "reason": "all of it is there"}`},
	{"round-trip flight", "**Subsequent Task:** Which airline offers the cheapest fare within the budget for this round-trip flight?\n" +
		"**Composition Task:** Find the airline with the cheapest round-trip fare from New York to London within a budget of $500."},
	{"Take the current weather in Paris and say how warm", "**Subsequent Task:** What should I wear for it?\n**Composition Task:** Say what to wear for the current weather in Paris."},
	{"weather in Paris", "**Subsequent Task:** How warm is that?\n**Composition Task:** Take the current weather in Paris and say how warm it is."},
	{"cities of Peru", "**Subsequent Task:** ¿Cuál de ellas es la capital?\n**Composition Task:** Di cuál de las ciudades más grandes de Perú es la capital."},
	{"20 euros to yen", "**Subsequent Task:** ¿Qué se compra con eso?\n**Composition Task:** Di qué se compra con 20 euros en yenes."},

	{"Add up 1, 2 and 4", `{"name": "Sum", "tasks": [{"id": "sum", "name": "Sum", "schemas": {"method": "data_processor"}, "inputs": {"data": [1, 2, 4]}}]}`},
}

// models is a scripted language model with an endpoint that speaks OpenAI's
// protocol.
func models(t *testing.T, _ string) *place { return model(t, answers) }

func model(t *testing.T, answers [][2]string) *place {
	server := llmtest.New(t, llmtest.Script{Answer: func(asked llmtest.Request) llmtest.Step {
		for _, each := range answers {
			if strings.Contains(asked.Last(), each[0]) {
				return llmtest.Step{Text: each[1]}
			}
		}
		return llmtest.Step{Status: 400, Message: "the script has no answer to: " + asked.Last()}
	}})
	at := &place{settings: map[string]any{"llm": map[string]any{"provider": "openai", "model": "gpt-4.1-mini"}}}
	for name, value := range server.Environment() {
		at.variables = append(at.variables, name+"="+value)
	}
	return at
}
