package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

func questions(t *testing.T, s store.Store) {
	create(t, s, run("r1"))
	create(t, s, run("r2"))
	want := []store.Transition{
		{Seq: 1, Task: 0, State: "waiting", Attempt: 1, At: at, Approval: &store.Approval{Question: &store.Question{
			Message: "go on?", Inputs: []byte(`{"a":1}`), Schema: []byte(`{"type":"object"}`), Until: at.Add(time.Hour), OnTimeout: "skip", Digest: "d"}}},
		{Seq: 2, Task: 0, State: "completed", Attempt: 1, At: at.Add(1), Result: []byte(`{}`), Size: 2, Approval: &store.Approval{Answer: &store.Answer{
			ID: "a1", Asked: 1, Decision: "approved", Way: "terminal", Principal: "bob", Reason: "fine", At: at, Digest: "d"}}},
	}
	waiting := func(counts map[string]int, part ...store.Transition) (ids []string) {
		t.Helper()
		if err := write(s, &store.Batch{RunID: "r1", Owner: "me", Transitions: part, Counts: counts}); err != nil {
			t.Fatal(err)
		}
		list, err := s.List(t.Context(), store.Query{Anyone: true, Waiting: true, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			ids = append(ids, r.ID)
		}
		return ids
	}
	same(t, "the runs that wait", waiting(map[string]int{"pending": 2, "waiting": 1}, want[0]), []string{"r1"})
	same(t, "the runs that wait after the answer", waiting(map[string]int{"pending": 2, "completed": 1}, want[1]), []string(nil))
	got, err := s.Transitions(t.Context(), "r1", 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the transitions", got, want)
	last, err := s.Last(t.Context(), "r1", 0)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the last one", last, &want[1])
}

// A released run is free before its time when an answer or a cancel request waits.
func wakened(t *testing.T, s store.Store) {
	ctx := t.Context()
	free := func(what string, want ...string) {
		t.Helper()
		list, err := s.Free(ctx, time.Now().Add(-time.Hour), 10)
		if err != nil {
			t.Fatal(err)
		}
		same(t, what, list, want)
	}
	for _, id := range []string{"r1", "r2", "r3"} {
		create(t, s, run(id))
		if err := write(s, &store.Batch{RunID: id, Owner: "me", Release: true, Wake: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	free("runs that wait")
	if _, err := s.Answer(ctx, store.Answer{ID: "a", RunID: "r2", Asked: 1, At: at}); err != nil {
		t.Fatal(err)
	}
	free("a run with an answer", "r2")
	if err := s.RequestCancel(ctx, store.Cancel{RunID: "r3", Task: 1}); err != nil {
		t.Fatal(err)
	}
	free("and one with a cancel request", "r2", "r3")
	claimed, err := s.Claim(ctx, store.Claim{RunID: "r2", Owner: "you", UnseenSince: at})
	if err != nil {
		t.Fatal(err)
	}
	if list, err := s.Answers(ctx, "you"); err != nil || len(list) != 1 || list[0].ID != "a" {
		t.Errorf("the answers for who claimed it: %+v, %v", list, err)
	}
	if err := write(s, &store.Batch{RunID: "r2", Owner: "you", Epoch: claimed.Epoch, Release: true, Wake: time.Now().Add(time.Hour), Transitions: []store.Transition{
		{Seq: 2, State: "completed", At: at, Approval: &store.Approval{Answer: &store.Answer{ID: "a", Asked: 1}}}}}); err != nil {
		t.Fatal(err)
	}
	free("after the answer is taken", "r3")
}

func answers(t *testing.T, s store.Store) {
	ctx := t.Context()
	create(t, s, run("r1"))
	other := run("r2")
	other.Owner = "you"
	create(t, s, other)
	one := store.Answer{ID: "a1", RunID: "r1", Task: 1, Asked: 3, Decision: "approved", Way: "terminal", Principal: "bob", Reason: "why", At: at, Digest: "d", Value: []byte(`{"approved":true}`)}
	first, err := s.Answer(ctx, one)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "the first answer", first, &one)
	two := one
	two.ID, two.Decision = "a2", "rejected"
	if first, err = s.Answer(ctx, two); err != nil {
		t.Fatal(err)
	}
	same(t, "what counts after the second", first, &one)
	again := two // a question that is asked again is another question
	again.Asked = 9
	if first, err = s.Answer(ctx, again); err != nil || first.ID != "a2" {
		t.Errorf("the answer to the next question: %+v, %v", first, err)
	}
	if _, err := s.Answer(ctx, store.Answer{ID: "a3", RunID: "no"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an answer to a run that does not exist: %v", err)
	}
	mine := func(owner string, want ...string) {
		t.Helper()
		list, err := s.Answers(ctx, owner)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, a := range list {
			ids = append(ids, fmt.Sprintf("%s %s %d %d", a.ID, a.RunID, a.Task, a.Asked))
		}
		same(t, "the answers for "+owner, ids, want)
	}
	mine("me", "a1 r1 1 3", "a2 r1 1 9")
	mine("you")
	taken := one
	taken.Value = nil
	if err := write(s, &store.Batch{RunID: "r1", Owner: "me", Transitions: []store.Transition{{Seq: 4, Task: 1, State: "completed", At: at, Approval: &store.Approval{Answer: &taken}}}}); err != nil {
		t.Fatal(err)
	}
	mine("me", "a2 r1 1 9")
	if first, err = s.Answer(ctx, store.Answer{ID: "a4", RunID: "r1", Task: 1, Asked: 3, At: at}); err != nil || first.ID != "a1" {
		t.Errorf("an answer to a question that is over: %+v, %v", first, err)
	}

	const many = 20
	won := make([]string, many)
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			first, err := s.Answer(ctx, store.Answer{ID: fmt.Sprintf("b%d", i), RunID: "r2", Task: 0, Asked: 1, At: at})
			if err != nil {
				t.Error(err)
				return
			}
			won[i] = first.ID
		})
	}
	all.Wait()
	for _, id := range won {
		if id == "" || id != won[0] {
			t.Fatalf("the first of many at once: %v", won)
		}
	}
}
