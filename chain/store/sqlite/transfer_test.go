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
)

// A copy that is made while others write is a whole store: no run is torn.
func TestBackup(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "runs.db")
	writing, other := Open(path, Options{}), Open(path, Options{})
	defer writing.Close()
	defer other.Close()
	copyOf := func(n int) string { return filepath.Join(filepath.Dir(path), fmt.Sprintf("copy%d.db", n)) }
	const copies = 5
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			id := fmt.Sprintf("r%d", i)
			if _, err := writing.Create(t.Context(), &store.Run{ID: id, Kind: store.KindTree, Owner: "me", Status: "in_progress", Tasks: []store.Task{{ID: "a"}}}); err != nil {
				t.Error(err)
				return
			}
			done := make(chan error, 1)
			writing.Append(&store.Batch{RunID: id, Owner: "me", Transitions: []store.Transition{{Seq: 1, State: "completed"}, {Seq: 2, Task: -1, State: "completed"}}}, func(err error) { done <- err })
			if err := <-done; err != nil {
				t.Error(err)
				return
			}
		}
	})
	for n := range copies {
		if _, err := other.Backup(t.Context(), copyOf(n)); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	all.Wait()
	if _, err := other.Backup(t.Context(), copyOf(0)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file that is there: %v", err)
	}
	for n := range copies {
		if info, err := os.Stat(copyOf(n)); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("copy %d: %v, %v", n, info, err)
		}
		s := Open(copyOf(n), Options{})
		list, err := s.List(t.Context(), store.Query{Anyone: true, Limit: 100_000})
		if err != nil {
			t.Error(err)
		}
		for i, each := range list {
			steps, err := s.Transitions(t.Context(), each.ID, 0, 0)
			if err != nil || len(steps) != int(each.Seq) || i > 0 && len(steps) != 2 {
				t.Errorf("copy %d, %s: %d transitions of %d, %v", n, each.ID, len(steps), each.Seq, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
