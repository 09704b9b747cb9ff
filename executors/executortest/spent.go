package executortest

import (
	"io"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// Spent is how many bytes were allocated while fn ran, whether they were given
// back or not: no peak of it was higher. Others must not run meanwhile, so its
// test is not parallel.
func Spent(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Peak is by how much the heap was larger than before at its largest while fn
// ran, as far as looking at it now and then tells. Others must not run
// meanwhile, so its test is not parallel.
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

// Pour writes a piece for ever, until the writer takes no more, and counts
// what it took: how much a peer without end got rid of.
func Pour(to io.Writer, piece []byte, count *atomic.Int64) {
	for {
		n, err := to.Write(piece)
		if count.Add(int64(n)); err != nil {
			return
		}
	}
}
