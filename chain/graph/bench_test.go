package graph_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/chainwright/chainwright/chain/graph"
)

// BenchmarkLayout places 10,000 tasks.
func BenchmarkLayout(b *testing.B) {
	for _, name := range slices.Sorted(maps.Keys(large)) {
		tasks := large[name](10_000)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				graph.Of(tasks, graph.Options{})
			}
		})
		b.Run(name+" in 300 nodes", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				graph.Of(tasks, graph.Options{Most: 300})
			}
		})
	}
}
