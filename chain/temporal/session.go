//go:build temporal

package temporal

import (
	"context"
	"errors"
	"sync"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
)

// mostSessions is the number of runs that a process keeps open.
const mostSessions = 16

// session is an open run, with the elements of its for_each tasks.
type session struct {
	*engine.Step
	mu       sync.Mutex
	elements map[int][]any
}

// sessions are the runs that this process has worked for last.
type sessions struct {
	mu    sync.Mutex
	open  map[Target]*opening
	order []Target // the oldest first
}

type opening struct {
	once    sync.Once
	session *session
	err     error
}

// session opens a run, or returns it if it is open.
func (e *Engine) session(ctx context.Context, t Target) (*session, error) {
	e.sessions.mu.Lock()
	o := e.sessions.open[t]
	if o == nil {
		o = &opening{}
		if len(e.sessions.order) >= mostSessions {
			delete(e.sessions.open, e.sessions.order[0])
			e.sessions.order = e.sessions.order[1:]
		}
		e.sessions.open[t] = o
		e.sessions.order = append(e.sessions.order, t)
	}
	e.sessions.mu.Unlock()
	o.once.Do(func() { o.session, o.err = e.fresh(ctx, t) })
	if o.err != nil {
		e.forget(t)
	}
	return o.session, o.err
}

// fresh opens a run as it is now.
func (e *Engine) fresh(ctx context.Context, t Target) (*session, error) {
	step, err := e.local.Open(ctx, t.Run, t.Outermost)
	switch {
	case err != nil && engine.Lost(err):
		return nil, lostError(err)
	case err != nil:
		return nil, err
	case step.Row().Owner != e.owner || step.Row().Epoch != t.Epoch || chain.State(step.Row().Status).Ended():
		return nil, lostError(nil)
	}
	return &session{Step: step, elements: map[int][]any{}}, nil
}

// forget closes a run.
func (e *Engine) forget(t Target) {
	e.sessions.mu.Lock()
	defer e.sessions.mu.Unlock()
	if _, ok := e.sessions.open[t]; !ok {
		return
	}
	delete(e.sessions.open, t)
	for i, o := range e.sessions.order {
		if o == t {
			e.sessions.order = append(e.sessions.order[:i], e.sessions.order[i+1:]...)
			return
		}
	}
}

var errElements = errors.New("the elements of a for_each can't be evaluated a second time")

func (s *session) keep(task int, elements []any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.elements[task] = elements
}

// elementsOf returns the elements of a for_each.
func (s *session) elementsOf(ctx context.Context, task int) ([]any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if list, ok := s.elements[task]; ok {
		return list, nil
	}
	if err := s.Refresh(ctx, task); err != nil {
		return nil, err
	}
	r := s.Check(ctx, task)
	if r.Outcome.Err != nil {
		return nil, errElements // the server does not see what errors say
	}
	s.elements[task] = r.Elements
	return r.Elements, nil
}
