package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

const (
	auditLinger   = 100 * time.Millisecond
	auditMaxBytes = 10 << 20
	auditKeep     = 3
	// auditBuffer bounds the lines that wait for a stuck disk.
	auditBuffer = 4 << 20
)

// Line is one line of the audit trail: who did what, where to, and how it
// ended. Never a secret's value: the line is redacted as a whole.
type Line struct {
	Time      time.Time // now where it is zero
	Principal string
	Executor  string
	RunID     string
	TaskID    string
	Attempt   int
	// Target is where the call went: a host, a path, a program.
	Target string
	// Effect is read_only, write or destructive.
	Effect    string
	Status    string
	ErrorType string
	// Secrets are the names of the secrets that were used.
	Secrets  []string
	Duration time.Duration
}

// appendTo writes the line as JSON. By hand, as there is one for every call.
func (l *Line) appendTo(b []byte) []byte {
	b = append(b, `{"time":"`...)
	b = l.Time.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
	b = append(b, '"')
	text := func(key, value string) {
		if value != "" {
			b = append(append(append(b, `,"`...), key...), `":`...)
			b = appendString(b, value)
		}
	}
	text("principal", l.Principal)
	text("executor", l.Executor)
	text("run_id", l.RunID)
	text("task_id", l.TaskID)
	if l.Attempt > 0 {
		b = strconv.AppendInt(append(b, `,"attempt":`...), int64(l.Attempt), 10)
	}
	text("target", l.Target)
	text("effect", l.Effect)
	text("status", l.Status)
	text("error_type", l.ErrorType)
	for i, name := range l.Secrets {
		if i == 0 {
			b = append(b, `,"secrets":[`...)
		} else {
			b = append(b, ',')
		}
		b = appendString(b, name)
	}
	if len(l.Secrets) > 0 {
		b = append(b, ']')
	}
	b = append(b, `,"duration_ms":`...)
	b = strconv.AppendFloat(b, float64(l.Duration.Microseconds())/1000, 'f', -1, 64)
	return append(b, "}\n"...)
}

func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(s) // a string always encodes
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// trail writes the audit file. One goroutine writes; it is started by the
// first line after a pause, and ends with close.
type trail struct {
	path     string
	maxBytes int64
	keep     int
	report   func(error)

	mu      sync.Mutex
	pending []byte
	dropped int
	closed  bool

	wake chan struct{} // holds one token while something is pending
	quit chan struct{}
	done chan struct{}

	file  *os.File // the writing goroutine's
	spare []byte   // the writing goroutine's
	err   error    // the first failure, read after done
}

// openTrail opens the file, so that what is wrong with it shows at the start.
func openTrail(a Audit, report func(error)) (*trail, error) {
	path, err := absolute(a.Path)
	if err != nil {
		return nil, err
	}
	t := &trail{
		path: path, maxBytes: auditMaxBytes, keep: auditKeep, report: report,
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
	}
	if a.MaxBytes > 0 {
		t.maxBytes = a.MaxBytes
	}
	if a.Keep > 0 {
		t.keep = a.Keep
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make its folder: %w", err)
	}
	if err := t.open(); err != nil {
		return nil, err
	}
	go t.run()
	return t, nil
}

// Audit adds a line to the trail. It is written within a tenth of a second;
// the call itself never waits for the disk.
func (p *Policy) Audit(l Line) {
	if p.trail == nil {
		return
	}
	if l.Time.IsZero() {
		l.Time = time.Now()
	}
	var scratch [512]byte
	p.trail.add(p.Redact(l.appendTo(scratch[:0])))
}

func (t *trail) add(line []byte) {
	t.mu.Lock()
	if t.closed || len(t.pending)+len(line) > auditBuffer {
		t.dropped++
	} else {
		t.pending = append(t.pending, line...)
	}
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *trail) run() {
	defer close(t.done)
	timer := time.NewTimer(auditLinger)
	defer timer.Stop()
	for {
		select {
		case <-t.wake:
			timer.Reset(auditLinger)
			select {
			case <-timer.C:
			case <-t.quit:
			}
			t.flush()
		case <-t.quit:
			t.flush()
			return
		}
	}
}

// flush writes what is pending in one piece.
func (t *trail) flush() {
	t.mu.Lock()
	lines := t.pending
	t.pending, t.spare = t.spare[:0], nil
	if t.dropped > 0 {
		lines = fmt.Appendf(lines, "{\"time\":%q,\"dropped\":%d}\n", time.Now().UTC().Format(time.RFC3339), t.dropped)
		t.dropped = 0
	}
	t.mu.Unlock()
	if len(lines) > 0 {
		if err := t.write(lines); err != nil {
			t.fail(err)
		}
	}
	t.spare = lines[:0]
}

func (t *trail) fail(err error) {
	err = fmt.Errorf("write the audit trail %s: %w", t.path, err)
	if t.err == nil {
		t.err = err
	}
	if t.report != nil {
		t.report(err)
	}
}

// write appends to the file, after rotating it where it is full. Several
// servers may share one trail, so the file is looked up each time.
func (t *trail) write(lines []byte) error {
	info, err := os.Stat(t.path)
	if err == nil && info.Size() > 0 && info.Size()+int64(len(lines)) > t.maxBytes {
		if err := t.rotate(); err != nil {
			return err
		}
		err = fs.ErrNotExist
	}
	if !t.current(info, err) {
		if err := t.open(); err != nil {
			return err
		}
	}
	_, err = t.file.Write(lines)
	return err
}

// current reports whether the open file still has the trail's name.
func (t *trail) current(info fs.FileInfo, err error) bool {
	if err != nil || t.file == nil {
		return false
	}
	mine, err := t.file.Stat()
	return err == nil && os.SameFile(mine, info)
}

func (t *trail) open() error {
	if t.file != nil {
		_ = t.file.Close() // every line in it was written by then
	}
	var err error
	t.file, err = os.OpenFile(t.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	return err
}

// rotate moves trail to trail.1, that to trail.2, and so on; the oldest goes.
func (t *trail) rotate() error {
	_ = t.file.Close() // Windows renames no open files
	t.file = nil
	for i := t.keep - 1; i >= 1; i-- {
		err := os.Rename(t.numbered(i), t.numbered(i+1))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.Rename(t.path, t.numbered(1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (t *trail) numbered(i int) string { return t.path + "." + strconv.Itoa(i) }

// close writes what is left, ends the writing goroutine and waits for it.
func (t *trail) close() error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	close(t.quit)
	<-t.done
	if t.file != nil {
		if err := t.file.Close(); err != nil && t.err == nil {
			t.err = err
		}
	}
	return t.err
}
