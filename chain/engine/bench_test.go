package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"
	"time"

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
// They compare it with a bare coordinator, in turn with it.
func BenchmarkFanOut(b *testing.B) { benchmarkTree(b, fanOut, 1<<20) }

func BenchmarkChain(b *testing.B) { benchmarkTree(b, line, 1) }

// coordinate is the least that running n tasks takes: a goroutine for each, with
// a time-out, of which at most width run at once, and one that hears of each end.
func coordinate(ctx context.Context, n, width int) {
	ends := make(chan int)
	started, ended := 0, 0
	for ended < n {
		for started < n && started-ended < width {
			go func(task int) {
				ctx, cancel := context.WithTimeout(ctx, time.Minute)
				defer cancel()
				if ctx.Err() == nil {
					ends <- task
				}
			}(started)
			started++
		}
		<-ends
		ended++
	}
}

func benchmarkTree(b *testing.B, shape func(int) string, width int) {
	asTheProgram(b)
	for _, kind := range []string{"memory", "sqlite"} {
		for _, n := range []int{1_000, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", kind, n), func(b *testing.B) {
				t := newBench(b, stores[kind](b), engine.Options{}, policy.Config{})
				tree := t.Tree(b, shape(n))
				b.ReportAllocs()
				var bare, ours time.Duration
				for b.Loop() {
					begin := time.Now()
					coordinate(b.Context(), n, width)
					middle := time.Now()
					run, err := t.Start(b.Context(), tree, chain.RunOptions{})
					if err != nil {
						b.Fatal(err)
					}
					var last chain.Counts
					err = t.Watch(b.Context(), run.ID, "", func(c chain.Counts, _ string) { last = c })
					if err != nil || last[chain.Completed] != n {
						b.Fatal(last, err)
					}
					bare += middle.Sub(begin)
					ours += time.Since(middle)
				}
				b.ReportMetric(float64(ours.Nanoseconds())/float64(b.N)/float64(n), "ns/task")
				b.ReportMetric(float64(ours)/float64(bare), "x/bare")
				b.ReportMetric(0, "ns/op")
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
