package executortest

import (
	"io"
	"runtime"
	"sync/atomic"
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
