package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

// A store that is written to all the time keeps to its size: old records are
// removed between writes, not only once an hour.
func TestBusyStoreKeepsItsSize(t *testing.T) {
	t.Parallel()
	s := Open(filepath.Join(t.TempDir(), "runs.db"), Options{MaxBytes: 8 << 20})
	defer s.Close()
	now := time.Now()
	most := int64(0)
	for i := range 12_000 { // 120 MB
		s.Record(&store.Run{ID: fmt.Sprintf("01936f3e-0000-7000-8000-%012d", i), Kind: store.KindCall, Name: "noop", Owner: "me", Status: "completed",
			MaxParallel: 1, OnFailure: "continue", Seq: 2, CreatedAt: now, CompletedAt: now, Outcome: &store.Transition{State: "completed", Attempt: 1, Result: make([]byte, 10_000)}})
		if i%100 == 99 {
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			var used int64
			if err := s.read.QueryRowContext(t.Context(), `select (page_count - freelist_count) * page_size
				from pragma_page_count, pragma_freelist_count, pragma_page_size`).Scan(&used); err != nil {
				t.Fatal(err)
			}
			most = max(most, used)
		}
	}
	if most > 80<<20 {
		t.Errorf("it grew to %d MiB", most>>20)
	}
	t.Logf("%d MiB at most", most>>20)
}
