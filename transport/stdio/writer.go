package stdio

import (
	"io"
	"sync"
)

// maxUnwritten is how many bytes may wait for a client that reads slowly;
// past that whoever writes waits too.
const maxUnwritten = 1 << 20

// writer writes whole lines in the order in which they were given. Whoever
// comes while the stream is busy only leaves its line, which goes out with
// all others that wait, in one write.
type writer struct {
	out    io.Writer
	broken chan struct{} // closed when the stream can't be written any more

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
	if w.failure != nil {
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

// flush writes until nothing is left, with the lock given up meanwhile.
func (w *writer) flush() {
	w.writing = true
	for len(w.pending) > 0 && w.failure == nil {
		batch := w.pending
		w.pending = w.spare[:0]
		w.mu.Unlock()
		_, err := w.out.Write(batch)
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

// err is why the stream can't be written any more.
func (w *writer) err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failure
}

// room bounds what is held at once. A single piece always fits.
type room struct {
	mu    sync.Mutex
	freed sync.Cond
	used  int
	limit int
}

func newRoom(limit int) *room {
	r := &room{limit: limit}
	r.freed.L = &r.mu
	return r
}

func (r *room) take(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.used > 0 && r.used+n > r.limit {
		r.freed.Wait()
	}
	r.used += n
}

func (r *room) give(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used -= n
	r.freed.Signal()
}
