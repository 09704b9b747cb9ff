package ssh

import (
	"bytes"

	"github.com/chainwright/chainwright/executors/internal/process"
)

// marked is the standard output of the remote script. Its first line names the
// process of the command; output of a login shell before that is dropped.
type marked struct {
	process.Buffer
	mark   string
	before []byte
	number string
	seen   chan struct{} // closed when the process is known
	passed bool
}

// beforeMark is the limit of output before the marked line, in bytes.
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

// flush keeps the output if there is no marked line.
func (m *marked) flush() {
	m.passed = true
	_, _ = m.Buffer.Write(m.before)
	m.before = nil
}

// Text returns the output after the marked line, or all output without one.
func (m *marked) Text() string {
	if !m.passed {
		m.flush()
	}
	return m.Buffer.Text()
}

// process returns the process number after seen is closed.
func (m *marked) process() string { return m.number }
