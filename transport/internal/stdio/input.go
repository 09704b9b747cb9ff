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
// noticed.
type input struct {
	in    io.Reader
	ended chan struct{} // closed at the end of the input
	reads atomic.Uint64 // the number of reads that were begun

	mu     sync.Mutex // held while the input is read
	unread bytes.Buffer
	err    error
}

func newInput(in io.Reader) *input { return &input{in: in, ended: make(chan struct{})} }

// Read returns what was read ahead, or reads.
func (i *input) Read(p []byte) (int, error) {
	i.reads.Add(1)
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.unread.Len() > 0 {
		return i.unread.Read(p)
	}
	return i.read(p)
}

func (i *input) read(p []byte) (n int, err error) {
	if i.err == nil {
		if n, i.err = i.in.Read(p); i.err != nil {
			close(i.ended)
		}
	}
	return n, i.err
}

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
		if now == last && i.mu.TryLock() {
			i.readAhead(now)
			i.mu.Unlock()
		}
		last = now
	}
}

// readAhead reads until there is enough, the input ends, or the loop reads again.
func (i *input) readAhead(reads uint64) {
	part := make([]byte, 32<<10)
	for i.unread.Len() < maxAhead && i.err == nil && i.reads.Load() == reads {
		n, _ := i.read(part)
		i.unread.Write(part[:n])
	}
}
