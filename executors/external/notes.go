package external

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"sync"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// maxLine is the longest line of standard error that is looked at.
const maxLine = 64 << 10

// notes reads what a program writes to its standard error: lines of JSON that
// tell of progress, and words for people, of which the last line is kept.
type notes struct {
	report func(executors.Progress)

	mu   sync.Mutex
	line []byte
	long bool // the line is too long to be anything
	word string
}

func newNotes(report func(executors.Progress)) *notes { return &notes{report: report} }

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
	if n.long = n.long || len(n.line)+len(part) > maxLine; !n.long {
		n.line = append(n.line, part...)
	}
}

func (n *notes) end() {
	if !n.long {
		if at, ok := readProgress(n.line); ok {
			n.report(at)
		} else if word := strings.TrimSpace(strings.ToValidUTF8(string(n.line), "\uFFFD")); word != "" {
			n.word = word
		}
	}
	n.line, n.long = n.line[:0], false
}

// last is the last line that was no progress: most programs say there what is
// wrong.
func (n *notes) last() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.line) > 0 {
		n.end()
	}
	const longest = 300
	if words := []rune(n.word); len(words) > longest {
		return string(words[:longest]) + "…"
	}
	return n.word
}

// readProgress reads a line such as {"progress": 3, "total": 10, "message":
// "…"}; an object without any of them but a message is progress too.
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

// number is a value as a number over or equal to zero.
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
