package fail_test

import (
	"encoding/json"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/fail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDefinition(t *testing.T) {
	t.Parallel()
	executortest.Check(t, fail.New())
}

func TestFails(t *testing.T) {
	t.Parallel()
	registry := executortest.Registry(t, nil, fail.New())
	for name, c := range map[string]struct {
		inputs, message, result string
		before                  map[string]executors.Dependency
	}{
		"a message": {inputs: `{"message": "no orders"}`, message: "no orders", result: `{"message":"no orders"}`},
		"verbs are plain text": {
			inputs: `{"message": "100% of %s", "details": [1.50, null]}`, message: "100% of %s", result: `{"message":"100% of %s","details":[1.50,null]}`,
		},
		"errors before": {
			inputs: `{"message": "stop"}`, message: "stop", result: `{"message":"stop","errors":{"b":"refused"}}`,
			before: map[string]executors.Dependency{"a": {Status: "completed"}, "b": {Status: "failed", Error: "refused"}, "c": {Status: "skipped"}},
		},
	} {
		inputs, refused := registry.ResolveInputs("fail_executor", json.RawMessage(c.inputs))
		if refused != nil {
			t.Fatal(refused)
		}
		out := registry.Invoke(t.Context(), "fail_executor", &executors.Call{Inputs: inputs, Dependencies: c.before, Attempt: 1}, time.Second)
		if out.Err == nil || out.Err.Type != executors.ExecutionError || out.Err.Message != c.message || out.Err.Retryable || string(out.Result) != c.result {
			t.Errorf("%s: %+v, %s", name, out.Err, out.Result)
		}
	}
	for _, wrong := range []string{`{}`, `{"message": ""}`, `{"message": 3}`, `{"message": "x", "mesage": "y"}`} {
		if out := executortest.Call(t, registry, "fail_executor", wrong); out.Err == nil || out.Err.Type != executors.ValidationError {
			t.Errorf("%s: %+v", wrong, out.Err)
		}
	}
}
