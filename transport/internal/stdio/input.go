package stdio

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// maxAhead is how many bytes of the input are read before they are handled. It
// is more than pipes and sockets usually hold, so that the end of an input that
// its writer has closed is noticed.
const maxAhead = 256 << 10

// input is read by the loop. While the loop does not come back, because the
// client does not read its replies, the input is read ahead, so that its end is
// noticed. What was read ahead can be had while more is waited for.
type input struct {
	in    io.Reader
	ended chan struct{} // closed at the end of the input
	reads atomic.Uint64 // the number of reads that were begun
	came  atomic.Int64  // when something was read last, in Unix nanoseconds

	mu      sync.Mutex // guards what follows; not held while the input is read
	changed sync.Cond  // signalled when a read has ended
	reading bool       // the input is being read
	unread  bytes.Buffer
	err     error
}

func newInput(in io.Reader) *input {
	i := &input{in: in, ended: make(chan struct{})}
	i.changed.L = &i.mu
	return i
}

// Read returns what was read ahead, or reads.
func (i *input) Read(p []byte) (int, error) {
	i.reads.Add(1)
	i.mu.Lock()
	defer i.mu.Unlock()
	for i.reading && i.unread.Len() == 0 {
		i.changed.Wait()
	}
	if i.unread.Len() > 0 {
		return i.unread.Read(p)
	}
	n := i.read(p)
	return n, i.err
}

// read reads the input, unless it has ended. The lock is held, but not while it
// waits.
func (i *input) read(p []byte) (n int) {
	if i.err != nil {
		return 0
	}
	i.reading = true
	i.mu.Unlock()
	n, err := i.in.Read(p)
	if n > 0 {
		i.came.Store(time.Now().UnixNano())
	}
	i.mu.Lock()
	i.reading = false
	if i.err = err; err != nil {
		close(i.ended)
	}
	i.changed.Broadcast()
	return n
}

// last returns when something was read last.
func (i *input) last() time.Time { return time.Unix(0, i.came.Load()) }

// watch reads ahead when the loop has not read for the given time, until stopped.
func (i *input) watch(stopped <-chan struct{}, every time.Duration) {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for last := uint64(0); ; {
		select {
		case <-stopped:
			return
		case <-i.ended:
			return
		case <-ticks.C:
		}
		now := i.reads.Load()
		if now == last {
			i.readAhead(now)
		}
		last = now
	}
}

// readAhead reads until there is enough, the input ends, or the loop reads again.
func (i *input) readAhead(reads uint64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	var part []byte
	for !i.reading && i.unread.Len() < maxAhead && i.err == nil && i.reads.Load() == reads {
		if part == nil {
			part = make([]byte, 32<<10)
		}
		i.unread.Write(part[:i.read(part)])
	}
}
