package external

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strings"
	"sync"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// maxLine is the longest line of standard error that is read, in bytes.
const maxLine = 64 << 10

// notes reads the standard error of a program: JSON lines report progress, and
// the last other line is kept for error messages.
type notes struct {
	report func(executors.Progress)
	log    io.Writer // receives the lines, and the messages of progress

	mu   sync.Mutex
	line []byte
	long bool // the current line is longer than maxLine, and is only in the log
	word string
}

func newNotes(call *executors.Call) *notes {
	return &notes{report: call.Progress, log: call.Output()}
}

func (n *notes) write(piece []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for {
		end := bytes.IndexByte(piece, '\n')
		if end < 0 {
			break
		}
		n.add(piece[:end])
		n.end()
		piece = piece[end+1:]
	}
	n.add(piece)
}

func (n *notes) add(part []byte) {
	switch {
	case n.long:
		_, _ = n.log.Write(part)
	case len(n.line)+len(part) > maxLine:
		n.long, n.line = true, append(n.line, part...)
		_, _ = n.log.Write(n.line)
	default:
		n.line = append(n.line, part...)
	}
}

func (n *notes) end() {
	at, isProgress := executors.Progress{}, false
	if !n.long {
		at, isProgress = readProgress(n.line)
	}
	switch {
	case n.long:
		n.tell("") // the line is in the log
	case isProgress:
		n.report(at)
		if at.Message != "" {
			n.tell(at.Message)
		}
	default:
		n.tell(string(n.line))
		if word := strings.TrimSpace(strings.ToValidUTF8(string(n.line), "\uFFFD")); word != "" {
			n.word = word
		}
	}
	n.line, n.long = n.line[:0], false
}

// tell ends a line of the log.
func (n *notes) tell(line string) { _, _ = io.WriteString(n.log, line+"\n") }

// last returns the last line that was not progress, cut to 300 characters.
// Most programs print the cause of a failure there.
func (n *notes) last() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.line) > 0 {
		n.end()
	}
	return shorten.Runes(n.word, 300)
}

// readProgress decodes a line such as {"progress": 3, "total": 10, "message":
// "…"}. An object with a message only is progress, too.
func readProgress(line []byte) (executors.Progress, bool) {
	line = bytes.TrimSpace(line)
	if len(line) == 0 || line[0] != '{' {
		return executors.Progress{}, false
	}
	object, err := strictjson.DecodeObject(line)
	if err != nil {
		return executors.Progress{}, false
	}
	var at executors.Progress
	done, isNumber := number(object["progress"])
	message, isText := object["message"].(string)
	if !isNumber && !(isText && len(object) == 1) {
		return at, false
	}
	at.Done, at.Message = done, message
	at.Total, _ = number(object["total"])
	return at, true
}

// number returns v as a float64. ok is false unless v is a number >= 0.
func number(v any) (float64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	if err != nil || math.IsInf(f, 0) || f < 0 {
		return 0, false
	}
	return f, true
}
