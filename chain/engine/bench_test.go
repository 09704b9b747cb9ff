package engine_test

import (
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/executors/policy"
)

// fanOut returns a tree with one task, n tasks that depend on it, and one task
// that depends on those.
func fanOut(n int) string {
	var b strings.Builder
	b.WriteString(`[{"id":"first","name":"noop","schemas":{"method":"noop"}}`)
	var all []string
	for i := range n - 2 {
		fmt.Fprintf(&b, `,{"id":"t%d","name":"noop","schemas":{"method":"noop"},"dependencies":["first"]}`, i)
		all = append(all, fmt.Sprintf(`"t%d"`, i))
	}
	fmt.Fprintf(&b, `,{"id":"last","name":"noop","schemas":{"method":"noop"},"dependencies":[%s]}]`, strings.Join(all, ","))
	return b.String()
}

// line returns a tree of n tasks, each of which depends on the one before.
func line(n int) string {
	var b strings.Builder
	b.WriteString(`[{"id":"t0","name":"noop","schemas":{"method":"noop"}}`)
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, `,{"id":"t%d","name":"noop","schemas":{"method":"noop"},"dependencies":["t%d"]}`, i, i-1)
	}
	return b.String() + "]"
}

// asTheProgram sets the garbage collector as main does, for a benchmark.
func asTheProgram(b *testing.B) {
	before := debug.SetGCPercent(400)
	b.Cleanup(func() { debug.SetGCPercent(before) })
}

// BenchmarkFanOut and BenchmarkChain measure the cost of a task that does
// nothing, from the start of its run to the end.
func BenchmarkFanOut(b *testing.B) { benchmarkTree(b, fanOut) }

func BenchmarkChain(b *testing.B) { benchmarkTree(b, line) }

func benchmarkTree(b *testing.B, shape func(int) string) {
	asTheProgram(b)
	for _, kind := range []string{"memory", "sqlite"} {
		for _, n := range []int{1_000, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", kind, n), func(b *testing.B) {
				t := newBench(b, stores[kind](b), engine.Options{}, policy.Config{})
				tree := t.Tree(b, shape(n))
				b.ReportAllocs()
				for b.Loop() {
					run, err := t.Start(b.Context(), tree, chain.RunOptions{})
					if err != nil {
						b.Fatal(err)
					}
					var last chain.Counts
					err = t.Watch(b.Context(), run.ID, "", func(c chain.Counts, _ string) { last = c })
					if err != nil || last[chain.Completed] != n {
						b.Fatal(last, err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/task")
			})
		}
	}
}

// BenchmarkCall compares a direct call with the executor alone.
func BenchmarkCall(b *testing.B) {
	asTheProgram(b)
	for _, kind := range []string{"memory", "sqlite"} {
		b.Run(kind, func(b *testing.B) {
			t := newBench(b, stores[kind](b), engine.Options{}, policy.Config{})
			args := json.RawMessage(`{}`)
			b.ReportAllocs()
			for b.Loop() {
				if r := t.Call(b.Context(), "noop", args, chain.CallOptions{}); r.Err != nil {
					b.Fatal(r.Err)
				}
			}
		})
	}
}
