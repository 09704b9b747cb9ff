package app

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors"
)

func TestOpenStore(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"memory": "*memory.Store",
		"sqlite:" + filepath.Join(t.TempDir(), "a:b.db"): "*sqlite.Store",
	} {
		s, err := openStore(name, storeOptions{})
		if err != nil || fmt.Sprintf("%T", s) != want {
			t.Fatalf("%s gives a %T, %v", name, s, err)
		}
		if err := s.Beat(t.Context(), "me"); err != nil {
			t.Errorf("%s can't be used: %v", name, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if s, err := openStore("postgres://u:p@db/runs", storeOptions{}); err != nil || fmt.Sprintf("%T", s) != "*postgres.Store" {
		t.Errorf("PostgreSQL gives a %T, %v", s, err)
	}
	if _, err := openStore("postgres://u:s3cret@[db/runs", storeOptions{}); err == nil || strings.Contains(fmt.Sprintf("%+v", executors.AsError(err)), "s3cret") {
		t.Errorf("a DSN that can't be read: %v", err)
	}
	for _, name := range []string{"", "sqlite", "sqlite:", "memory:1", "/var/lib/runs.db"} {
		_, err := openStore(name, storeOptions{})
		problem := executors.AsError(err)
		if problem == nil || problem.Type != executors.ValidationError || !strings.Contains(problem.Hint, "sqlite:PATH") {
			t.Errorf("%q: %v", name, problem)
		}
	}
}

// A limit of 0 is none, for every store: see WithRecords.
func TestNoLimit(t *testing.T) {
	t.Parallel()
	if o := (storeOptions{}).bounded(); o.keep < 100*365*24*time.Hour || o.maxBytes < 1<<60 {
		t.Errorf("%+v", o)
	}
	if o := (storeOptions{keep: time.Hour, maxBytes: 5}).bounded(); o.keep != time.Hour || o.maxBytes != 5 {
		t.Errorf("%+v", o)
	}
}
