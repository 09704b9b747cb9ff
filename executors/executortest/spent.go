package executortest

import (
	"io"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// Spent returns the number of bytes that were allocated while fn ran, freed or
// not. It is an upper bound of the memory that fn used at any time. Nothing else
// must run meanwhile, so the test must not be parallel.
func Spent(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Peak returns the largest growth of the heap while fn ran, in bytes, from
// samples every 2 ms. Nothing else must run meanwhile, so the test must not be
// parallel.
func Peak(fn func()) uint64 {
	runtime.GC()
	before := heap()
	var most uint64
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for tick := time.NewTicker(2 * time.Millisecond); ; {
			select {
			case <-tick.C:
				most = max(most, heap())
			case <-done:
				tick.Stop()
				return
			}
		}
	}()
	fn()
	close(done)
	<-stopped
	return max(most, heap(), before) - before
}

func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// Pour writes a piece again and again until the writer returns an error, and
// adds the number of bytes written to count.
func Pour(to io.Writer, piece []byte, count *atomic.Int64) {
	for {
		n, err := to.Write(piece)
		if count.Add(int64(n)); err != nil {
			return
		}
	}
}
