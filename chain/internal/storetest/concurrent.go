package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/chainwright/chainwright/chain/store"
)

func cancels(t *testing.T, s store.Store) {
	ctx := t.Context()
	create(t, s, run("r1"))
	theirs := run("r2")
	theirs.Owner = "you"
	create(t, s, theirs)
	for _, c := range []store.Cancel{{RunID: "r1", Task: -1}, {RunID: "r1", Task: 2}, {RunID: "r2", Task: 0}} {
		if err := s.RequestCancel(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		owner string
		want  []store.Cancel
	}{
		{"nobody", nil},
		{"me", []store.Cancel{{RunID: "r1", Task: -1}, {RunID: "r1", Task: 2}}},
		{"me", nil},
		{"you", []store.Cancel{{RunID: "r2", Task: 0}}},
	} {
		got, err := s.TakeCancels(ctx, c.owner)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "for "+c.owner, got, c.want)
	}
	if err := s.Beat(ctx, "me"); err != nil {
		t.Errorf("Beat: %v", err)
	}
}

func many(t *testing.T, s store.Store) {
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			id := fmt.Sprintf("r%d", i)
			if _, err := s.Create(context.Background(), run(id)); err != nil {
				t.Error(err)
				return
			}
			var batches sync.WaitGroup
			for seq := range int64(20) {
				batches.Add(1)
				b := &store.Batch{RunID: id, Owner: "me", Transitions: []store.Transition{{Seq: seq + 1, Task: int(seq % 3), State: "in_progress", At: at}}}
				s.Append(b, func(err error) {
					if err != nil {
						t.Error(err)
					}
					batches.Done()
				})
				s.Record(&store.Run{ID: fmt.Sprintf("c%d-%d", i, seq), Kind: store.KindCall, Owner: "me", Status: "completed", CreatedAt: at, CompletedAt: at,
					Outcome: &store.Transition{State: "completed", Attempt: 1}})
			}
			batches.Wait()
			list, err := s.Transitions(context.Background(), id, 0, 0)
			if err != nil || len(list) != 20 {
				t.Errorf("%s has %d transitions, %v", id, len(list), err)
			}
			for at, tr := range list {
				if tr.Seq != int64(at+1) {
					t.Errorf("%s: number %d is at %d", id, tr.Seq, at)
				}
			}
		})
	}
	all.Wait()
	calls, err := s.List(t.Context(), store.Query{Anyone: true, Kind: store.KindCall, Limit: 10_000})
	if err != nil || len(calls) != 32*20 {
		t.Errorf("%d calls, %v", len(calls), err)
	}
}

func readYourWrites(t *testing.T, s store.Store) {
	create(t, s, run("r1"))
	for seq := int64(1); seq <= 50; seq++ {
		s.Append(&store.Batch{RunID: "r1", Owner: "me", Behind: seq%2 == 0, Transitions: []store.Transition{{Seq: seq, Task: 0, State: "in_progress", At: at}}},
			func(err error) {
				if err != nil {
					t.Error(err)
				}
			})
		if last, err := s.Last(t.Context(), "r1", 0); err != nil || last == nil || last.Seq != seq {
			t.Fatalf("after %d: %+v, %v", seq, last, err)
		}
	}
}

func closed(t *testing.T, s store.Store) {
	create(t, s, run("r1"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(t.Context(), run("r2")); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Create: %v", err)
	}
	if err := write(s, &store.Batch{RunID: "r1", Owner: "me", Status: "completed"}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Append: %v", err)
	}
	s.Record(run("r3")) // dropped without blocking
	if err := s.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}
