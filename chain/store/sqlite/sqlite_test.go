package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/chain/internal/storetest"
	"github.com/chainwright/chainwright/chain/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return Open(filepath.Join(t.TempDir(), "runs.db"), Options{}) })
}

// Two stores on one file act as two processes.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "runs.db")
	var all sync.WaitGroup
	for p := range 2 {
		all.Go(func() {
			s := Open(path, Options{})
			defer s.Close()
			for i := range 50 {
				id := fmt.Sprintf("p%d-%d", p, i)
				if _, err := s.Create(context.Background(), &store.Run{ID: id, Kind: store.KindTree, Owner: fmt.Sprint(p), Status: "in_progress"}); err != nil {
					t.Errorf("%s: %v", id, err)
				}
			}
		})
	}
	all.Wait()
	s := Open(path, Options{})
	defer s.Close()
	list, err := s.List(t.Context(), store.Query{Anyone: true, Limit: 1000})
	if err != nil || len(list) != 100 {
		t.Errorf("%d runs, %v", len(list), err)
	}
}

func TestFileIsPrivateAndOpenedLate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "folder #1? 100%", "runs.db")
	s := Open(path, Options{})
	defer s.Close()
	if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is there before it is used: %v", err)
	}
	if _, err := s.Run(t.Context(), "x"); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	if runtime.GOOS == "windows" {
		return // permissions are inherited from the folder
	}
	for name, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700, path + "-wal": 0o600} {
		info, err := os.Stat(name)
		if err != nil {
			t.Error(err)
		} else if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o", name, info.Mode().Perm())
		}
	}
}

// Calls are recorded after the reply. If the file can't be opened, the error is
// reported and nothing hangs.
func TestUnusableFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("this is no database, and far too long to be taken for the start of one"+strings.Repeat(".", 4096)), 0o600); err != nil {
		t.Fatal(err)
	}
	reported := make(chan error, 10)
	s := Open(path, Options{OnError: func(err error) { reported <- err }})
	defer s.Close()
	s.Record(&store.Run{ID: "c", Kind: store.KindCall, Status: "completed"})
	select {
	case err := <-reported:
		if !strings.Contains(err.Error(), path) {
			t.Errorf("the error does not name the file: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("nothing is reported")
	}
	if _, err := s.Create(t.Context(), &store.Run{ID: "r"}); err == nil {
		t.Error("a run was created in a file that is not a database")
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "runs.db")
	s := Open(path, Options{})
	if err := s.Beat(t.Context(), "me"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("insert into migrations values (999, 0)"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	s = Open(path, Options{})
	defer s.Close()
	err = s.Beat(t.Context(), "me")
	for _, want := range []string{path, "version 999", "newer program"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a newer schema: %v does not contain %q", err, want)
		}
	}
}

// A full disk fails only the batch that does not fit, and writing works again
// when there is space.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	s := Open(filepath.Join(t.TempDir(), "runs.db"), Options{})
	defer s.Close()
	if _, err := s.Create(t.Context(), &store.Run{ID: "r", Kind: store.KindTree, Owner: "me", Status: "in_progress"}); err != nil {
		t.Fatal(err)
	}
	pages := func(n int) {
		err := s.submit(t.Context(), 0, func(w *writer) error {
			_, err := w.conn.ExecContext(context.Background(), fmt.Sprintf("pragma max_page_count = %d", n))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	appendOf := func(seq int64, size int) error {
		done := make(chan error, 1)
		s.Append(&store.Batch{RunID: "r", Owner: "me", Transitions: []store.Transition{{Seq: seq, Task: 0, State: "completed", Result: make([]byte, size)}}},
			func(err error) { done <- err })
		return <-done
	}
	pages(40)
	if err := appendOf(1, 1<<20); err == nil || !strings.Contains(err.Error(), "full") {
		t.Errorf("over the limit: %v", err)
	}
	if err := appendOf(2, 10); err != nil {
		t.Errorf("what fits: %v", err)
	}
	pages(1 << 20)
	if err := appendOf(3, 1<<20); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// If another process has locked the file, all waiting writes fail, once.
func TestHeldFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "runs.db")
	s := Open(path, Options{BusyTimeout: 50 * time.Millisecond})
	defer s.Close()
	if err := s.Beat(t.Context(), "me"); err != nil {
		t.Fatal(err)
	}
	conn, _ := openBeside(t, s)
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "begin immediate"); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			if err := s.Beat(context.Background(), "me"); err == nil || !strings.Contains(err.Error(), "locked") {
				t.Errorf("while it is held: %v", err)
			}
		})
	}
	all.Wait()
	if _, err := conn.ExecContext(t.Context(), "rollback"); err != nil {
		t.Fatal(err)
	}
	if err := s.Beat(t.Context(), "me"); err != nil {
		t.Errorf("when it is free again: %v", err)
	}
}

func TestPurge(t *testing.T) {
	t.Parallel()
	s := Open(filepath.Join(t.TempDir(), "runs.db"), Options{})
	defer s.Close()
	now := time.Now()
	for i, c := range []struct {
		age    time.Duration
		status string
	}{{40 * 24 * time.Hour, "completed"}, {40 * 24 * time.Hour, "in_progress"}, {time.Hour, "failed"}} {
		id := fmt.Sprint("r", i)
		if _, err := s.Create(t.Context(), &store.Run{ID: id, Kind: store.KindTree, Owner: "me", Status: c.status, CreatedAt: now.Add(-c.age), CompletedAt: now.Add(-c.age)}); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		s.Append(&store.Batch{RunID: id, Owner: "me", Transitions: []store.Transition{{Seq: 1, Task: 0, State: "completed", Result: make([]byte, 100_000)}}}, func(err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	left := func() (ids string) {
		list, err := s.List(t.Context(), store.Query{Anyone: true, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			ids += r.ID + " "
		}
		return ids
	}
	purge := func() { // as another process does
		conn, stmt := openBeside(t, s)
		defer conn.Close()
		w := &writer{store: s, conn: conn, stmt: stmt}
		for again := true; again; {
			var err error
			if again, err = w.purgeSome(); err != nil {
				t.Fatal(err)
			}
		}
	}
	purge()
	if got := left(); got != "r2 r1 " {
		t.Errorf("left by age: %s", got)
	}
	s.opts.MaxBytes = 1
	purge()
	if got := left(); got != "r1 " {
		t.Errorf("left by size: %s", got)
	}
	if list, err := s.Transitions(t.Context(), "r1", 0, 0); err != nil || len(list) != 1 {
		t.Errorf("the transitions of what goes on: %d, %v", len(list), err)
	}
}

// openBeside opens a second connection to a store's file.
func openBeside(t *testing.T, s *Store) (*sql.Conn, *statements) {
	t.Helper()
	db, err := sql.Open("sqlite", s.dsn(s.path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	conn, stmt, err := s.prepare(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return conn, stmt
}

// BenchmarkRecord measures the cost of recording a call for the writer.
func BenchmarkRecord(b *testing.B) {
	s := Open(filepath.Join(b.TempDir(), "runs.db"), Options{})
	defer s.Close()
	now := time.Now()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		s.Record(&store.Run{ID: fmt.Sprintf("01936f3e-0000-7000-8000-%012d", i), Kind: store.KindCall, Name: "noop", Owner: "me", Status: "completed", Inputs: []byte(`{}`),
			MaxParallel: 1, OnFailure: "continue", Seq: 2, CreatedAt: now, CompletedAt: now, Outcome: &store.Transition{State: "completed", Attempt: 1, Result: []byte(`{}`)}})
		if i%1000 == 0 {
			if err := s.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// TestManyCalls: calls that have ended are written in blocks. A call that can't
// be written fails alone.
func TestManyCalls(t *testing.T) {
	t.Parallel()
	var failed []error // only the writer's goroutine appends
	s := Open(filepath.Join(t.TempDir(), "runs.db"), Options{OnError: func(err error) { failed = append(failed, err) }})
	defer s.Close()
	const calls, twice = 3*blockRows + 5, blockRows + 7
	at := time.Unix(1_700_000_000, 0).UTC()
	record := func(i int) *store.Run {
		return &store.Run{ID: fmt.Sprintf("run-%03d", i), Kind: store.KindCall, Name: fmt.Sprintf("executor_%d", i), Status: "completed",
			Inputs: fmt.Appendf(nil, `{"n":%d}`, i), CreatedAt: at, CompletedAt: at,
			Outcome: &store.Transition{Attempt: 1, Result: fmt.Appendf(nil, `%d`, i)}}
	}
	for i := range calls {
		s.Record(record(i))
		if i == twice {
			s.Record(record(i))
		}
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range calls {
		run, err := s.Run(t.Context(), fmt.Sprintf("run-%03d", i))
		if err != nil || run.Name != fmt.Sprintf("executor_%d", i) || string(run.Inputs) != fmt.Sprintf(`{"n":%d}`, i) || string(run.Outcome.Result) != fmt.Sprint(i) {
			t.Errorf("call %d: %+v, %v", i, run, err)
		}
	}
	if len(failed) != 1 {
		t.Errorf("got the errors %v, want one, of the call that was recorded twice", failed)
	}
}
