package executortest

import (
	"io"
	"strings"
	"sync"

	"github.com/chainwright/chainwright/executors"
)

// Logs is an executors.Logs that keeps everything.
type Logs struct {
	mu     sync.Mutex
	text   strings.Builder
	opened int
	closed int
}

// OpenLog implements executors.Logs.
func (l *Logs) OpenLog(*executors.Call) io.WriteCloser {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opened++
	return l
}

// Write implements io.Writer.
func (l *Logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// Close implements io.Closer.
func (l *Logs) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed++
	return nil
}

// Text returns what was put out so far.
func (l *Logs) Text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Open returns how many logs were opened, and how many of them are still open.
func (l *Logs) Open() (opened, open int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.opened, l.opened - l.closed
}
