package process

import (
	"io"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors/shorten"
)

// Output is what a program wrote.
type Output struct {
	Bytes []byte
	// Truncated reports that the program wrote more than the limit.
	Truncated bool
}

// Text returns the output as UTF-8 that is valid in JSON. Invalid bytes become
// U+FFFD. If the output was truncated, an incomplete character at the end is
// dropped.
func (o Output) Text() string {
	b := o.Bytes
	if o.Truncated {
		b = shorten.Whole(b)
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// Replaced reports whether Text replaces bytes.
func (o Output) Replaced() bool {
	if o.Truncated {
		return !utf8.Valid(shorten.Whole(o.Bytes))
	}
	return !utf8.Valid(o.Bytes)
}

// NotUTF8 returns the warnings about a program's outputs in which bytes were
// replaced.
func NotUTF8(stdout, stderr interface{ Replaced() bool }) (warnings []string) {
	for i, each := range []interface{ Replaced() bool }{stdout, stderr} {
		if each.Replaced() {
			name := []string{"stdout", "stderr"}[i]
			warnings = append(warnings, name+" is not UTF-8: its invalid bytes are shown as U+FFFD; have the program write UTF-8 or base64")
		}
	}
	return warnings
}

// Buffer keeps the first Limit bytes of the output of a program that runs on
// another machine and discards the rest, so that the writer never blocks. It is
// safe for concurrent use.
type Buffer struct {
	Limit int
	// Also receives the whole output, if it is set.
	Also io.Writer

	mu   sync.Mutex
	kept Output
}

// Write keeps what fits. It never fails.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Also != nil {
		_, _ = b.Also.Write(p)
	}
	n := min(len(p), b.Limit-len(b.kept.Bytes))
	b.kept.Bytes = append(b.kept.Bytes, p[:n]...)
	b.kept.Truncated = b.kept.Truncated || n < len(p)
	return len(p), nil
}

// Text returns the kept output as UTF-8.
func (b *Buffer) Text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kept.Text()
}

// Replaced reports whether Text replaces bytes.
func (b *Buffer) Replaced() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kept.Replaced()
}

// Truncated reports whether more was written than is kept.
func (b *Buffer) Truncated() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kept.Truncated
}
