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
	if s.x.earlier == nil || !s.x.earlier.current {
		return ""
	}
	return s.x.earlier.status
}

// EndTasks returns how a run has ended whose tasks all have, before its handlers,
// and the batch that records it; nil if that is on record. Where handlers alone run
// again, that is how the run has ended before.
func (s *Step) EndTasks(ctx context.Context, cancelled bool) (chain.State, *store.Batch, error) {
	x, end := s.x, s.x.earlier
	switch {
	case end != nil && end.current:
		return end.status, nil, nil
	case end != nil:
		if err := s.readOutputs(ctx, end); err != nil {
			return "", nil, err
		}
	default:
		if cancelled {
			x.plan.Cancel()
		}
		x.base = context.WithoutCancel(ctx)
		end = &outcome{at: time.Now()}
		end.status, end.problem, end.outputs = x.verdict(x.outputs())
	}
	x.recordOutcome(end)
	return end.status, &store.Batch{RunID: x.row.ID, Owner: x.row.Owner, Epoch: x.row.Epoch, Shared: true, Transitions: x.recorder.batch, Counts: x.progress.stored()}, nil
}

// readOutputs reads the recorded outputs of an outcome.
func (s *Step) readOutputs(ctx context.Context, end *outcome) (err error) {
	if end.size > 0 && end.outputs == nil {
		if end.outputs, err = s.x.engine.opts.Store.Head(ctx, s.x.row.ID, end.seq, end.size); err != nil {
			return readError(s.x.row.ID, err)
		}
	}
	return nil
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
	if err := s.readOutputs(ctx, end); err != nil {
		return err
	}
	x.results.run = x.facts(end, step.FailedTasks(x.tree, x.progress.state, x.results.read))
	s.handlers.read = true
	return nil
}
