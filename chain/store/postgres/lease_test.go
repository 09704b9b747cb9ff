package postgres

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// A clock of the database that was set, forward or back, neither frees the runs of
// a process that lives, nor keeps those of one that is gone. The clocks of the
// processes don't count.
func TestClockIsSet(t *testing.T) {
	t.Parallel()
	dsn := peers.StartPostgres(t).NewDatabase(t)
	s := open(t, dsn, Options{})
	defer s.Close()
	run := &store.Run{ID: "r", Kind: store.KindTree, Owner: "me", Status: "in_progress", MaxParallel: 1, OnFailure: "continue", CreatedAt: time.Now().Add(24 * time.Hour)}
	if _, err := s.Create(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	const lease = 20 * time.Second
	for _, c := range []struct {
		beat string // from now
		free bool
	}{
		{"0 s", false}, {"-10 s", false}, {"-30 s", true}, {"-24 h", true}, {"10 s", false}, {"30 s", true}, {"24 h", true},
	} {
		if _, err := conn.Exec(t.Context(), "update chainwright.owners set beat_at = clock_timestamp() + $1::text::interval", c.beat); err != nil {
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
	if list, err := s.Free(t.Context(), time.Now().Add(-lease), 10); err != nil || len(list) > 0 {
		t.Errorf("claimed: %v, %v", list, err)
	}
}
