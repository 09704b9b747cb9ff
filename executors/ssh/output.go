package ssh

import (
	"bytes"

	"github.com/chainwright/chainwright/executors/printed"
)

// marked is the standard output, which begins with the line that names the
// command's process. What a login shell says before it is dropped.
type marked struct {
	printed.Buffer
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
		return m.Buffer.Write(b)
	}
	m.before = append(m.before, b...)
	if at := bytes.Index(m.before, []byte(m.mark+" ")); at >= 0 {
		number, rest, whole := bytes.Cut(m.before[at+len(m.mark)+1:], []byte("\n"))
		if whole {
			m.number, m.passed = string(number), true
			close(m.seen)
			_, _ = m.Buffer.Write(rest)
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
	_, _ = m.Buffer.Write(m.before)
	m.before = nil
}

// Text is what came after the line; all of it where there was none.
func (m *marked) Text() string {
	if !m.passed {
		m.flush()
	}
	return m.Buffer.Text()
}

// process is the number, to be read once it was seen.
func (m *marked) process() string { return m.number }
