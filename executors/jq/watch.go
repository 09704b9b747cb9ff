package jq

import (
	"context"
	"fmt"
	"io"
	"runtime/metrics"
	"time"
)

// maxGrowth is how many bytes the heap may grow while a program runs. Only the
// heap of the whole process can be measured, so the limit is far above what a
// run needs.
const maxGrowth = 512 << 20

const (
	stepsPerLook = 16
	lookEvery    = time.Millisecond
	heapMetric   = "/memory/classes/heap/objects:bytes"
)

// watch is the context of one run and holds its budget. The interpreter calls
// Done before each of its steps, where time and memory are checked: a timer can
// be late, and nothing else measures the memory of a program. The guards charge
// what one step costs before it starts.
type watch struct {
	context.Context
	deadline   time.Time
	bounds     Bounds
	work       int // units that are left
	steps      uint
	lastLook   time.Time
	startBytes uint64
	patterns   map[string]int // regular expressions of this run with their sizes
	err        error
}

var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func newWatch(ctx context.Context, bounds Bounds) *watch {
	now := time.Now()
	return &watch{Context: ctx, bounds: bounds, work: bounds.Work, deadline: now.Add(bounds.Time), lastLook: now}
}

// Done counts a step. Its channel is closed when the run exceeds a limit.
func (w *watch) Done() <-chan struct{} {
	if w.steps++; w.steps%stepsPerLook == 0 {
		_ = w.charge(stepsPerLook)
		w.look()
	}
	if w.err != nil {
		return closed
	}
	return w.Context.Done()
}

// Err returns why the run ended.
func (w *watch) Err() error {
	if w.err != nil {
		return w.err
	}
	return w.Context.Err()
}

// Format keeps a program that prints its budget from seeing the context.
func (w *watch) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "the budget") }

// charge takes units of work from the budget. A run whose budget is spent ends:
// the program can't catch the error.
func (w *watch) charge(units int) error {
	if w.work -= units; w.work < 0 {
		w.work = 0
		if w.err == nil {
			w.err = tooLarge("the program needs too much work for values of this size (more than %d units)", w.bounds.Work)
		}
		return w.err
	}
	return nil
}

// chargeProduct takes n times m units.
func (w *watch) chargeProduct(n, m int) error {
	if n > 0 && m > w.work/n {
		return w.charge(w.work + 1)
	}
	return w.charge(n * m)
}

func (w *watch) look() {
	now := time.Now()
	if w.err != nil || now.Sub(w.lastLook) < lookEvery {
		return
	}
	w.lastLook = now
	bytes := heapBytes()
	switch {
	case now.After(w.deadline):
		w.err = &Error{Kind: TimedOut, Message: fmt.Sprintf("the program took longer than %v", w.bounds.Time)}
	case w.startBytes == 0:
		w.startBytes = bytes
	case bytes > w.startBytes+maxGrowth:
		w.err = &Error{Kind: TooMuch, Message: fmt.Sprintf("the program used more than %d MiB of memory", maxGrowth>>20)}
	}
}

func heapBytes() uint64 {
	sample := [1]metrics.Sample{{Name: heapMetric}}
	metrics.Read(sample[:])
	return sample[0].Value.Uint64()
}
