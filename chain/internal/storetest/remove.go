package storetest

import (
	"errors"
	"slices"
	"testing"

	"github.com/chainwright/chainwright/chain/store"
)

func remove(t *testing.T, s store.Store) {
	ctx := t.Context()
	for _, c := range []struct{ id, status string }{
		{"completed", "completed"}, {"failed", "failed"}, {"cancelled", "cancelled"}, {"kept", "completed"}, {"in_progress", ""}, {"queued", "queued"},
	} {
		r := run(c.id)
		r.Key = "key of " + c.id
		if c.status == "queued" {
			r.Status, r.Owner = c.status, ""
		}
		create(t, s, r)
		if c.status == "queued" {
			continue
		}
		batch := &store.Batch{RunID: c.id, Owner: "me", Status: c.status, Transitions: []store.Transition{{Seq: 1, State: "completed", At: at, Result: []byte("1")}}}
		if c.status != "" {
			batch.CompletedAt = at
		}
		if err := write(s, batch); err != nil {
			t.Fatal(err)
		}
	}
	s.Record(&store.Run{ID: "call", Kind: store.KindCall, Principal: "ann", Name: "x", Owner: "me", Status: "failed", CreatedAt: at, CompletedAt: at,
		Outcome: &store.Transition{State: "failed", Attempt: 1}})
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct{ ids, want []string }{
		"none":             {nil, nil},
		"one that is not":  {[]string{"nothing", "", "%"}, nil},
		"those that go on": {[]string{"in_progress", "queued"}, nil},
		"ended ones":       {[]string{"completed", "failed", "in_progress", "cancelled", "call", "nothing"}, []string{"call", "cancelled", "completed", "failed"}},
	} {
		removed, err := s.Remove(ctx, c.ids)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		slices.Sort(removed)
		same(t, what, removed, c.want)
	}
	if again, err := s.Remove(ctx, []string{"completed"}); err != nil || len(again) > 0 {
		t.Errorf("again: %v, %v", again, err)
	}
	var left []string
	runs, err := s.List(ctx, store.Query{Anyone: true, Limit: 20})
	if err != nil {
		t.Fatal(err)
	}
	for i := range runs {
		left = append(left, runs[i].ID)
	}
	same(t, "what is left", left, []string{"queued", "in_progress", "kept"})
	for _, id := range []string{"completed", "call"} {
		if _, err := s.Run(ctx, id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s can be read: %v", id, err)
		}
		if list, err := s.Transitions(ctx, id, 0, 10); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s has transitions: %v, %v", id, list, err)
		}
	}
	if list, err := s.Transitions(ctx, "kept", 0, 10); err != nil || len(list) != 1 {
		t.Errorf("the one that is kept has %v, %v", list, err)
	}
	again := run("completed") // the id and the key are free
	again.Key = "key of completed"
	create(t, s, again)
	if list, err := s.Transitions(ctx, "completed", 0, 10); err != nil || len(list) != 0 {
		t.Errorf("a new one has the transitions of the old one: %v, %v", list, err)
	}
}
