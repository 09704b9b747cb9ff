package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/chainwright/chainwright/chain/store"
)

// The store numbers what several writers append, and refuses a transition of a
// task that has changed since its writer read it.
func shared(t *testing.T, s store.Store) {
	create(t, s, run("r1"))
	begun := func(after int64, task, element int) store.Transition {
		return store.Transition{Task: task, Element: element, State: "in_progress", Attempt: 1, At: at, After: after}
	}
	batch := func(list ...store.Transition) *store.Batch {
		return &store.Batch{RunID: "r1", Owner: "me", Shared: true, Transitions: list}
	}
	first := batch(begun(0, -1, 0), begun(0, 0, 0))
	if err := write(s, first); err != nil || first.Transitions[1].Seq != 2 {
		t.Fatalf("%+v, %v", first, err)
	}
	for _, c := range []struct {
		name  string
		batch *store.Batch
		want  error
	}{
		{"a task that has begun since", batch(begun(0, 0, 0)), store.ErrChanged},
		{"one of two", batch(begun(0, 1, 0), begun(1, 0, 0)), store.ErrChanged},
		{"an element of it", batch(begun(0, 0, 3)), nil},
		{"the same element", batch(begun(0, 0, 3)), store.ErrChanged},
		{"the same element, later", batch(begun(3, 0, 3)), nil},
		{"another element", batch(begun(0, 0, 2)), nil},
		{"twice the same task", batch(begun(0, 2, 0), begun(0, 2, 0)), nil},
		{"another owner", &store.Batch{RunID: "r1", Owner: "you", Shared: true}, store.ErrLost},
		{"another epoch", &store.Batch{RunID: "r1", Owner: "me", Epoch: 1, Shared: true}, store.ErrLost},
		{"no such run", &store.Batch{RunID: "r2", Owner: "me", Shared: true}, store.ErrNotFound},
	} {
		if err := write(s, c.batch); !errors.Is(err, c.want) || c.want == store.ErrLost && errors.Is(err, store.ErrChanged) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if err := write(s, batch(begun(0, 1, i+1), begun(0, 1, i+1))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	ended := batch(store.Transition{Task: 1, State: "completed", Attempt: 1, At: at, Result: []byte("[1]")})
	ended.Status, ended.Counts, ended.CompletedAt = "completed", map[string]int{"completed": 3}, at
	if err := write(s, ended); err != nil {
		t.Fatal(err)
	}
	list, err := s.Transitions(t.Context(), "r1", 0, 100)
	if err != nil || len(list) != 48 {
		t.Fatalf("%d transitions, %v", len(list), err)
	}
	for i := range list {
		if list[i].Seq != int64(i+1) {
			t.Errorf("number %d is at %d", list[i].Seq, i+1)
		}
	}
	r := get(t, s, "r1")
	same(t, "the end", fmt.Sprint(r.Status, r.Seq, r.Counts, r.CompletedAt), fmt.Sprint("completed", 48, map[string]int{"completed": 3}, at))
	if last, err := s.Last(t.Context(), "r1", 1); err != nil || string(last.Result) != "[1]" || last.Seq != 48 {
		t.Errorf("%+v, %v", last, err)
	}
}
