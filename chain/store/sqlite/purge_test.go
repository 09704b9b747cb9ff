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
		if i%1000 == 0 {
			withLog(t, s, fmt.Sprintf("01936f3e-0000-7000-9000-%012d", i))
		}
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
	var logs, alone int
	if err := s.read.QueryRowContext(t.Context(), "select count(*), coalesce(sum(run not in (select key from runs)), 0) from logs").Scan(&logs, &alone); err != nil || logs == 12 || alone > 0 {
		t.Errorf("of 12 logs, %d are left, %d of them without their run: %v", logs, alone, err)
	}
}

// withLog records a run with a log that has ended.
func withLog(t *testing.T, s *Store, id string) {
	t.Helper()
	if _, err := s.Create(t.Context(), &store.Run{ID: id, Kind: store.KindTree, Owner: "me", Status: "in_progress", MaxParallel: 1, OnFailure: "continue", CreatedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 2)
	s.AppendLogs([]store.LogPart{{RunID: id, Text: []byte("a line")}}, nil, func(err error) { done <- err })
	s.Append(&store.Batch{RunID: id, Owner: "me", Status: "completed", CompletedAt: time.Now()}, func(err error) { done <- err })
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}
