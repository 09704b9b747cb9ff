package policy_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/policy"
)

func auditing(path string) policy.Config { return policy.Config{Audit: policy.Audit{Path: path}} }

func lines(t *testing.T, path string) []map[string]any {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []map[string]any
	for scan := bufio.NewScanner(f); scan.Scan(); {
		var line map[string]any
		if err := json.Unmarshal(scan.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v", scan.Text(), err)
		}
		all = append(all, line)
	}
	return all
}

func TestAuditWritesEveryLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "deep", "audit.jsonl")
	cfg := auditing(path)
	cfg.Secrets = map[string]policy.Secret{"KEY": {Env: "KEY", Hosts: []string{"h"}}}
	p, err := policy.New(cfg, environment(map[string]string{"KEY": "very-secret"}))
	if err != nil {
		t.Fatal(err)
	}
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			for j := range 250 {
				p.Audit(policy.Line{Executor: "rest_executor", TaskID: fmt.Sprint(i, "-", j), Status: "completed", Duration: 1500 * time.Microsecond})
			}
		})
	}
	callers.Wait()
	at := time.Date(2026, 11, 21, 8, 0, 0, 5e6, time.FixedZone("", 3600))
	p.Audit(policy.Line{Time: at, Principal: "ann \"x\"\n", Executor: "e", RunID: "r", TaskID: "t", Attempt: 2, Target: "https://h/?key=very-secret", Effect: "read_only", Status: "failed", ErrorType: "timeout_error", Secrets: []string{"KEY", "B"}})
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p.Audit(policy.Line{Executor: "late"}) // after Close: the line is dropped, without a panic
	all := lines(t, path)
	if len(all) != 2001 {
		t.Fatalf("%d lines", len(all))
	}
	if all[0]["executor"] != "rest_executor" || all[0]["duration_ms"] != 1.5 || all[0]["status"] != "completed" || all[0]["time"] == "" {
		t.Errorf("%v", all[0])
	}
	last, _ := json.Marshal(all[2000])
	want := `{"attempt":2,"duration_ms":0,"effect":"read_only","error_type":"timeout_error","executor":"e","principal":"ann \"x\"\n","run_id":"r","secrets":["KEY","B"],"status":"failed","target":"https://h/?key=[secret]","task_id":"t","time":"2026-11-21T07:00:00.005Z"}`
	if string(last) != want {
		t.Errorf("got  %s\nwant %s", last, want)
	}
	if runtime.GOOS != "windows" {
		for file, perm := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != perm {
				t.Errorf("%s: %v, %v", file, info.Mode(), err)
			}
		}
	}
}

func TestAuditIsOnDiskSoon(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	p := open(t, auditing(path))
	p.Audit(policy.Line{Executor: "e", Status: "completed"})
	deadline := time.Now().Add(time.Minute)
	for len(lines(t, path)) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("nothing was written while the policy is open")
		}
		time.Sleep(10 * time.Millisecond) // the file's change gives no signal
	}
}

func TestAuditRotates(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	for i := range 6 { // each opening writes one piece
		p, err := policy.New(policy.Config{Audit: policy.Audit{Path: path, MaxBytes: 200, Keep: 2}})
		if err != nil {
			t.Fatal(err)
		}
		p.Audit(policy.Line{Executor: "e", TaskID: fmt.Sprint(i), Target: strings.Repeat("x", 100), Status: "completed"})
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for file, want := range map[string]string{path: "5", path + ".1": "4", path + ".2": "3"} {
		if all := lines(t, file); len(all) != 1 || all[0]["task_id"] != want {
			t.Errorf("%s: %v", file, all)
		}
	}
	if _, err := os.Stat(path + ".3"); err == nil {
		t.Error("too many files were kept")
	}
}

// Two servers may share a trail: after one rotates it, the other uses the new file.
func TestAuditIsSharedAcrossRotation(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	one, two := open(t, auditing(path)), open(t, auditing(path))
	if err := os.Rename(path, path+".1"); err != nil {
		if runtime.GOOS == "windows" {
			t.Skip("an open file can't be renamed on Windows")
		}
		t.Fatal(err)
	}
	one.Audit(policy.Line{Executor: "one", Status: "completed"})
	two.Audit(policy.Line{Executor: "two", Status: "completed"})
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	if err := two.Close(); err != nil {
		t.Fatal(err)
	}
	if all := lines(t, path); len(all) != 2 {
		t.Errorf("%v", all)
	}
}

func TestAuditThatCanNotBeOpenedStopsTheStart(t *testing.T) {
	t.Parallel()
	_, err := policy.New(auditing(t.TempDir()))
	if err == nil || !strings.Contains(err.Error(), "policy.audit.path: ") {
		t.Errorf("got %v", err)
	}
	if _, err := policy.New(auditing("audit.jsonl")); err == nil || !strings.Contains(err.Error(), "must be absolute") {
		t.Errorf("got %v", err)
	}
}

func TestAuditFailureIsReported(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "gone")
	path := filepath.Join(dir, "audit.jsonl")
	reported := make(chan error, 1)
	p, err := policy.New(auditing(path), policy.WithReport(func(err error) { reported <- err }))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		if runtime.GOOS == "windows" {
			t.Skip("an open file can't be removed on Windows")
		}
		t.Fatal(err)
	}
	p.Audit(policy.Line{Executor: "e"})
	if err := <-reported; !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
	if p.Close() == nil {
		t.Error("Close returned no error")
	}
}

func BenchmarkAudit(b *testing.B) {
	p, err := policy.New(auditing(filepath.Join(b.TempDir(), "audit.jsonl")))
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	line := policy.Line{Executor: "rest_executor", RunID: "0198-aaaa-bbbb", TaskID: "task_1", Attempt: 1, Target: "api.example.com", Effect: "read_only", Status: "completed", Duration: time.Millisecond}
	b.ReportAllocs()
	for b.Loop() {
		p.Audit(line)
	}
}
