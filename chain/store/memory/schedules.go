package memory

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

// schedules are the schedules, and the processes that fire them.
type schedules struct {
	byTree     map[string]store.Schedule
	schedulers map[string]time.Time
}

// Schedules returns all schedules.
func (s *Store) Schedules(context.Context) ([]store.Schedule, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []store.Schedule
	for _, tree := range slices.Sorted(maps.Keys(s.schedules.byTree)) {
		list = append(list, copyOfSchedule(s.schedules.byTree[tree]))
	}
	return list, nil
}

// Schedule returns the schedule of a tree.
func (s *Store) Schedule(_ context.Context, tree string) (*store.Schedule, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	row, ok := s.schedules.byTree[tree]
	if !ok {
		return nil, store.ErrNotFound
	}
	row = copyOfSchedule(row)
	return &row, nil
}

// PutSchedule writes a schedule.
func (s *Store) PutSchedule(_ context.Context, schedule *store.Schedule) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	if s.schedules.byTree[schedule.Tree].Version != schedule.Version {
		return store.ErrChanged
	}
	schedule.Version++
	if s.schedules.byTree == nil {
		s.schedules.byTree = map[string]store.Schedule{}
	}
	s.schedules.byTree[schedule.Tree] = copyOfSchedule(*schedule)
	return nil
}

func copyOfSchedule(row store.Schedule) store.Schedule {
	row.Queue = slices.Clone(row.Queue)
	return row
}

// BeatScheduler stores that a process fires schedules.
func (s *Store) BeatScheduler(_ context.Context, process string, stops bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stops {
		delete(s.schedules.schedulers, process)
		return nil
	}
	if s.schedules.schedulers == nil {
		s.schedules.schedulers = map[string]time.Time{}
	}
	s.schedules.schedulers[process] = time.Now()
	return nil
}

// SchedulerSeen returns when a process that fires was last seen.
func (s *Store) SchedulerSeen(context.Context) (last time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range s.schedules.schedulers {
		if at.After(last) {
			last = at
		}
	}
	return last, nil
}
