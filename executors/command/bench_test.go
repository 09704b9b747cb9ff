//go:build unix

package command_test

import (
	"context"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/command"
	"github.com/chainwright/chainwright/executors/policy"
)

// BenchmarkTrue compares the executor with a plain pool of 64 goroutines that
// start a program that does nothing. The two alternate, so that other load on the
// machine affects both. x/bare is the executor's time divided by the pool's, and
// of-bare is the inverse; both are medians.
func BenchmarkTrue(b *testing.B) {
	path, err := exec.LookPath("true")
	if err != nil {
		b.Skip(err)
	}
	pol, executor := allowing(b, policy.Config{}, "true"), command.New()
	defer executor.Close()
	in := map[string]any{"command": []any{"true"}, "expect_exit_codes": []any{0}}
	const batch = 250
	var bare, ours time.Duration
	var turns []float64
	for b.Loop() {
		begin := time.Now()
		pool(batch, func() {
			if err := exec.Command(path).Run(); err != nil {
				b.Error(err)
			}
		})
		middle := time.Now()
		pool(batch, func() {
			if _, err := executor.Execute(context.Background(), &executors.Call{Inputs: in, Policy: pol}); err != nil {
				b.Error(err)
			}
		})
		bare += middle.Sub(begin)
		end := time.Now()
		ours += end.Sub(middle)
		turns = append(turns, float64(middle.Sub(begin))/float64(end.Sub(middle)))
	}
	n := float64(b.N * batch)
	b.ReportMetric(float64(bare.Microseconds())/n, "µs/bare")
	b.ReportMetric(float64(ours.Microseconds())/n, "µs/executor")
	b.ReportMetric(float64(ours)/float64(bare), "x/bare")
	slices.Sort(turns)
	b.ReportMetric(turns[len(turns)/2], "of-bare")
	b.ReportMetric(0, "ns/op")
}

func pool(n int, fn func()) {
	var workers sync.WaitGroup
	left := make(chan struct{}, n)
	for range n {
		left <- struct{}{}
	}
	close(left)
	for range 64 {
		workers.Go(func() {
			for range left {
				fn()
			}
		})
	}
	workers.Wait()
}
