package memory

import (
	"context"
	"strings"

	"github.com/chainwright/chainwright/chain/store"
)

// List returns runs, the newest first.
func (s *Store) List(_ context.Context, q store.Query) ([]store.Run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.order.Back()
	if q.Before != "" {
		r := s.runs[q.Before]
		if r == nil {
			return nil, nil
		}
		e = r.at.Prev()
	}
	var list []store.Run
	for ; e != nil && len(list) < q.Limit; e = e.Prev() {
		r := e.Value.(*record)
		if (q.Anyone || r.run.Principal == q.Principal) &&
			(q.Kind == "" || r.run.Kind == q.Kind) &&
			(q.Status == "" || r.run.Status == q.Status) && (!q.Waiting || r.run.Counts["waiting"] > 0) && selected(&r.run, &q) {
			list = append(list, *s.copyOf(r))
		}
	}
	return list, nil
}

// selected reports whether a run has the id, the name, the labels and the time of a
// query.
func selected(run *store.Run, q *store.Query) bool {
	for name, value := range q.Labels {
		if has, labelled := run.Labels[name]; !labelled || has != value {
			return false
		}
	}
	return strings.HasPrefix(run.ID, q.Prefix) && strings.Contains(strings.ToLower(run.Name), strings.ToLower(q.Name)) &&
		!run.CreatedAt.Before(q.Since) && (q.Until.IsZero() || run.CreatedAt.Before(q.Until))
}
