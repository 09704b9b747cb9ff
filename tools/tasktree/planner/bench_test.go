package planner_test

import (
	"testing"

	"github.com/chainwright/chainwright/tools/tasktree/planner"
)

func BenchmarkPlan(b *testing.B) {
	reg := registry(b)
	for b.Loop() {
		if _, err := planner.Make("Fetch customer data from API, validate information, process orders in parallel for each customer, aggregate results, calculate totals, and generate final report", planner.Options{Registry: reg}); err != nil {
			b.Fatal(err)
		}
	}
}
