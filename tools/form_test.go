package tools_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
)

// The example in the descriptions of run_task_tree and validate_task_tree is
// valid and runs. It has a reference, a for_each and a condition, and the
// descriptions explain them in at most 200 tokens.
func TestTheFormInTheDescriptions(t *testing.T) {
	t.Parallel()
	const carts = `[{"prices":[1.5,2.25]},{"prices":[10]}]`
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(carts))
	}))
	t.Cleanup(shop.Close)
	set := set(t, policy.Config{Network: policy.Network{Allow: []string{strings.TrimPrefix(shop.URL, "http://")}}}, nil)
	for _, name := range []string{tools.RunTaskTree, tools.ValidateTaskTree} {
		tool, _ := set.Lookup(name)
		if size := len(tool.Description); size > 800 {
			t.Errorf("%s: the description has %d bytes", name, size)
		}
		_, example, _ := strings.Cut(tool.Description, "Example: ")
		for _, part := range []string{`"${{ tasks.`, `"for_each"`, `"when"`, "https://example.com"} {
			if !strings.Contains(example, part) {
				t.Errorf("%s: the example has no %s: %s", name, part, example)
			}
		}
		example = strings.Replace(example, "https://example.com", shop.URL, 1)
		var report struct {
			Valid    bool
			Warnings []any
		}
		call(t, set, tools.ValidateTaskTree, example).get(t, &report)
		if !report.Valid || len(report.Warnings) > 0 {
			t.Errorf("%s: the example is not valid: %+v", name, report)
		}
		var arguments map[string]any
		if err := json.Unmarshal([]byte(example), &arguments); err != nil {
			t.Fatal(err)
		}
		if e := call(t, set, tools.RunTaskTree, example); e.Status != tools.StatusCompleted || !strings.Contains(string(e.Result), `"result":10`) {
			t.Errorf("%s: the example gave %+v with %s", name, e.Status, e.Result)
		}
	}
}
