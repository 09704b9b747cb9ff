package process

import (
	"bytes"
	"strings"
	"sync"
	"time"

	"github.com/chainwright/chainwright/executors/shorten"
)

const (
	// maxLine is how much of an unfinished line is kept.
	maxLine = 4 << 10
	// longPiece is the length of a piece of output that is skipped if a line was
	// reported in the last linesEvery.
	longPiece  = 4 << 10
	linesEvery = 100 * time.Millisecond
)

// lines follows the output of a program by its lines.
type lines struct {
	report func(string)

	mu   sync.Mutex
	rest []byte // of a line without an end
	last time.Time
}

// Lines returns a function for Spec.Stdout and Spec.Stderr that reports the last
// complete line of each piece of output, for people who follow the program.
func Lines(report func(line string)) func([]byte) {
	l := &lines{report: report}
	return l.see
}

func (l *lines) see(piece []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(piece) >= longPiece && time.Since(l.last) < linesEvery {
		l.rest = l.rest[:0]
		return
	}
	const ends = "\r\n" // programs that draw a bar end it with a carriage return
	end := bytes.LastIndexAny(piece, ends)
	if end < 0 {
		l.keep(piece)
		return
	}
	whole := bytes.TrimRight(piece[:end], ends)
	if at := bytes.LastIndexAny(whole, ends); at >= 0 {
		whole = whole[at+1:]
	} else if len(l.rest) > 0 {
		whole = append(l.rest, whole...)
	}
	if text := strings.TrimSpace(strings.ToValidUTF8(string(whole), "\uFFFD")); text != "" {
		l.last = time.Now()
		l.report(shorten.Runes(text, 200))
	}
	l.rest = l.rest[:0]
	l.keep(piece[end+1:])
}

func (l *lines) keep(part []byte) {
	if room := maxLine - len(l.rest); room > 0 {
		l.rest = append(l.rest, part[:min(room, len(part))]...)
	}
}
