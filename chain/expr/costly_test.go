package expr_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
)

// TestCostlyOperations: references return a bounded value together, also if each
// is allowed and refers to the same large result, and numbers are never expanded.
func TestCostlyOperations(t *testing.T) { // not parallel: it measures memory
	huge := strings.Repeat("9", 100_000)
	env := &expr.Env{Inputs: map[string]any{
		"big": strings.Repeat("x", 4<<20), "list": times(100_000, strings.Repeat("x", 100)),
		"exponent": json.Number("1e999999999"), "tiny": json.Number("1e-999999999"), "long": json.Number(huge),
	}}
	for name, c := range map[string]struct {
		value string
		says  string // "": it has a value
		most  uint64 // MiB
	}{
		"one large value":             {`"${{ inputs.big }}"`, "", 1},
		"a few large values":          {many("${{ inputs.big }}", 10), "", 1},
		"very many large values":      {many("${{ inputs.big }}", 200), "return more than 67108864 bytes together", 16},
		"large values, deep":          {`{"a":` + many("${{ inputs.big }}", 10) + `,"b":{"c":` + many("${{ inputs.big }}", 10) + `}}`, "together", 16},
		"very many large texts":       {many("x ${{ inputs.big }}", 200), "together", 1000},
		"very many lists":             {many("${{ inputs.list }}", 200), "together", 16},
		"a text of many large values": {`"` + strings.Repeat("${{ inputs.big }}", 1000) + `"`, "longer than", 200},
		"a huge exponent":             {`"${{ inputs.exponent }}"`, "", 1},
		"a huge exponent plus one":    {`"${{ inputs.exponent + 1 }}"`, "", 1},
		"a huge exponent as an index": {`"${{ inputs.list[inputs.exponent] }}"`, "an index is larger than", 1},
		"a huge exponent, rounded":    {`"${{ inputs.exponent | floor | tostring }}"`, "", 1},
		"a tiny exponent plus one":    {`"${{ inputs.tiny + 1 }}"`, "", 1},
		"a long number plus one":      {`"${{ inputs.long + 1 }}"`, "", 32},
		"a long number, multiplied":   {`"${{ reduce range(30) as $i (inputs.long; . * .) }}"`, "any", 200},
		"a text of that length":       {`"${{ \"x\" * inputs.exponent }}"`, "any", 100},
	} {
		t.Run(name, func(t *testing.T) {
			template, issues := expr.NewCompiler().Template(map[string]any{"value": decode(t, c.value)})
			if len(issues) > 0 {
				t.Fatal(issues)
			}
			var failure *executors.Error
			spent := executortest.Spent(func() { _, failure = template.Eval(t.Context(), env) })
			switch {
			case c.says == "any" && failure != nil, c.says == "" && failure == nil:
			case failure == nil || c.says == "" || !strings.Contains(failure.Message, c.says):
				t.Error(failure)
			}
			if spent > c.most<<20 {
				t.Errorf("it took %d MiB", spent>>20)
			}
		})
	}
}

func times(n int, v any) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = v
	}
	return list
}

// many returns an array with n times a text.
func many(text string, n int) string {
	return "[" + strings.TrimSuffix(strings.Repeat(fmt.Sprintf("%q,", text), n), ",") + "]"
}
