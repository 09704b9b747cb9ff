// Package memory keeps the records of runs until the process ends. It is not a stable API.
package memory

import (
	"container/list"
	"context"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

// Options limit what is kept. The oldest runs that have ended are removed first.
type Options struct {
	Runs  int   // 0: 10,000
	Bytes int64 // 0: 256 MiB
}

// Open returns an empty store.
func Open(opts Options) *Store {
	if opts.Runs == 0 {
		opts.Runs = 10_000
	}
	if opts.Bytes == 0 {
		opts.Bytes = 256 << 20
	}
	return &Store{
		Notes:  NewNotes(),
		opts:   opts,
		runs:   map[string]*record{},
		keys:   map[key]*record{},
		owners: map[string]time.Time{},
		order:  list.New(),
	}
}

// Store is a store.Store in memory.
type Store struct {
	*Notes
	opts Options

	mu      sync.Mutex
	closed  bool
	runs    map[string]*record
	keys    map[key]*record
	owners  map[string]time.Time
	order   *list.List // of *record, the oldest first
	bytes   int64
	cancels []store.Cancel

	schedules schedules
}

var _ store.Store = (*Store)(nil)

type key struct{ principal, key string }

type record struct {
	run         store.Run
	transitions [][]store.Transition // by batch, as appended
	answers     []*answer
	logs        map[int][]store.LogPart // by task
	bytes       int64
	at          *list.Element
}

// ended reports whether no process drives the run any more.
func ended(status string) bool {
	return status != "pending" && status != "in_progress" && status != "queued"
}

// Create adds a run.
func (s *Store) Create(_ context.Context, run *store.Run) (*store.Run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, store.ErrClosed
	}
	if run.Key != "" {
		if old := s.keys[key{run.Principal, run.Key}]; old != nil {
			return s.copyOf(old), nil
		}
	}
	if run.Owner != "" {
		s.owners[run.Owner] = time.Now()
	}
	s.add(run)
	return nil, nil
}

// Record adds a call that has ended.
func (s *Store) Record(run *store.Run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.add(run)
	}
}

func (s *Store) add(run *store.Run) {
	r := &record{run: *run, bytes: int64(256 + len(run.Tree) + len(run.Inputs) + 96*len(run.Tasks))}
	if run.Outcome != nil {
		r.bytes += int64(len(run.Outcome.Result))
	}
	s.bytes += r.bytes
	s.runs[run.ID] = r
	if run.Key != "" {
		s.keys[key{run.Principal, run.Key}] = r
	}
	r.at = s.order.PushBack(r)
	s.purge()
}

// purge removes the oldest runs that have ended while the limits are exceeded.
func (s *Store) purge() {
	for e := s.order.Front(); e != nil && (len(s.runs) > s.opts.Runs || s.bytes > s.opts.Bytes); {
		next := e.Next()
		if r := e.Value.(*record); ended(r.run.Status) && next != nil {
			s.drop(r)
		}
		e = next
	}
}

func (s *Store) drop(r *record) {
	s.order.Remove(r.at)
	delete(s.runs, r.run.ID)
	if s.keys[key{r.run.Principal, r.run.Key}] == r {
		delete(s.keys, key{r.run.Principal, r.run.Key})
	}
	s.bytes -= r.bytes
}

// Remove removes runs that have ended.
func (s *Store) Remove(_ context.Context, ids []string) (removed []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, store.ErrClosed
	}
	for _, id := range ids {
		if r := s.runs[id]; r != nil && ended(r.run.Status) {
			s.drop(r)
			removed = append(removed, id)
		}
	}
	return removed, nil
}

// Append adds a batch and calls done at once.
func (s *Store) Append(batch *store.Batch, done func(error)) { done(s.append(batch)) }

func (s *Store) append(batch *store.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	r := s.runs[batch.RunID]
	switch {
	case r == nil:
		return store.ErrNotFound
	case r.run.Owner != batch.Owner || r.run.Epoch != batch.Epoch:
		return store.ErrLost
	case r.changed(batch.Guards()):
		return store.ErrChanged
	}
	if batch.Shared {
		batch.Number(r.run.Seq)
	}
	if len(batch.Transitions) > 0 {
		r.transitions = append(r.transitions, batch.Transitions)
		r.take(batch)
	}
	size := int64(0)
	for i := range batch.Transitions {
		size += int64(128 + len(batch.Transitions[i].Result))
	}
	r.bytes += size
	s.bytes += size
	if n := len(batch.Transitions); n > 0 {
		r.run.Seq = batch.Transitions[n-1].Seq
	}
	if batch.Counts != nil {
		r.run.Counts = batch.Counts
	}
	if batch.Status != "" {
		r.run.Status, r.run.Problem, r.run.CompletedAt = batch.Status, batch.Problem, batch.CompletedAt
	}
	if batch.Release {
		r.run.Owner, r.run.Wake = "", batch.Wake
	}
	s.purge()
	return nil
}

// changed reports whether there is a later transition of one of the guards.
func (r *record) changed(guards []store.Transition) bool {
	for i := range guards {
		g := &guards[i]
		for _, batch := range slices.Backward(r.transitions) {
			if batch[len(batch)-1].Seq <= g.After {
				break
			}
			for j := range batch {
				if t := &batch[j]; t.Seq > g.After && t.Task == g.Task && t.Element == g.Element {
					return true
				}
			}
		}
	}
	return false
}

// Claim assigns a run to an owner.
func (s *Store) Claim(_ context.Context, claim store.Claim) (*store.Run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.runs[claim.RunID]
	switch {
	case r == nil:
		return nil, store.ErrNotFound
	case !ended(r.run.Status) && r.run.Owner != "" && r.run.Owner != claim.Owner && s.owners[r.run.Owner].After(claim.UnseenSince):
		return nil, store.ErrLost
	case r.run.Seq != claim.Seq:
		return nil, store.ErrChanged
	}
	s.owners[claim.Owner] = time.Now()
	r.run.Owner, r.run.Status = claim.Owner, "in_progress"
	r.run.Problem, r.run.CompletedAt = nil, time.Time{}
	r.run.Epoch++
	r.run.Crashes, r.run.Within, r.run.OwnerSince, r.run.Wake = claim.Crashes, claim.Within, time.Now(), time.Time{}
	return s.copyOf(r), nil
}

// copyOf returns a copy of a run's row for the caller.
func (s *Store) copyOf(r *record) *store.Run {
	run := r.run
	run.OwnerSeen = s.owners[run.Owner]
	if run.OwnerSince.IsZero() {
		run.OwnerSince = run.CreatedAt
	}
	if run.Owner != "" {
		run.OwnerPID = os.Getpid()
		run.OwnerHost, _ = os.Hostname()
	}
	run.Counts = maps.Clone(run.Counts)
	run.FillCall()
	return &run
}

// Run returns a run's row.
func (s *Store) Run(_ context.Context, id string) (*store.Run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.runs[id]
	if r == nil {
		return nil, store.ErrNotFound
	}
	return s.copyOf(r), nil
}

// Transitions returns a run's transitions.
func (s *Store) Transitions(_ context.Context, id string, after int64, maxResult int) ([]store.Transition, error) {
	s.mu.Lock()
	r := s.runs[id]
	if r == nil {
		s.mu.Unlock()
		return nil, store.ErrNotFound
	}
	batches := r.transitions
	s.mu.Unlock()
	var list []store.Transition
	if len(batches) > 0 {
		list = make([]store.Transition, 0, len(batches)*len(batches[0]))
	}
	for _, batch := range batches {
		for _, t := range batch {
			if t.Seq <= after {
				continue
			}
			t.After = 0
			if t.Size = len(t.Result); t.Size > maxResult {
				t.Result = nil
			}
			list = append(list, t)
		}
	}
	return list, nil
}

// Last returns a task's latest transition.
func (s *Store) Last(_ context.Context, id string, task int) (*store.Transition, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.runs[id]
	if r == nil {
		return nil, store.ErrNotFound
	}
	for _, batch := range slices.Backward(r.transitions) {
		for _, t := range slices.Backward(batch) {
			if t.Task == task && t.Element == 0 {
				t.Size = len(t.Result)
				return &t, nil
			}
		}
	}
	return nil, nil
}

// Head returns the beginning of a transition's result.
func (s *Store) Head(_ context.Context, id string, seq int64, n int) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.runs[id]
	if r == nil {
		return nil, store.ErrNotFound
	}
	for _, batch := range r.transitions {
		for i := range batch {
			if batch[i].Seq == seq {
				return batch[i].Result[:min(n, len(batch[i].Result))], nil
			}
		}
	}
	return nil, nil
}

// Elements returns the transitions of a task's elements.
func (s *Store) Elements(_ context.Context, id string, task int, after int64) ([]store.Transition, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.runs[id]
	if r == nil {
		return nil, store.ErrNotFound
	}
	var list []store.Transition
	for _, batch := range r.transitions {
		for _, t := range batch {
			if t.Task == task && t.Element > 0 && t.Seq > after {
				t.Size = len(t.Result)
				list = append(list, t)
			}
		}
	}
	return list, nil
}

// RequestCancel stores a cancel request.
func (s *Store) RequestCancel(_ context.Context, cancel store.Cancel) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs[cancel.RunID] == nil {
		return store.ErrNotFound
	}
	s.cancels = append(s.cancels, cancel)
	return nil
}

// TakeCancels returns the cancel requests for an owner's runs and removes them.
func (s *Store) TakeCancels(_ context.Context, owner string) ([]store.Cancel, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var mine, others []store.Cancel
	for _, c := range s.cancels {
		switch r := s.runs[c.RunID]; {
		case r == nil:
		case r.run.Owner == owner:
			mine = append(mine, c)
		default:
			others = append(others, c)
		}
	}
	s.cancels = others
	return mine, nil
}

// Flush does nothing.
func (s *Store) Flush(context.Context) error { return nil }

// Close refuses further writes. The records can still be read.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}
