package llm_test

import (
	"encoding/json"
	"testing"

	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/executors/llm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ask returns a request with one message.
func ask(prompt string) llm.Request {
	return llm.Request{Messages: []llm.Message{{Role: llm.RoleUser, Content: prompt}}}
}

func schema(t testing.TB, text string) *llm.Schema {
	t.Helper()
	s, err := llm.NewSchema("reply", json.RawMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const ageSchema = `{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0}},"required":["name","age"],"additionalProperties":false}`
