package tools

import (
	"testing"

	"github.com/chainwright/chainwright/executors/executortest"
)

// Published schemas have nothing at their root that MCP clients reject.
func TestPublishable(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		`{"type":"object","properties":{}}`: `{"type":"object","properties":{}}`,
		`{"type":"object", "anyOf":[{"required":["a"]}],"properties":{"a":{"anyOf":[{"type":"string"}]}},"if":{},"then":{}}`: `{"type":"object","properties":{"a":{"anyOf":[{"type":"string"}]}}}`,
		`{"oneOf":[],"allOf":[],"not":{},"type":"object","properties":{"x":{"type":"string"}},"else":{},"propertyNames":{}}`: `{"type":"object","properties":{"x":{"type":"string"}}}`,
	} {
		got := publishable([]byte(given))
		if string(got) != want {
			t.Errorf("%s: got %s, want %s", given, got, want)
		}
		if found := executortest.LintInput(got); len(found) > 0 {
			t.Errorf("%s: %v", got, found)
		}
	}
}
