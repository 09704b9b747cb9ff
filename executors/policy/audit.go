package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chainwright/chainwright/executors/plainjson"
)

const (
	auditLinger   = 100 * time.Millisecond
	auditMaxBytes = 10 << 20
	auditKeep     = 3
	// auditBuffer limits the bytes that wait for a slow disk.
	auditBuffer = 4 << 20
	// auditRetain is how long a line of the kept trail stays at least, and
	// auditReserve the most bytes that it takes.
	auditRetain  = 7 * 24 * time.Hour
	auditReserve = 1 << 30
	auditTime    = "2006-01-02T15:04:05.000Z07:00"
)

// Line is one line of the audit trail: who called what, where it went, and how
// it ended. The whole line is redacted, so it never holds a secret's value.
type Line struct {
	Time      time.Time // zero means now
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
	// Secrets are the names of the secrets that the call used.
	Secrets  []string
	Duration time.Duration
}

// appendTo appends the line as JSON. It does not use encoding/json, because every
// call writes a line.
func (l *Line) appendTo(b []byte) []byte {
	b = append(b, `{"time":"`...)
	b = l.Time.UTC().AppendFormat(b, auditTime)
	b = append(b, '"')
	text := func(key, value string) {
		if value != "" {
			b = append(append(append(b, `,"`...), key...), `":`...)
			b = plainjson.AppendString(b, value)
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
		b = plainjson.AppendString(b, name)
	}
	if len(l.Secrets) > 0 {
		b = append(b, ']')
	}
	b = append(b, `,"duration_ms":`...)
	b = strconv.AppendFloat(b, float64(l.Duration.Microseconds())/1000, 'f', -1, 64)
	return append(b, "}\n"...)
}

// trail writes the audit file. One goroutine writes; the first line after a
// pause starts it, and close ends it.
type trail struct {
	path     string
	maxBytes int64
	keep     int
	retain   time.Duration // how long rotated files stay at least; 0: by number only
	policy   *Policy
	repeats  repeats
	full     atomic.Bool // the oldest rotated file is too young to be deleted

	mu      sync.Mutex
	pending []byte
	dropped int
	closed  bool

	wake chan struct{} // holds one token while lines are pending
	quit chan struct{}
	done chan struct{}

	file  *os.File // used by the writing goroutine only
	spare []byte   // used by the writing goroutine only
	err   error    // the first failure, read after done
}

// openTrail opens the file, so that a wrong path is reported at the start.
func (p *Policy) openTrail(a Audit) (*trail, error) {
	path, err := absolute(a.Path)
	if err != nil {
		return nil, err
	}
	t := &trail{
		path: path, maxBytes: auditMaxBytes, keep: auditKeep, policy: p,
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

// openKept opens the second trail, which many calls that change nothing can't
// rotate away: it has the lines of all other calls, and a time for which they
// stay.
func (p *Policy) openKept(a Audit) (*trail, error) {
	a.Path = keptPath(a.Path)
	a.MaxBytes = max(a.MaxBytes, auditMaxBytes) // a rotation renames every file
	a.Keep = int(max(auditReserve/a.MaxBytes-1, 1))
	t, err := p.openTrail(a)
	if err == nil {
		t.retain = auditRetain
	}
	return t, err
}

// keptPath returns the path of the kept trail: audit.kept.jsonl for audit.jsonl.
func keptPath(path string) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + ".kept" + ext
}

// notable reports whether a line belongs in the kept trail too: a call that
// changed something, failed, was refused or used a secret, and the answer to a
// question.
func (l *Line) notable() bool {
	return l.Effect != "read_only" || l.Status != "completed" || len(l.Secrets) > 0
}

// Audit adds a line to the trail, which is written within 100 ms. It does not
// wait for the disk.
func (p *Policy) Audit(l Line) {
	if p.trail == nil {
		return
	}
	if l.Time.IsZero() {
		l.Time = time.Now()
	}
	var scratch [512]byte
	line := p.Redact(l.appendTo(scratch[:0]))
	p.trail.add(line)
	if l.notable() && !(l.repeatable() && p.kept.repeats.counts(l)) {
		p.kept.add(line)
	}
}

// AuditFull reports whether the kept trail has no room: it is as large as it may
// be, and its oldest lines are too young to be deleted. Calls that need a line of
// their own are refused then.
func (p *Policy) AuditFull() bool {
	return p.trail != nil && p.kept.full.Load() && !p.kept.room()
}

// Kept describes the kept trail.
type Kept struct {
	Used, Most int64         // bytes
	Retain     time.Duration // how long a line stays at least
	// Full means that the file in use is the last one that there is room for.
	Full bool
}

// AuditKept returns the state of the kept trail. It reports false if the audit
// trail is off.
func (p *Policy) AuditKept() (Kept, bool) {
	if p.trail == nil {
		return Kept{}, false
	}
	t := p.kept
	k := Kept{Most: t.maxBytes * int64(t.keep+1), Retain: t.retain, Full: t.crowded()}
	for i := range t.keep + 1 {
		name := t.path
		if i > 0 {
			name = t.numbered(i)
		}
		if info, err := os.Stat(name); err == nil {
			k.Used += info.Size()
		}
	}
	return k, true
}

// room reports whether the trail can be rotated.
func (t *trail) room() bool {
	if t.retain == 0 {
		return true
	}
	full := t.crowded()
	t.full.Store(full)
	return !full
}

// crowded reports whether all rotated files are there, and the oldest is too
// young to be deleted.
func (t *trail) crowded() bool {
	oldest, err := os.Stat(t.numbered(t.keep))
	return err == nil && time.Since(oldest.ModTime()) < t.retain
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
	merged := time.NewTicker(auditMerge)
	defer merged.Stop()
	for {
		select {
		case <-merged.C:
			t.addRepeats()
			t.flush()
		case <-t.wake:
			timer.Reset(auditLinger)
			select {
			case <-timer.C:
			case <-t.quit:
			}
			t.flush()
		case <-t.quit:
			t.addRepeats()
			t.flush()
			return
		}
	}
}

// addRepeats adds the lines of what was repeated. They are few, and have room
// also when lines are dropped.
func (t *trail) addRepeats() {
	lines := t.repeats.due()
	if len(lines) == 0 {
		return
	}
	lines = t.policy.Redact(lines)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending = append(t.pending, lines...)
}

// flush writes all pending lines at once.
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
	if t.policy.report != nil {
		t.policy.report(err)
	}
}

// write appends to the file, and rotates it first if it is full. Several servers
// may share a trail, so write checks each time which file has its name.
func (t *trail) write(lines []byte) error {
	info, err := os.Stat(t.path)
	if err == nil && info.Size() > 0 && info.Size()+int64(len(lines)) > t.maxBytes && t.room() {
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
		_ = t.file.Close() // all its lines are written
	}
	trusted := Trusted{Setting: "policy.audit.path", Path: t.path, Private: true}
	if err := t.policy.CheckTrusted(trusted); err != nil { // before a link could create a file
		return err
	}
	var err error
	if t.file, err = os.OpenFile(t.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600); err != nil {
		return err
	}
	if err := t.policy.checkOpened(trusted, t.path, t.file); err != nil {
		return errors.Join(err, t.file.Close())
	}
	return nil
}

// rotate renames trail to trail.1, trail.1 to trail.2 and so on, and deletes the
// oldest.
func (t *trail) rotate() error {
	_ = t.file.Close() // Windows can't rename open files
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

// close writes the pending lines and waits for the writing goroutine to end.
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
