package memory

import (
	"cmp"
	"context"
	"slices"
)

// Queued returns queued runs.
func (s *Store) Queued(_ context.Context, limit int) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	type place struct {
		id   string
		turn int
	}
	var all []place
	turns := map[string]int{}
	for e := s.order.Front(); e != nil; e = e.Next() {
		if r := &e.Value.(*record).run; r.Status == "queued" && r.Owner == "" {
			all = append(all, place{r.ID, turns[r.Principal]})
			turns[r.Principal]++
		}
	}
	slices.SortStableFunc(all, func(a, b place) int { return cmp.Compare(a.turn, b.turn) })
	var list []string
	for _, each := range all[:min(limit, len(all))] {
		list = append(list, each.id)
	}
	return list, nil
}
