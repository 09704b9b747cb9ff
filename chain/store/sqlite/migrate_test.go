package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/internal/column"
)

// copied returns a copy of a store that a program with this schema version
// wrote.
func copied(t *testing.T, version int) string {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("testdata/v%d.db", version))
	if err != nil {
		t.Fatalf("every version of the schema needs a file that a program of that time wrote: %v", err)
	}
	path := filepath.Join(t.TempDir(), "runs.db")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func latest(t *testing.T) int {
	t.Helper()
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal("no migrations", err)
	}
	return len(files)
}

// TestEveryVersion opens a file of each schema version. Its content can be read
// and written, and a copy of the original file is kept.
func TestEveryVersion(t *testing.T) {
	t.Parallel()
	const tree, call = "01936f3e-0000-7000-8000-000000000001", "01936f3e-0000-7000-8000-000000000002"
	for version := 1; version <= latest(t); version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			t.Parallel()
			path := copied(t, version)
			s := Open(path, Options{})
			run, err := s.Run(t.Context(), tree)
			if err != nil || run.Name != "mails" || run.Status != "failed" || len(run.Tasks) != 2 || run.Counts["skipped"] != 1 {
				t.Fatalf("the run of a tree: %+v, %v", run, err)
			}
			if run, err := s.Run(t.Context(), call); err != nil || run.Outcome == nil || string(run.Outcome.Result) != `{"result":3}` {
				t.Errorf("the run of a call: %+v, %v", run, err)
			}
			before, err := s.Transitions(t.Context(), tree, 0, 1000)
			if err != nil || len(before) < 5 || before[2].Task != 0 || before[2].Problem.Elements[0].Index != 1 {
				t.Fatalf("the transitions: %+v, %v", before, err)
			}
			claimed, err := s.Claim(t.Context(), store.Claim{RunID: tree, Owner: "me", UnseenSince: column.Moment(1), Seq: run.Seq})
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			s.Append(&store.Batch{RunID: tree, Owner: "me", Epoch: claimed.Epoch, Transitions: []store.Transition{{Seq: 100, Task: 0, Element: 2, State: "completed", Result: []byte("1")}}}, func(err error) { done <- err })
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if list, err := s.Elements(t.Context(), tree, 0, 99); err != nil || len(list) != 1 || list[0].Element != 2 {
				t.Errorf("the elements: %+v, %v", list, err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			backup := fmt.Sprintf("%s.v%d.bak", path, version)
			info, err := os.Stat(backup)
			if version == latest(t) {
				if !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("a backup of a store that was not migrated: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
				t.Errorf("the backup has mode %o", info.Mode().Perm())
			}
			old := Open(backup, Options{})
			defer old.Close()
			list, err := old.Transitions(t.Context(), tree, 0, 1000)
			if err != nil || len(list) != len(before) {
				t.Errorf("the backup has %d transitions, not %d: %v", len(list), len(before), err)
			}
		})
	}
}

// TestMigrateTogether opens an old store from several processes at once: it is
// migrated once, and the copy has the old version.
func TestMigrateTogether(t *testing.T) {
	t.Parallel()
	path := copied(t, 1)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			s := Open(path, Options{})
			defer s.Close()
			if err := s.Beat(t.Context(), "me"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	old := Open(path+".v1.bak", Options{})
	defer old.Close()
	if err := old.Beat(t.Context(), "me"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".v1.bak.v1.bak"); err != nil {
		t.Errorf("the copy was not of version 1: opening it did not migrate it: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*.tmp"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestMigrationWithoutBackup refuses to migrate if no copy can be kept.
func TestMigrationWithoutBackup(t *testing.T) {
	t.Parallel()
	path := copied(t, 1)
	if err := os.Mkdir(path+".v1.bak", 0o700); err != nil { // a file can't replace it
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path+".v1.bak", "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := Open(path, Options{})
	err := s.Beat(t.Context(), "me")
	s.Close()
	if err == nil {
		t.Fatal("it was migrated without a copy")
	}
	if err := os.RemoveAll(path + ".v1.bak"); err != nil {
		t.Fatal(err)
	}
	s = Open(path, Options{})
	defer s.Close()
	if err := s.Beat(t.Context(), "me"); err != nil {
		t.Errorf("with room for the copy: %v", err)
	}
}
