package process_test

import (
	"context"
	"os/exec"
	"sync"
	"testing"

	"github.com/chainwright/chainwright/executors/internal/process"
)

// pool runs fn n times, 64 at a time.
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

// Compare these benchmarks with each other: each runs a program that does
// nothing, 64 at a time.
func BenchmarkStart(b *testing.B) {
	path, err := exec.LookPath("true")
	if err != nil {
		b.Skip(err)
	}
	env := []string{"PATH=/usr/bin:/bin", "HOME=/root", "LANG=C.UTF-8"}
	b.Run("bare", func(b *testing.B) {
		pool(b.N, func() {
			cmd := exec.Command(path)
			cmd.Env = env
			if err := cmd.Run(); err != nil {
				b.Error(err)
			}
		})
	})
	b.Run("bare captured", func(b *testing.B) {
		pool(b.N, func() {
			cmd := exec.Command(path)
			cmd.Env = env
			if _, err := cmd.CombinedOutput(); err != nil {
				b.Error(err)
			}
		})
	})
	b.Run("process", func(b *testing.B) {
		spec := process.Spec{Path: path, Env: env}
		pool(b.N, func() {
			if _, err := process.Run(context.Background(), spec); err != nil {
				b.Error(err)
			}
		})
	})
}
