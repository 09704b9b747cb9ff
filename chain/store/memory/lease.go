package memory

import (
	"context"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

// Free returns runs that no process drives.
func (s *Store) Free(_ context.Context, unseenSince time.Time, limit int) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	var list []string
	for e := s.order.Front(); e != nil && len(list) < limit; e = e.Next() {
		r := &e.Value.(*record).run
		if parent := s.runs[r.Parent]; ended(r.Status) || r.Status == "queued" || parent != nil && !ended(parent.run.Status) {
			continue
		}
		if r.Owner == "" && (!r.Wake.After(now) || s.asked(e.Value.(*record))) || r.Owner != "" && !strings.HasPrefix(r.Owner, store.Elsewhere) && s.owners[r.Owner].Before(unseenSince) {
			list = append(list, r.ID)
		}
	}
	return list, nil
}

// Held returns the epochs of the runs of an owner.
func (s *Store) Held(_ context.Context, owner string) (map[string]int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := map[string]int64{}
	for id, r := range s.runs {
		if r.run.Owner == owner && !ended(r.run.Status) {
			held[id] = r.run.Epoch
		}
	}
	return held, nil
}

// Wake makes a run without an owner due.
func (s *Store) Wake(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.runs[id]; r != nil && r.run.Owner == "" && !ended(r.run.Status) {
		r.run.Wake = time.Time{}
	}
	return nil
}

// Beat stores the heartbeat of an owner.
func (s *Store) Beat(_ context.Context, owner string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owners[owner] = time.Now()
	return nil
}
