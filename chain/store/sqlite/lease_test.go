package sqlite

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

// A clock that was set, forward or back, neither frees the runs of a process that
// lives, nor keeps those of one that is gone.
func TestClockIsSet(t *testing.T) {
	t.Parallel()
	s := Open(filepath.Join(t.TempDir(), "runs.db"), Options{})
	defer s.Close()
	run := &store.Run{ID: "r", Kind: store.KindTree, Owner: "me", Status: "in_progress", MaxParallel: 1, OnFailure: "continue", CreatedAt: time.Now()}
	if _, err := s.Create(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", s.dsn(s.path))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const lease = 20 * time.Second
	for _, c := range []struct {
		beat time.Duration // from now
		free bool
	}{
		{0, false}, {-10 * time.Second, false}, {-30 * time.Second, true}, {-24 * time.Hour, true},
		{10 * time.Second, false}, {30 * time.Second, true}, {24 * time.Hour, true},
	} {
		if _, err := db.ExecContext(t.Context(), "update owners set beat_at = ?", time.Now().Add(c.beat).UnixNano()); err != nil {
			t.Fatal(err)
		}
		list, err := s.Free(t.Context(), time.Now().Add(-lease), 10)
		if err != nil || (len(list) == 1) != c.free {
			t.Errorf("a heartbeat %s from now: %v, %v", c.beat, list, err)
		}
	}
	if _, err := s.Claim(t.Context(), store.Claim{RunID: "r", Owner: "you", UnseenSince: time.Now().Add(-lease)}); err != nil {
		t.Errorf("a run that is free can't be claimed: %v", err)
	}
	if err := s.Beat(t.Context(), "you"); err != nil {
		t.Error(err)
	}
	if list, err := s.Free(t.Context(), time.Now().Add(-lease), 10); err != nil || len(list) > 0 {
		t.Errorf("claimed: %v, %v", list, err)
	}
}
