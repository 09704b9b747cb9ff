package data_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/data"
	"github.com/chainwright/chainwright/executors/executortest"
)

// Small inputs with huge results are refused before the result is built.
func TestHugeResultsAreRefused(t *testing.T) { // not parallel: it measures memory
	fields := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"f%d":%d`, i, i)
		}
		return b.String()
	}
	times := func(n int, element string) string {
		return "[" + strings.TrimSuffix(strings.Repeat(element+",", n), ",") + "]"
	}
	registry := executortest.Registry(t, nil, data.New())
	for name, c := range map[string]struct{ inputs, says string }{
		"wide rows":    {`{"operation": "join", "on": "k", "data": ` + times(1000, `{"k":1`+fields(200)+`}`) + `, "with": ` + times(900, `{"k":1}`) + `}`, "bytes"},
		"large values": {`{"operation": "join", "on": "k", "data": [{"k":1,"text":"` + strings.Repeat("x", 1_000_000) + `"}], "with": ` + times(50_000, `{"k":1}`) + `}`, "bytes"},
		"many rows":    {`{"operation": "join", "on": "k", "data": ` + times(2000, `{"k":1}`) + `, "with": ` + times(2000, `{"k":1}`) + `}`, "rows"},
		"jq":           {`{"operation": "jq", "program": ". as $x | [range(100000) | $x]", "data": "` + strings.Repeat("x", 1_000_000) + `"}`, "larger than"},
		"jq in a text": {`{"operation": "jq", "program": "reduce range(100) as $i (.; . + .)", "data": "xxxxxxxx"}`, "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			var out executors.Outcome
			spent := executortest.Spent(func() { out = executortest.Call(t, registry, "data_processor", c.inputs) })
			if out.Err == nil || !strings.Contains(out.Err.Message, c.says) {
				t.Errorf("%.200s, %+v", out.Result, out.Err)
			}
			if spent > 1<<30 {
				t.Errorf("the call used %d MiB", spent>>20)
			}
		})
	}
	if out := executortest.Call(t, registry, "data_processor", `{"operation": "filter", "where": "true", "data": `+times(400_000, `"0123456789012345678901234567"`)+`}`); out.Err == nil || !strings.Contains(out.Err.Message, "at most") {
		t.Errorf("a result that is too long: %.200s, %+v", out.Result, out.Err)
	}
}
