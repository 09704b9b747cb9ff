package stdio

import (
	"bytes"
	"sync"

	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
)

// batch collects the replies to a batch, and writes them as one line when all
// have arrived.
type batch struct {
	out *writer

	mu      sync.Mutex
	left    int
	replies [][]byte
}

func newBatch(messages []jsonrpc.Message, out *writer) *batch {
	b := &batch{out: out}
	for i := range messages {
		if messages[i].Err != nil || messages[i].IsRequest() {
			b.left++
		}
	}
	return b
}

func (b *batch) add(reply []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left--
	if reply != nil {
		b.replies = append(b.replies, reply)
	}
	if b.left == 0 && len(b.replies) > 0 {
		line := append([]byte{'['}, bytes.Join(b.replies, []byte{','})...)
		_ = b.out.line(append(line, ']'))
	}
}
