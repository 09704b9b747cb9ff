package jq_test

import (
	"context"
	"testing"

	"github.com/chainwright/chainwright/executors/jq"
)

// BenchmarkRun measures programs as calls use them: short, over small values.
func BenchmarkRun(b *testing.B) {
	input := decode(b, `{"i":1,"items":[{"n":1,"s":"one"},{"n":2,"s":"two"},{"n":3,"s":"three"}]}`)
	for name, src := range map[string]string{
		"path": `.items[0].n`, "computed": `.items[.i].s`, "map": `.items | map(.n) | add`, "select": `[.items[] | select(.n > 1)]`,
		"sort": `.items | sort_by(.s)`, "text": `"\(.i): \(.items[0].s)"`, "match": `[.items[].s | select(test("^t"))]`, "update": `.items[].n += .i`,
	} {
		b.Run(name, func(b *testing.B) {
			program, err := jq.Compile(src)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := program.Run(context.Background(), input); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
