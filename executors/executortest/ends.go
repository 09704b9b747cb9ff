package executortest

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"
)

// Patience is how long tests wait for something that comes soon: longer than a
// busy machine needs.
const Patience = 2 * time.Minute

// Ends runs work, and fails the test if it has not ended within Patience. The
// defects that it finds take much longer, or never end. The test continues in
// the same goroutine, so that work may call tb.FailNow.
func Ends(tb testing.TB, what string, work func()) {
	tb.Helper()
	late := time.AfterFunc(Patience, func() {
		stacks := make([]byte, 1<<20)
		panic(what + " does not end:\n" + string(stacks[:runtime.Stack(stacks, true)]))
	})
	defer late.Stop()
	work()
}

// Await waits until done reports true, and fails the test if it does not within
// Patience.
func Await(tb testing.TB, what string, done func() bool) {
	tb.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	late := time.After(Patience)
	for !done() {
		select {
		case <-again.C:
		case <-late:
			tb.Fatalf("waited %s for %s", Patience, what)
		}
	}
}

// Linear fails the test if the allocations of work(n) grow faster than n: four
// times n may allocate at most eight times the bytes and objects, halfway to the
// sixteen times of quadratic growth. With the race detector, sync.Pool drops
// items at random and regexp allocates them again. Nothing else must run
// meanwhile, so its test must not be parallel.
func Linear(tb testing.TB, what string, n int, work func(n int)) {
	tb.Helper()
	const times, most = 4, 8
	work(n/8 + 1) // allocations that happen only once
	small, large := allocated(func() { work(n) }), allocated(func() { work(times * n) })
	for i, of := range []string{"objects", "bytes"} {
		if large[i] > most*max(small[i], 1000) {
			tb.Errorf("%s: %d %s are allocated for size %d, and %d for size %d", what, small[i], of, n, large[i], times*n)
		}
	}
}

func allocated(fn func()) [2]uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return [2]uint64{after.Mallocs - before.Mallocs, after.TotalAlloc - before.TotalAlloc}
}

// Overdue returns a context whose deadline passes when expire is called,
// however slow the machine is.
func Overdue(parent context.Context) (ctx context.Context, expire func()) {
	o := &overdue{Context: parent, done: make(chan struct{})}
	return o, sync.OnceFunc(func() { close(o.done) })
}

type overdue struct {
	context.Context
	done chan struct{}
}

func (o *overdue) Done() <-chan struct{} { return o.done }

func (o *overdue) Err() error {
	select {
	case <-o.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}
