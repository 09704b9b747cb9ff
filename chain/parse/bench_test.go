package parse_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
)

// These trees have 10,000 tasks each.
func largeTrees() map[string]string {
	const n = parse.MaxTasks
	write := func(task func(b *strings.Builder, i int)) string {
		var b strings.Builder
		b.WriteString("[")
		for i := range n {
			if i > 0 {
				b.WriteString(",\n")
			}
			task(&b, i)
		}
		b.WriteString("]")
		return b.String()
	}
	return map[string]string{
		"fan-out": write(func(b *strings.Builder, i int) {
			if i == 0 {
				b.WriteString(`{"id": "start", "name": "system_info_executor", "inputs": {"resource": "cpu"}}`)
				return
			}
			fmt.Fprintf(b, `{"id": "fetch_%d", "name": "rest_executor", "dependencies": ["start"], "inputs": {"url": "https://example.com/items/%d", "method": "GET", "headers": {"accept": "application/json"}, "timeout": 20}}`, i, i)
		}),
		"chain": write(func(b *strings.Builder, i int) {
			fmt.Fprintf(b, `{"id": "step_%d", "name": "system_info_executor", "inputs": {"resource": "memory"}`, i)
			if i > 0 {
				fmt.Fprintf(b, `, "dependencies": [{"id": "step_%d", "required": true}]`, i-1)
			}
			b.WriteString("}")
		}),
		"references": write(func(b *strings.Builder, i int) {
			switch {
			case i == 0:
				b.WriteString(`{"id": "fetch_0", "name": "rest_executor", "inputs": {"url": "https://example.com"}}`)
			case i%10 == 0:
				fmt.Fprintf(b, `{"id": "fetch_%d", "name": "data_processor", "when": "${{ tasks.fetch_%d.status == \"completed\" }}", "inputs": {"operation": "sum", "data": "${{ tasks.fetch_%d.result.json.items | map(.n + %d) }}"}}`, i, i-1, i-2, i)
			default:
				field := "json.next"
				if i%10 == 1 && i > 1 {
					field = "result" // of a data_processor
				}
				fmt.Fprintf(b, `{"id": "fetch_%d", "name": "rest_executor", "inputs": {"url": "https://example.com/${{ tasks.fetch_%d.result.%s }}", "method": "GET", "headers": {"authorization": "Bearer ${{ secrets.TOKEN }}", "x": "${{ inputs.x }}"}}}`, i, i-1, field)
			}
		}),
		"invalid": write(func(b *strings.Builder, i int) {
			fmt.Fprintf(b, `{"id": "t_%d", "nam": "x", "name": "rest_exector", "priority": 7, "dependencies": ["ghost_%d", "t_%d"], "inputs": {"url": "${{ tasks.none_%d.result }}"}}`, i, i, (i+1)%n, i)
		}),
	}
}

func BenchmarkParse10000(b *testing.B) {
	reg := executortest.Registry(b, nil, builtin.All()...)
	for name, text := range largeTrees() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				_, report := parse.Parse([]byte(text), reg, parse.Options{})
				if report.Valid() != (name != "invalid") {
					b.Fatal(report.Problems[:1])
				}
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/tree")
		})
	}
}
