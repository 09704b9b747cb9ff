package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

func claim(t *testing.T, s store.Store) {
	ctx := t.Context()
	create(t, s, run("r1"))
	past, future := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if _, err := s.Claim(ctx, store.Claim{RunID: "r1", Owner: "you", UnseenSince: past}); !errors.Is(err, store.ErrLost) {
		t.Errorf("a run whose owner lives: %v", err)
	}
	r, err := s.Claim(ctx, store.Claim{RunID: "r1", Owner: "you", UnseenSince: future})
	if err != nil || r.Owner != "you" || r.Status != "in_progress" {
		t.Fatalf("a run whose owner is gone: %+v, %v", r, err)
	}
	if err := write(s, &store.Batch{RunID: "r1", Owner: "me", Status: "completed"}); !errors.Is(err, store.ErrLost) {
		t.Errorf("the old owner still writes: %v", err)
	}
	if err := write(s, &store.Batch{RunID: "r1", Owner: "you", Epoch: 1, Status: "failed", CompletedAt: at, Problem: &store.Problem{Message: "x"}}); err != nil {
		t.Fatal(err)
	}
	last := store.Transition{Seq: 7, Task: 0, State: "failed", At: at}
	if err := write(s, &store.Batch{RunID: "r1", Owner: "you", Epoch: 1, Status: "failed", CompletedAt: at, Problem: &store.Problem{Message: "x"}, Transitions: []store.Transition{last}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Claim(ctx, store.Claim{RunID: "r1", Owner: "me", UnseenSince: past, Seq: 6}); !errors.Is(err, store.ErrChanged) {
		t.Errorf("a run that has changed since it was read: %v", err)
	}
	if r, err := s.Run(ctx, "r1"); err != nil || r.Owner != "you" || r.Status != "failed" || r.Problem == nil {
		t.Errorf("a claim that failed wrote %+v, %v", r, err)
	}
	if r, err = s.Claim(ctx, store.Claim{RunID: "r1", Owner: "me", UnseenSince: past, Seq: 7}); err != nil || r.Owner != "me" || r.Status != "in_progress" || !r.CompletedAt.IsZero() || r.Problem != nil {
		t.Errorf("a run that has ended: %+v, %v", r, err)
	}
}

func epochs(t *testing.T, s store.Store) {
	ctx := t.Context()
	create(t, s, run("r1"))
	future := time.Now().Add(time.Hour)
	r, err := s.Claim(ctx, store.Claim{RunID: "r1", Owner: "you", UnseenSince: future, Crashes: 2, Within: `{"exclude":["x"]}`})
	if err != nil || r.Epoch != 1 || r.Crashes != 2 || r.Within != `{"exclude":["x"]}` {
		t.Fatalf("claimed: %+v, %v", r, err)
	}
	if r, err = s.Claim(ctx, store.Claim{RunID: "r1", Owner: "me", UnseenSince: future}); err != nil || r.Epoch != 2 || r.Crashes != 0 || r.Within != "" {
		t.Fatalf("claimed by its first owner: %+v, %v", r, err)
	}
	for _, b := range []*store.Batch{
		{RunID: "r1", Owner: "me", Status: "completed", CompletedAt: at},
		{RunID: "r1", Owner: "me", Epoch: 1, Release: true},
		{RunID: "r1", Owner: "me", Epoch: 3, Transitions: []store.Transition{{Seq: 1, Task: 0, State: "in_progress", At: at}}},
		{RunID: "r1", Owner: "you", Epoch: 2, Status: "completed", CompletedAt: at},
	} {
		if err := write(s, b); !errors.Is(err, store.ErrLost) {
			t.Errorf("%+v: %v", b, err)
		}
	}
	if list, err := s.Transitions(ctx, "r1", 0, 0); err != nil || len(list) > 0 {
		t.Errorf("transitions of other epochs: %v, %v", list, err)
	}
	held, err := s.Held(ctx, "me")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "what is held", held, map[string]int64{"r1": 2})
	if err := write(s, &store.Batch{RunID: "r1", Owner: "me", Epoch: 2, Status: "completed", CompletedAt: at}); err != nil {
		t.Fatal(err)
	}
	if held, err := s.Held(ctx, "me"); err != nil || len(held) > 0 {
		t.Errorf("held after its end: %v, %v", held, err)
	}
}

func release(t *testing.T, s store.Store) {
	ctx := t.Context()
	longAgo := time.Now().Add(-time.Hour)
	isFree := func(what string, want ...string) {
		t.Helper()
		got, err := s.Free(ctx, longAgo, 10)
		if err != nil {
			t.Fatal(err)
		}
		same(t, what, got, want)
	}
	root := run("r1")
	root.Parent = ""
	create(t, s, root)
	isFree("while its owner lives")
	later := time.Now().Add(time.Hour).Truncate(time.Second)
	if err := write(s, &store.Batch{RunID: "r1", Owner: "me", Release: true, Wake: later, Counts: map[string]int{"pending": 2},
		Transitions: []store.Transition{{Seq: 1, Task: 0, State: "completed", At: at}}}); err != nil {
		t.Fatal(err)
	}
	isFree("before it is due")
	r := get(t, s, "r1")
	if r.Owner != "" || r.Status != "in_progress" || r.Seq != 1 || r.Counts["pending"] != 2 || r.Wake.Sub(later).Abs() > time.Minute || r.OwnerPID != 0 {
		t.Errorf("released: %+v", r)
	}
	if err := write(s, &store.Batch{RunID: "r1", Owner: "me", Status: "completed", CompletedAt: at}); !errors.Is(err, store.ErrLost) {
		t.Errorf("the old owner still writes: %v", err)
	}
	if err := s.Wake(ctx, "r1"); err != nil {
		t.Fatal(err)
	}
	isFree("woken", "r1")
	if r, err := s.Claim(ctx, store.Claim{RunID: "r1", Owner: "you", UnseenSince: longAgo, Seq: 1}); err != nil || r.Owner != "you" || r.Epoch != 1 {
		t.Fatalf("claimed: %+v, %v", r, err)
	}
	if _, err := s.Claim(ctx, store.Claim{RunID: "r1", Owner: "me", UnseenSince: longAgo, Seq: 1}); !errors.Is(err, store.ErrLost) {
		t.Errorf("claimed twice: %v", err)
	}
	isFree("claimed")
	if err := s.Wake(ctx, "r1"); err != nil {
		t.Fatal(err)
	}
	isFree("woken while it has an owner")
	if err := write(s, &store.Batch{RunID: "r1", Owner: "you", Epoch: 1, Release: true}); err != nil {
		t.Fatal(err)
	}
	isFree("released at once", "r1")
	if _, err := s.Claim(ctx, store.Claim{RunID: "r1", Owner: "you", UnseenSince: longAgo, Seq: 1}); err != nil {
		t.Fatal(err)
	}
	if err := write(s, &store.Batch{RunID: "r1", Owner: "you", Epoch: 2, Release: true, Status: "queued", Transitions: []store.Transition{{Seq: 2, Task: 0, State: "pending", At: at}}}); err != nil {
		t.Fatal(err)
	}
	isFree("released to the queue")
	if list, err := s.Queued(ctx, 10); err != nil || len(list) != 1 || list[0] != "r1" {
		t.Errorf("queued: %v, %v", list, err)
	}
	if r := get(t, s, "r1"); r.Status != "queued" || r.Owner != "" || !r.CompletedAt.IsZero() || r.Seq != 2 {
		t.Errorf("released to the queue: %+v", r)
	}
	if err := s.Wake(ctx, "no"); err != nil {
		t.Errorf("waking what is not there: %v", err)
	}
}

func free(t *testing.T, s store.Store) {
	ctx := t.Context()
	future := time.Now().Add(time.Hour)
	if list, err := s.Free(ctx, future, 10); err != nil || len(list) > 0 {
		t.Errorf("an empty store: %v, %v", list, err)
	}
	for _, id := range []string{"r1", "r2", "r3", "r4"} {
		r := run(id)
		r.Parent = map[string]string{"r2": "r1", "r4": "r0"}[id] // there is no r0
		create(t, s, r)
	}
	create(t, s, &store.Run{ID: "c1", Kind: store.KindCall, Principal: "ann", Name: "rest", Owner: "me", Status: "in_progress", MaxParallel: 1, OnFailure: "continue", CreatedAt: at})
	elsewhere := run("r5")
	elsewhere.Parent, elsewhere.Owner = "", store.Elsewhere+"x"
	create(t, s, elsewhere)
	if err := write(s, &store.Batch{RunID: "r3", Owner: "me", Status: "failed", CompletedAt: at}); err != nil {
		t.Fatal(err)
	}
	list, err := s.Free(ctx, future, 10)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the runs of an owner that is gone", list, []string{"r1", "r4", "c1"})
	if list, err = s.Free(ctx, future, 2); err != nil {
		t.Fatal(err)
	}
	same(t, "the first two", list, []string{"r1", "r4"})
	if list, err := s.Free(ctx, time.Now().Add(-time.Hour), 10); err != nil || len(list) > 0 {
		t.Errorf("while it lives: %v, %v", list, err)
	}
}
