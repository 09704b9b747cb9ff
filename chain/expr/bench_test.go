package expr_test

import (
	"context"
	"testing"

	"github.com/chainwright/chainwright/chain/expr"
)

func BenchmarkEval(b *testing.B) {
	env := environment(b)
	for name, src := range map[string]string{
		"path": "${{ tasks.fetch.result.items[0].n }}",
		"text": "https://example.com/${{ inputs.city }}/${{ inputs.limit }}",
		"jq":   "${{ tasks.fetch.result.items | map(.n) | add }}",
	} {
		b.Run(name, func(b *testing.B) {
			template, issues := expr.NewCompiler().Template(map[string]any{"a": src, "b": "plain"})
			if len(issues) > 0 {
				b.Fatal(issues)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := template.Eval(context.Background(), env); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
