package greeting_test

import (
	"testing"

	"github.com/chainwright/chainwright/docs/examples/greeting"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
)

// The definition is one that assistants take, and the Go types fit it.
func TestDefinition(t *testing.T) { executortest.Check(t, greeting.New()) }

// Every example gives what it says.
func TestExamples(t *testing.T) { executortest.Examples(t, greeting.New(), nil) }

func TestWrongLanguage(t *testing.T) {
	out := executortest.Run(t, greeting.New(), `{"name": "Alice", "language": "xx"}`, nil)
	if out.Err == nil || out.Err.Type != executors.ValidationError || out.Err.Field != "language" {
		t.Errorf("%s, %v", out.Result, out.Err)
	}
}
