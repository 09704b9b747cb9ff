package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

func queued(t *testing.T, s store.Store) {
	ctx := t.Context()
	for _, each := range []struct{ id, principal string }{{"a1", "a"}, {"a2", "a"}, {"a3", "a"}, {"b1", "b"}, {"b2", "b"}, {"c1", "c"}} {
		r := run(each.id)
		r.Principal, r.Owner, r.Status, r.Key = each.principal, "", "queued", ""
		create(t, s, r)
	}
	create(t, s, run("live"))
	are := func(limit int, want ...string) {
		t.Helper()
		got, err := s.Queued(ctx, limit)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "the queue", got, want)
	}
	are(10, "a1", "b1", "c1", "a2", "b2", "a3")
	are(4, "a1", "b1", "c1", "a2")
	if free, err := s.Free(ctx, time.Now().Add(-time.Hour), 10); err != nil || len(free) > 0 {
		t.Errorf("free: %v, %v", free, err)
	}
	list, err := s.List(ctx, store.Query{Anyone: true, Status: "queued", Limit: 10})
	if err != nil || len(list) != 6 {
		t.Errorf("listed: %d, %v", len(list), err)
	}
	r, err := s.Claim(ctx, store.Claim{RunID: "a1", Owner: "me", UnseenSince: time.Now().Add(-time.Hour)})
	if err != nil || r.Status != "in_progress" || r.Owner != "me" || r.Epoch != 1 {
		t.Errorf("claimed: %+v, %v", r, err)
	}
	if _, err := s.Claim(ctx, store.Claim{RunID: "a1", Owner: "you", UnseenSince: time.Now().Add(-time.Hour)}); !errors.Is(err, store.ErrLost) {
		t.Errorf("claimed twice: %v", err)
	}
	are(10, "a2", "b1", "c1", "a3", "b2")
}
