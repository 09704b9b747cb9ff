//go:build unix

package command_test

import (
	"context"
	"os/exec"
	"sync"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/command"
	"github.com/chainwright/chainwright/executors/policy"
)

// BenchmarkTrue compares the executor with a bare pool of 64, for starting a
// program that does nothing.
func BenchmarkTrue(b *testing.B) {
	path, err := exec.LookPath("true")
	if err != nil {
		b.Skip(err)
	}
	b.Run("bare", func(b *testing.B) {
		pool(b.N, func() {
			if err := exec.Command(path).Run(); err != nil {
				b.Error(err)
			}
		})
	})
	b.Run("executor", func(b *testing.B) {
		pol, executor := allowing(b, policy.Config{}, "true"), command.New()
		in := map[string]any{"command": []any{"true"}, "expect_exit_codes": []any{0}}
		pool(b.N, func() {
			if _, err := executor.Execute(context.Background(), &executors.Call{Inputs: in, Policy: pol}); err != nil {
				b.Error(err)
			}
		})
	})
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
