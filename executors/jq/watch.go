package jq

import (
	"context"
	"fmt"
	"runtime/metrics"
	"time"
)

// maxGrowth is how far the heap may grow while a program runs. It is the
// process's whole heap, for there is no other measure, so it is set far above
// what a run within its bounds needs.
const maxGrowth = 512 << 20

const (
	stepsPerLook = 16
	lookEvery    = time.Millisecond
	heapMetric   = "/memory/classes/heap/objects:bytes"
)

// watch is the context of one run. The interpreter asks for Done before each
// of its steps, and that is where time and memory are looked at: a timer can
// be late, and nothing else sees how much a program keeps.
type watch struct {
	context.Context
	deadline   time.Time
	bounds     Bounds
	steps      uint
	lastLook   time.Time
	startBytes uint64
	err        error
}

var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func newWatch(ctx context.Context, bounds Bounds) *watch {
	now := time.Now()
	return &watch{Context: ctx, bounds: bounds, deadline: now.Add(bounds.Time), lastLook: now}
}

// Done counts a step, and is closed when the run is over a bound.
func (w *watch) Done() <-chan struct{} {
	if w.steps++; w.steps%stepsPerLook == 0 {
		w.look()
	}
	if w.err != nil {
		return closed
	}
	return w.Context.Done()
}

// Err says why the run is over.
func (w *watch) Err() error {
	if w.err != nil {
		return w.err
	}
	return w.Context.Err()
}

func (w *watch) look() {
	now := time.Now()
	if now.Sub(w.lastLook) < lookEvery {
		return
	}
	w.lastLook = now
	bytes := heapBytes()
	switch {
	case now.After(w.deadline):
		w.err = &Error{Kind: TimedOut, Message: fmt.Sprintf("the program took longer than %v", w.bounds.Time), Offset: -1}
	case w.startBytes == 0:
		w.startBytes = bytes
	case bytes > w.startBytes+maxGrowth:
		w.err = &Error{Kind: TooMuch, Message: fmt.Sprintf("the program used more than %d MiB of memory", maxGrowth>>20), Offset: -1}
	}
}

func heapBytes() uint64 {
	sample := [1]metrics.Sample{{Name: heapMetric}}
	metrics.Read(sample[:])
	return sample[0].Value.Uint64()
}
