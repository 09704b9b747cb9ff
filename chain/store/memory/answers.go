package memory

import (
	"context"
	"slices"

	"github.com/chainwright/chainwright/chain/store"
)

// answer is a stored answer; taken if a transition has it.
type answer struct {
	store.Answer
	taken bool
}

// Answer stores the first answer to a question, and returns it.
func (s *Store) Answer(_ context.Context, given store.Answer) (*store.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.runs[given.RunID]
	switch {
	case s.closed:
		return nil, store.ErrClosed
	case r == nil:
		return nil, store.ErrNotFound
	}
	for _, a := range r.answers {
		if a.Task == given.Task && a.Asked == given.Asked {
			first := a.Answer
			return &first, nil
		}
	}
	r.answers = append(r.answers, &answer{Answer: given})
	return &given, nil
}

// Answers returns the answers that an owner has yet to take up.
func (s *Store) Answers(_ context.Context, owner string) (list []store.Answer, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.order.Front(); e != nil; e = e.Next() {
		r := e.Value.(*record)
		if r.run.Owner != owner {
			continue
		}
		for _, a := range r.answers {
			if !a.taken {
				list = append(list, a.Answer)
			}
		}
	}
	return list, nil
}

// take marks the answers that a batch takes up.
func (r *record) take(batch *store.Batch) {
	for i := range batch.Transitions {
		t := &batch.Transitions[i]
		taken := t.Answered()
		for _, a := range r.answers {
			if taken != nil && a.Task == t.Task && a.Asked == taken.Asked {
				a.taken = true
			}
		}
	}
}

// asked reports whether an answer or a cancel request waits for a run. The lock
// is held.
func (s *Store) asked(r *record) bool {
	return slices.ContainsFunc(r.answers, func(a *answer) bool { return !a.taken }) ||
		slices.ContainsFunc(s.cancels, func(c store.Cancel) bool { return c.RunID == r.run.ID })
}
