package expr_test

import (
	"context"
	"fmt"

	"github.com/chainwright/chainwright/chain/expr"
)

func ExampleTemplate() {
	template, issues := expr.NewCompiler().Template(map[string]any{
		"url":     "https://example.com/${{ inputs.city }}",
		"items":   "${{ tasks.fetch.result.items | map(.name) }}",
		"headers": map[string]any{"authorization": "Bearer ${{ secrets.TOKEN }}"},
	})
	if len(issues) > 0 {
		fmt.Println(issues)
		return
	}
	reads := template.Reads()
	fmt.Println("reads", reads.Tasks[0].Task, reads.Inputs, reads.Secrets)

	inputs, err := template.Eval(context.Background(), &expr.Env{
		Task: func(expr.Ref) (map[string]any, error) {
			items := []any{map[string]any{"name": "pen"}, map[string]any{"name": "ink"}}
			return map[string]any{"status": "completed", "result": map[string]any{"items": items}}, nil
		},
		Inputs: map[string]any{"city": "Oslo"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(inputs["url"], inputs["items"])
	fmt.Println(inputs["headers"])
	// Output:
	// reads fetch [city] [TOKEN]
	// https://example.com/Oslo [pen ink]
	// map[authorization:Bearer ${{ secrets.TOKEN }}]
}
