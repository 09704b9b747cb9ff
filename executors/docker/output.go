package docker

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// capture keeps the beginning of what is written to it and takes the rest, so
// that the writer never waits.
type capture struct {
	mu        sync.Mutex
	limit     int
	kept      []byte
	truncated bool
}

func (c *capture) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(b), c.limit-len(c.kept))
	c.kept = append(c.kept, b[:n]...)
	c.truncated = c.truncated || n < len(b)
	return len(b), nil
}

// text is what was kept, as valid UTF-8. A character that the cap cut in two
// is dropped.
func (c *capture) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.kept
	if c.truncated {
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

// lastLine is the last line of a text, shortened: most programs say there what
// is wrong.
func lastLine(text string) string {
	text = strings.TrimSpace(text[max(0, len(text)-2000):])
	line := strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
	if runes := []rune(line); len(runes) > 300 {
		line = string(runes[:300]) + "…"
	}
	return line
}
