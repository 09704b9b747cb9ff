package engine_test

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors/policy"
)

// holdAll takes all permits of the process.
const holdAll = `[{"id":"hold","name":"hold","schemas":{"method":"probe"},"for_each":"${{ [range(64)] }}","inputs":{"stubborn":true,"mark":"${{ \"\\(index)\" }}"}}]`

// manyRuns is how many runs are submitted at once.
const manyRuns = 10_000

// peakMemory returns the largest resident memory of this process since forget, in
// bytes; 0 where the system does not say.
func peakMemory() int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(text) {
		if rest, ok := strings.CutPrefix(string(line), "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return n << 10
		}
	}
	return 0
}

// forgetPeak lets the peak begin at the present memory.
func forgetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// submitMany holds all permits, so that no task begins, and starts manyRuns runs by a hundred clients at once, and returns how
// long that took. Then it lets them go, and waits for the end of all.
func submitMany(b *testing.B, t *bench, text string) time.Duration {
	b.Helper()
	if _, err := t.Start(b.Context(), t.Tree(b, holdAll), chain.RunOptions{}); err != nil {
		b.Fatal(err)
	}
	t.Probes.Await(b, "63")
	begun := time.Now()
	var all sync.WaitGroup
	for client := range 100 {
		all.Go(func() {
			for range manyRuns / 100 {
				tree := t.Tree(b, text) // as a server does for each request
				if _, err := t.Start(b.Context(), tree, chain.RunOptions{Principal: fmt.Sprint(client % 10)}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	submitted := time.Since(begun)
	t.Probes.Release()
	for _, status := range []chain.State{chain.Queued, chain.InProgress} {
		for {
			rows, err := t.store.List(b.Context(), store.Query{Anyone: true, Status: string(status), Limit: 1})
			if err != nil {
				b.Fatal(err)
			}
			if len(rows) == 0 {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	rows, err := t.store.List(b.Context(), store.Query{Anyone: true, Status: string(chain.Completed), Limit: manyRuns + 2})
	if err != nil || len(rows) != manyRuns+1 {
		b.Fatalf("%d runs completed, %v", len(rows), err)
	}
	return submitted
}

// BenchmarkManyRuns submits 10,000 runs of five tasks at once. It reports the
// largest resident memory of the process, tests included, and the time until all
// have completed.
func BenchmarkManyRuns(b *testing.B) {
	asTheProgram(b)
	tasks := `[{"id":"a","name":"a","schemas":{"method":"probe"},"inputs":{}},` +
		`{"id":"b","name":"b","schemas":{"method":"probe"},"dependencies":["a"]},{"id":"c","name":"c","schemas":{"method":"probe"},"dependencies":["a"]},` +
		`{"id":"d","name":"d","schemas":{"method":"probe"},"dependencies":["b","c"]},{"id":"e","name":"e","schemas":{"method":"probe"},"dependencies":["d"]}]`
	for b.Loop() {
		t := newBench(b, stores["sqlite"](b), engine.Options{}, policy.Config{})
		forgetPeak()
		before := peakMemory()
		begun := time.Now()
		submitted := submitMany(b, t, tasks)
		b.ReportMetric(submitted.Seconds(), "s/submitted")
		b.ReportMetric(time.Since(begun).Seconds(), "s/completed")
		b.ReportMetric(float64(before)/1e6, "MB-before")
		b.ReportMetric(float64(peakMemory())/1e6, "MB-peak")
		b.ReportMetric(0, "ns/op")
	}
}
