package policy

import (
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// auditMerge is how often the counts of repeated lines are written.
	auditMerge = 10 * time.Minute
	// auditKinds is the largest number of different lines that are counted. Lines
	// of further kinds are not merged.
	auditKinds = 10_000
)

// repeats counts lines of the kept trail that are equal but for their time, run
// and target, so that many refused or failed calls can't fill it. The first line
// of a kind is written at once. A crash loses the counts of the others only.
type repeats struct {
	mu    sync.Mutex
	kinds map[string]*repeat
}

type repeat struct {
	last  Line
	count int
	since time.Time // of the first that is counted
}

// repeatable reports whether equal lines are merged: calls that failed and changed
// nothing, and refusals. Grants, calls that changed something and the use of a
// secret have a line each.
func (l *Line) repeatable() bool {
	switch {
	case l.ErrorType == "permission_denied", l.ErrorType == "validation_error", l.Status == "refused":
		return true
	}
	return l.Effect == "read_only" && l.Status != "completed" && len(l.Secrets) == 0
}

// counts reports whether a line is one more of its kind, and counts it then.
func (r *repeats) counts(l Line) bool {
	key := strings.Join([]string{l.Principal, l.Executor, l.Effect, l.Status, l.ErrorType, strings.Join(l.Secrets, "\x00")}, "\x01")
	r.mu.Lock()
	defer r.mu.Unlock()
	kind := r.kinds[key]
	if kind == nil {
		if r.kinds == nil {
			r.kinds = map[string]*repeat{}
		}
		if len(r.kinds) < auditKinds {
			r.kinds[key] = &repeat{}
		}
		return false
	}
	if kind.count++; kind.count == 1 {
		kind.since = l.Time
	}
	kind.last = l
	return true
}

// due returns a line for each kind that was counted since the last time, and
// forgets the others.
func (r *repeats) due() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	var lines []byte
	for key, kind := range r.kinds {
		if kind.count == 0 {
			delete(r.kinds, key)
			continue
		}
		lines = kind.appendTo(lines)
		kind.count = 0
	}
	return lines
}

// appendTo appends the last line of the kind, with the number of lines and the
// time of the first.
func (k *repeat) appendTo(b []byte) []byte {
	b = k.last.appendTo(b)
	b = append(b[:len(b)-len("}\n")], `,"repeated":`...)
	b = strconv.AppendInt(b, int64(k.count), 10)
	b = append(b, `,"since":"`...)
	b = k.since.UTC().AppendFormat(b, auditTime)
	return append(b, "\"}\n"...)
}
