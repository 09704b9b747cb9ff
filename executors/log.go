package executors

import (
	"io"
	"sync"

	"github.com/chainwright/chainwright/executors/policy"
)

// Logs receive what calls put out while they run. Secrets are redacted by then.
type Logs interface {
	// OpenLog begins the log of an attempt, with the first byte that it puts out.
	// The log is closed before Invoke returns. Write and Close don't fail.
	OpenLog(call *Call) io.WriteCloser
}

// Output returns a writer for what the call puts out while it runs, such as the
// lines of a program: people read them before the result is there. Each writer is
// one text, so that a secret is found that is divided over several writes. Writes
// don't fail, and have no effect when the call has ended.
func (c *Call) Output() io.Writer {
	if c.Logs == nil || c.attempt == nil {
		return io.Discard
	}
	return c.attempt.log.writer(&c.attempt.call)
}

// log is the log of an attempt. Its zero value is empty.
type log struct {
	mu    sync.Mutex
	to    io.WriteCloser // nil: nothing was written
	texts []*text
	ended bool
}

// text is one of the texts of a log.
type text struct {
	log  *log
	call *Call
	in   *policy.Stream
}

func (l *log) writer(call *Call) io.Writer {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := &text{log: l, call: call, in: call.Policy.Stream()}
	if !l.ended {
		l.texts = append(l.texts, t)
	}
	return t
}

// Write implements io.Writer.
func (t *text) Write(b []byte) (int, error) {
	t.log.mu.Lock()
	defer t.log.mu.Unlock()
	if !t.log.ended {
		t.log.add(t.call, t.in.Write(b))
	}
	return len(b), nil
}

// add passes on a part that is redacted.
func (l *log) add(call *Call, part []byte) {
	if len(part) == 0 {
		return
	}
	if l.to == nil {
		l.to = call.Logs.OpenLog(call)
	}
	_, _ = l.to.Write(part)
}

// end passes on what was held back, and ends the log.
func (l *log) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	for _, t := range l.texts {
		l.add(t.call, t.in.Close())
	}
	if l.to != nil {
		_ = l.to.Close()
	}
}
