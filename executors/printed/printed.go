// Package printed holds what a program printed, here or on another machine:
// bounded, and as text that JSON can carry.
package printed

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// Buffer keeps the beginning of what is written to it, Limit bytes of it, and
// takes the rest, so that the writer never waits.
type Buffer struct {
	Limit int

	mu        sync.Mutex
	kept      []byte
	truncated bool
}

// Write never fails.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(p), b.Limit-len(b.kept))
	b.kept = append(b.kept, p[:n]...)
	b.truncated = b.truncated || n < len(p)
	return len(p), nil
}

// Text is what was kept, as Text gives it.
func (b *Buffer) Text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Text(b.kept, b.truncated)
}

// Truncated reports whether more was written than is kept.
func (b *Buffer) Truncated() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.truncated
}

// Text makes bytes valid UTF-8. What is none becomes U+FFFD; of truncated
// bytes, a character that was cut in two is dropped.
func Text(b []byte, truncated bool) string {
	if truncated {
		for back := 1; back < utf8.UTFMax && back <= len(b); back++ {
			if start := len(b) - back; utf8.RuneStart(b[start]) {
				if !utf8.FullRune(b[start:]) {
					b = b[:start]
				}
				break
			}
		}
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// LastLine is the last line of a text, shortened: most programs say there what
// is wrong.
func LastLine(text string) string {
	text = strings.TrimSpace(text[max(0, len(text)-2000):])
	line := strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
	if runes := []rune(line); len(runes) > 300 {
		line = string(runes[:300]) + "…"
	}
	return line
}
