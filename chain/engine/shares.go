package engine

import (
	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/limit"
)

// shares are a run's shares of the limiters: of the process, of its principal,
// and of the executors of its tasks. Nil shares have no limit.
type shares struct {
	process   *limit.Share
	principal *limit.Share
	byTask    []*limit.Share // of the task's executor
	executors []*limit.Share // those that have a limit
}

// grant is the result of a request for the permits of a call.
type grant int

const (
	granted      grant = iota
	executorBusy       // the executor's limiter has none; the run waits in its queue
	full               // the limiter of the process or of the principal has none
)

func newShares(r *Engine, tree *chain.Tree, principal string, onGrant func(*limit.Share)) shares {
	s := shares{process: limit.NewShare(r.process, principal, onGrant), byTask: make([]*limit.Share, len(tree.Tasks))}
	known := map[string]*limit.Share{}
	for i := range tree.Tasks {
		id := tree.Tasks[i].Executor
		share, ok := known[id]
		if !ok {
			if l := r.limits[id]; l != nil {
				share = limit.NewShare(l, principal, onGrant)
				s.executors = append(s.executors, share)
			}
			known[id] = share
		}
		s.byTask[i] = share
	}
	return s
}

// take takes the permits of a call of a task.
func (s *shares) take(task int) grant {
	executor := s.byTask[task]
	switch {
	case !executor.Take():
		return executorBusy
	case !s.principal.Take():
		executor.ReleaseUnused()
		return full
	case !s.process.Take():
		executor.ReleaseUnused()
		s.principal.ReleaseUnused()
		return full
	}
	return granted
}

// countStart counts a call that starts without permits.
func (s *shares) countStart(task int) {
	s.byTask[task].CountStart()
	s.principal.CountStart()
}

// release returns the permits of a unit that has ended. A check makes no call,
// so it does not count as a start.
func (s *shares) release(u *unit) {
	switch executor := s.byTask[u.task]; {
	case u.free:
	case u.check:
		executor.ReleaseUnused()
		s.principal.ReleaseUnused()
		s.process.Release()
	default:
		executor.Release()
		s.principal.Release()
		s.process.Release()
	}
}

// returnSpare returns permits that were granted and not used.
func (s *shares) returnSpare() {
	s.process.ReturnSpare()
	s.principal.ReturnSpare()
	for _, each := range s.executors {
		each.ReturnSpare()
	}
}

// close leaves all queues and returns unused permits.
func (s *shares) close() {
	s.process.Close()
	s.principal.Close()
	for _, each := range s.executors {
		each.Close()
	}
}
