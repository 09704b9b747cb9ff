package policy

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRepeatedRefusalsAreOneLine: equal lines of refused and failed calls are one
// line, and one with their number each ten minutes; all others have their own. No
// call is lost in the sum, also when the trail is rotated.
func TestRepeatedRefusalsAreOneLine(t *testing.T) {
	t.Parallel()
	refused := Line{Principal: "ann", Executor: "rest", Effect: "write", Status: "failed", ErrorType: "permission_denied"}
	with := func(change func(*Line)) Line {
		l := refused
		change(&l)
		return l
	}
	for name, c := range map[string]struct {
		line  Line
		times int
		every time.Duration
		lines int
	}{
		"refusals at once":         {refused, 1000, 0, 2},
		"refusals for a day":       {refused, 24 * 60, time.Minute, 1 + 24*6},
		"a refusal now and then":   {refused, 10, 25 * time.Minute, 10},
		"invalid inputs":           {with(func(l *Line) { l.ErrorType = "validation_error" }), 1000, 0, 2},
		"declined by a person":     {with(func(l *Line) { l.Status = "refused" }), 1000, 0, 2},
		"reads that fail":          {with(func(l *Line) { l.Effect, l.ErrorType = "read_only", "execution_error" }), 1000, 0, 2},
		"reads that are cancelled": {with(func(l *Line) { l.Effect, l.Status, l.ErrorType = "read_only", "cancelled", "cancelled" }), 1000, 0, 2},
		"refusals with a secret":   {with(func(l *Line) { l.Secrets = []string{"key"} }), 1000, 0, 2},
		"writes":                   {with(func(l *Line) { l.Status, l.ErrorType = "completed", "" }), 100, 0, 100},
		"writes that fail":         {with(func(l *Line) { l.ErrorType = "timeout_error" }), 100, 0, 100},
		"grants":                   {with(func(l *Line) { l.Status, l.ErrorType = "agreed", "" }), 100, 0, 100},
		"reads with a secret":      {Line{Effect: "read_only", Status: "completed", Secrets: []string{"key"}}, 100, 0, 100},
		"failures with a secret":   {Line{Effect: "read_only", Status: "failed", ErrorType: "execution_error", Secrets: []string{"key"}}, 100, 0, 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				p, err := New(Config{Audit: Audit{Path: filepath.Join(dir, "audit.jsonl")}})
				if err != nil {
					t.Fatal(err)
				}
				p.kept.maxBytes = 4000
				for i := range c.times {
					l := c.line
					l.RunID, l.Target = strings.Repeat("r", 1+i%50), strings.Repeat("t", i%50)
					p.Audit(l)
					if i == 0 {
						time.Sleep(2 * auditLinger)
						if lines, _ := kept(t, dir); lines != 1 {
							t.Errorf("the first line is not written at once: %d", lines)
						}
					}
					time.Sleep(c.every)
				}
				if p.AuditFull() {
					t.Error("the trail is full")
				}
				if err := p.Close(); err != nil {
					t.Fatal(err)
				}
				if lines, calls := kept(t, dir); lines != c.lines || calls != c.times {
					t.Errorf("%d lines of %d calls; want %d of %d", lines, calls, c.lines, c.times)
				}
			})
		})
	}
}

// kept returns the number of lines of the kept trail, and of the calls that they
// stand for.
func kept(t *testing.T, dir string) (lines, calls int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "audit.kept.jsonl*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			var l struct {
				Time, Since time.Time
				Principal   string
				Repeated    int
				ErrorType   string `json:"error_type"`
			}
			if err := json.Unmarshal(line, &l); err != nil || l.Since.After(l.Time) {
				t.Errorf("%s: %v", line, err)
			}
			lines++
			calls += max(l.Repeated, 1)
		}
	}
	return lines, calls
}

// TestRepeatsOfManyKindsAreBounded: kinds beyond the limit are not counted.
func TestRepeatsOfManyKindsAreBounded(t *testing.T) {
	t.Parallel()
	var r repeats
	for i := range 2 * auditKinds {
		for again := range 2 {
			l := Line{Principal: string(rune('a' + i%2)), Executor: string(rune(0x4e00 + i/2)), Status: "refused"}
			if counted := r.counts(l); counted != (again == 1 && i < auditKinds) {
				t.Fatalf("kind %d is counted: %v", i, counted)
			}
		}
	}
	if n := bytes.Count(r.due(), []byte(`"repeated":1,`)); n != auditKinds {
		t.Errorf("%d lines", n)
	}
	if more := r.due(); len(more) != 0 || len(r.kinds) != 0 {
		t.Errorf("%d kinds are left", len(r.kinds))
	}
}
