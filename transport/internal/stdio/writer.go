package stdio

import (
	"io"
	"sync"
	"sync/atomic"
)

// maxUnwritten is the number of bytes that are buffered for a client that reads
// slowly. When it is reached, writing blocks.
const maxUnwritten = 1 << 20

// writer writes whole lines in order. Lines that arrive during a write are
// buffered and written together in the next one.
type writer struct {
	out    io.Writer
	broken chan struct{} // closed when a write fails

	written atomic.Uint64 // the number of completed writes
	silent  atomic.Bool   // lines are dropped

	mu      sync.Mutex
	drained sync.Cond
	pending []byte
	spare   []byte
	writing bool
	failure error
}

func newWriter(out io.Writer) *writer {
	w := &writer{out: out, broken: make(chan struct{})}
	w.drained.L = &w.mu
	return w
}

// line writes a message and ends its line.
func (w *writer) line(message []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failure != nil || w.silent.Load() {
		return w.failure
	}
	w.pending = append(append(w.pending, message...), '\n')
	if !w.writing {
		w.flush()
		return w.failure
	}
	for len(w.pending) > maxUnwritten && w.failure == nil {
		w.drained.Wait()
	}
	return w.failure
}

// flush writes until the buffer is empty. It unlocks during each write.
func (w *writer) flush() {
	w.writing = true
	for len(w.pending) > 0 && w.failure == nil {
		batch := w.pending
		w.pending = w.spare[:0]
		w.mu.Unlock()
		_, err := w.out.Write(batch)
		w.written.Add(1)
		w.mu.Lock()
		if w.spare = batch; cap(batch) > maxUnwritten {
			w.spare = nil
		}
		if err != nil {
			w.failure = err
			close(w.broken)
		}
		w.drained.Broadcast()
	}
	w.writing = false
}

// stuck reports whether a write has not ended since so many writes were
// completed.
func (w *writer) stuck(written uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.writing && w.written.Load() == written
}

// err returns the error of the failed write; nil if no write failed.
func (w *writer) err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failure
}
