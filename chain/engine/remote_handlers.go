package engine

import (
	"context"
	"sync"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/internal/step"
	"github.com/chainwright/chainwright/chain/store"
)

// handlersOf is what a step knows of the end of the tasks, for handlers.
type handlersOf struct {
	mu   sync.Mutex
	read bool
}

// TasksEnded returns how the tasks have ended, as the run was opened; empty: handlers
// have not started.
func (s *Step) TasksEnded() chain.State {
	if s.x.earlier == nil {
		return ""
	}
	return s.x.earlier.status
}

// EndTasks returns how a run has ended whose tasks all have, before its handlers,
// and the batch that records it; nil if that is on record.
func (s *Step) EndTasks(ctx context.Context, cancelled bool) (chain.State, *store.Batch) {
	x := s.x
	if x.earlier != nil {
		return x.earlier.status, nil
	}
	if cancelled {
		x.plan.Cancel()
	}
	x.base = context.WithoutCancel(ctx)
	end := &outcome{at: time.Now()}
	end.status, end.problem, end.outputs = x.verdict(x.outputs())
	x.recordOutcome(end)
	return end.status, &store.Batch{RunID: x.row.ID, Owner: x.row.Owner, Epoch: x.row.Epoch, Shared: true, Transitions: x.recorder.batch, Counts: x.progress.stored()}
}

// refreshHandler reads how all tasks ended, and the handlers before.
func (s *Step) refreshHandler(ctx context.Context) error {
	s.handlers.mu.Lock()
	defer s.handlers.mu.Unlock()
	x := s.x
	list, err := x.engine.transitions(ctx, x.row, 0, 0)
	if err != nil {
		return readError(x.row.ID, err)
	}
	states := make([]chain.State, 0, len(x.row.Tasks))
	for i, t := range newView(x.row, list).Tasks {
		states = append(states, t.Status)
		if t.Status.Ended() {
			x.progress.set(i, t.Status)
		}
	}
	if s.handlers.read {
		return nil
	}
	x.noteOutcome(list, states)
	end := x.earlier
	if end == nil {
		return nil
	}
	if end.size > 0 {
		if end.outputs, err = x.engine.opts.Store.Head(ctx, x.row.ID, end.seq, end.size); err != nil {
			return readError(x.row.ID, err)
		}
	}
	x.results.run = x.facts(end, step.FailedTasks(x.tree, x.progress.state, x.results.read))
	s.handlers.read = true
	return nil
}
