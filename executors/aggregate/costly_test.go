package aggregate

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
)

// TestCostlyOperations: the cost of a strategy grows in proportion to the results,
// also with long keys above many others.
func TestCostlyOperations(t *testing.T) { // not parallel: it measures memory
	members := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"%d":{"a":1},`, i)
		}
		return `{` + strings.TrimSuffix(b.String(), ",") + `}`
	}
	for _, strategy := range []string{"merge", "concat", "first", "collect"} {
		executortest.Linear(t, strategy, 300, func(n int) {
			result := done(`{"` + strings.Repeat("k", 100*n) + `":` + members(n) + `}`)
			if _, failure := run(t, `{"strategy": "`+strategy+`"}`, map[string]executors.Dependency{"a": result, "b": result}); failure != nil {
				t.Errorf("%s: %v", strategy, failure)
			}
		})
	}
}

// TestCostlyTemplates: what a template reads and writes is limited, however often
// it refers to a result.
func TestCostlyTemplates(t *testing.T) {
	t.Parallel()
	given := map[string]executors.Dependency{"a": done(`{"z":null,"text":"` + strings.Repeat("x", 1<<20) + `"}`)}
	for template, says := range map[string]string{
		strings.Repeat("{{a.text}}", 10):  "the summary would be over",
		strings.Repeat("{{a.z}}", 10_000): "its references read more than",
	} {
		inputs, err := json.Marshal(map[string]string{"template": template})
		if err != nil {
			t.Fatal(err)
		}
		_, failure := run(t, string(inputs), given)
		if failure == nil || failure.Type != executors.ValidationError || failure.Field != "template" || !strings.Contains(failure.Message, says) {
			t.Errorf("%.20s: %v; want %q", template, failure, says)
		}
	}
}
