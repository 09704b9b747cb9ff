package memory

import (
	"context"
	"slices"
	"sort"

	"github.com/chainwright/chainwright/chain/store"
)

// partBytes is how much memory a part of a log takes besides its text, about.
const partBytes = 128

// AppendLogs adds parts of logs and calls done at once.
func (s *Store) AppendLogs(parts []store.LogPart, trims []store.LogTrim, done func(error)) {
	done(s.appendLogs(parts, trims))
}

func (s *Store) appendLogs(parts []store.LogPart, trims []store.LogTrim) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	for _, p := range parts {
		r := s.runs[p.RunID]
		if r == nil {
			continue
		}
		if r.logs == nil {
			r.logs = map[int][]store.LogPart{}
		}
		list := r.logs[p.Task]
		if n := len(list); n > 0 {
			p.Pos = list[n-1].Pos + int64(len(list[n-1].Text))
		}
		p.Pos, p.Skipped, p.Text = p.Pos+p.Skipped, 0, slices.Clone(p.Text)
		r.logs[p.Task] = append(list, p)
		s.grow(r, partBytes+len(p.Text))
	}
	for _, t := range trims {
		if r := s.runs[t.RunID]; r != nil {
			r.logs[t.Task] = slices.DeleteFunc(r.logs[t.Task], func(p store.LogPart) bool {
				old := p.Log == t.Log && p.At+int64(len(p.Text)) <= t.Before
				if old {
					s.grow(r, -partBytes-len(p.Text))
				}
				return old
			})
		}
	}
	s.purge()
	return nil
}

// grow adds to the size of a run.
func (s *Store) grow(r *record, bytes int) {
	r.bytes += int64(bytes)
	s.bytes += int64(bytes)
}

// Log reads the log of a task.
func (s *Store) Log(_ context.Context, runID string, task, element int, after int64, each func(*store.LogPart) bool) error {
	s.mu.Lock()
	r := s.runs[runID]
	if r == nil {
		s.mu.Unlock()
		return store.ErrNotFound
	}
	list := r.logs[task]
	list = slices.Clone(list[sort.Search(len(list), func(i int) bool { return list[i].Pos+int64(len(list[i].Text)) > after }):])
	s.mu.Unlock()
	for i := range list {
		if element > 0 && list[i].Element != element {
			continue
		}
		if !each(&list[i]) {
			break
		}
	}
	return nil
}

// LogEnd returns the end of the log of a task.
func (s *Store) LogEnd(_ context.Context, runID string, task, element int) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.runs[runID]
	if r == nil {
		return 0, store.ErrNotFound
	}
	for _, p := range slices.Backward(r.logs[task]) {
		if element == 0 || p.Element == element {
			return p.Pos + int64(len(p.Text)), nil
		}
	}
	return 0, nil
}
