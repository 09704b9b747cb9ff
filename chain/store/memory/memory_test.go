package memory_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain/internal/storetest"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/memory"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) store.Store { return memory.Open(memory.Options{}) })
}

func call(id string, size int) *store.Run {
	now := time.Now()
	return &store.Run{ID: id, Kind: store.KindCall, Status: "completed", CreatedAt: now, CompletedAt: now,
		Outcome: &store.Transition{State: "completed", Attempt: 1, Result: make([]byte, size)}}
}

// The oldest runs that have ended are removed; runs in progress are kept.
func TestBounds(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]memory.Options{
		"runs":  {Runs: 10},
		"bytes": {Bytes: 14_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := memory.Open(opts)
			if _, err := s.Create(t.Context(), &store.Run{ID: "goes-on", Status: "in_progress"}); err != nil {
				t.Fatal(err)
			}
			for i := range 100 {
				s.Record(call(fmt.Sprintf("c%d", i), 1000))
			}
			list, err := s.List(t.Context(), store.Query{Anyone: true, Limit: 1000})
			if err != nil || len(list) < 5 || len(list) > 12 {
				t.Fatalf("%d runs are kept, %v", len(list), err)
			}
			if list[0].ID != "c99" || list[len(list)-1].ID != "goes-on" {
				t.Errorf("kept are %s to %s", list[0].ID, list[len(list)-1].ID)
			}
			if _, err := s.Run(t.Context(), "c0"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("the oldest: %v", err)
			}
		})
	}
}
