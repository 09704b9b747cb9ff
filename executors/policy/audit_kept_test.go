package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestNoCallWashesTheAuditTrailAway: calls that only read rotate the first trail,
// and the lines of all others stay in the kept one. When it has no room for the
// time that lines must stay, calls are refused until there is.
func TestNoCallWashesTheAuditTrailAway(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]Line{
		"write":       {Effect: "write", Status: "completed"},
		"destructive": {Effect: "destructive", Status: "completed"},
		"refused":     {Effect: "read_only", Status: "failed", ErrorType: "permission_denied"},
		"cancelled":   {Effect: "read_only", Status: "cancelled"},
		"secret":      {Effect: "read_only", Status: "completed", Secrets: []string{"key"}},
		"agreed":      {Effect: "write", Status: "agreed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "audit.jsonl")
			p, err := New(Config{Audit: Audit{Path: path, MaxBytes: 2000, Keep: 1}})
			if err != nil {
				t.Fatal(err)
			}
			line.Executor = "marked"
			p.Audit(line)
			for range 500 {
				p.Audit(Line{Executor: "cheap", Effect: "read_only", Status: "completed"})
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join(filepath.Dir(path), "audit.kept.jsonl"))
			if err != nil || strings.Count(string(text), "marked") != 1 || strings.Contains(string(text), "cheap") {
				t.Errorf("%s, %v", text, err)
			}
		})
	}

	path := filepath.Join(t.TempDir(), "audit.kept.jsonl")
	kept, err := new(Policy).openTrail(Audit{Path: path, MaxBytes: 100, Keep: 2})
	if err != nil {
		t.Fatal(err)
	}
	kept.retain = time.Hour
	p := &Policy{trail: kept, kept: kept}
	for range 5 {
		if err := kept.write([]byte(strings.Repeat("x", 80) + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	var total int64
	for _, name := range []string{path, kept.numbered(1), kept.numbered(2)} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size()
	}
	if total != 5*81 || !p.AuditFull() {
		t.Errorf("%d bytes are left; full: %v", total, p.AuditFull())
	}
	if k, on := p.AuditKept(); !on || k != (Kept{Used: total, Most: 300, Retain: time.Hour, Full: true}) {
		t.Errorf("described as %+v, %v", k, on)
	}
	old := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(kept.numbered(2), old, old); err != nil {
		t.Fatal(err)
	}
	if k, _ := p.AuditKept(); p.AuditFull() || k.Full {
		t.Error("the oldest file may go")
	}
	if err := kept.close(); err != nil {
		t.Fatal(err)
	}
}
