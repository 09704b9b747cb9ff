package ssh

import (
	"bytes"
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

// marked is the standard output, which begins with the line that names the
// command's process. What a login shell says before it is dropped.
type marked struct {
	capture
	mark   string
	before []byte
	number string
	seen   chan struct{} // closed once the process is known
	passed bool
}

// beforeMark is how much may come before the line.
const beforeMark = 64 << 10

func (m *marked) Write(b []byte) (int, error) {
	if m.passed {
		return m.capture.Write(b)
	}
	m.before = append(m.before, b...)
	if at := bytes.Index(m.before, []byte(m.mark+" ")); at >= 0 {
		number, rest, whole := bytes.Cut(m.before[at+len(m.mark)+1:], []byte("\n"))
		if whole {
			m.number, m.passed = string(number), true
			close(m.seen)
			_, _ = m.capture.Write(rest)
			m.before = nil
		}
	} else if len(m.before) > beforeMark {
		m.flush()
	}
	return len(b), nil
}

// flush keeps what came where no line was among it.
func (m *marked) flush() {
	m.passed = true
	_, _ = m.capture.Write(m.before)
	m.before = nil
}

// text is what came after the line; all of it where there was none.
func (m *marked) text() string {
	if !m.passed {
		m.flush()
	}
	return m.capture.text()
}

// process is the number, to be read once it was seen.
func (m *marked) process() string { return m.number }

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
