//go:build temporal

package temporal

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/internal/step"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// LoadRun returns what the workflow needs to know of a run. Nothing of the run is
// in flight, so tasks that are in progress by the record have lost their workers.
func (a *activities) LoadRun(ctx context.Context, in Target) ([]byte, error) {
	work, done := a.beating(ctx, in)
	defer done()
	s, err := a.fresh(work, in)
	if err != nil {
		return nil, err
	}
	row := s.Row()
	if row.Seq == 0 {
		begun := TaskInput{Target: in, Task: -1, Element: -1}
		if _, err := a.append(work, &begun, store.Transition{Task: -1, State: string(chain.InProgress), At: time.Now()}); err != nil {
			return nil, err
		}
	}
	list, err := a.opts.Store.Transitions(work, in.Run, 0, 0)
	if err != nil {
		return nil, err
	}
	shape := skeleton{Outcome: s.TasksEnded(), OnFailure: row.OnFailure, MaxParallel: row.MaxParallel, Tasks: make([]skeletonTask, len(s.Tree().Tasks))}
	for i := range s.Tree().Tasks {
		t, at := &s.Tree().Tasks[i], &shape.Tasks[i]
		at.Priority, at.AllowFailure, at.ForEach, at.MaxParallel = t.Priority, t.AllowFailure, t.ForEach != nil, t.MaxParallel
		at.Limit, at.Group, at.Handler = s.Limit(i), groupOf(t.Executor), t.Handler
		for _, d := range t.Dependencies {
			code := 2 * d.Task
			if d.Required {
				code++
			}
			at.Dependencies = append(at.Dependencies, code)
		}
	}
	last := make([]*store.Transition, len(shape.Tasks))
	for i := range list {
		t := &list[i]
		if t.Task < 0 || t.Element > 0 {
			continue
		}
		at := &shape.Tasks[t.Task]
		last[t.Task], at.State = t, chain.State(t.State)
		switch {
		case at.State == chain.InProgress && t.Problem != nil: // a failed attempt
			at.Made = max(t.Attempt-at.Before, 0)
		case at.State == chain.InProgress:
			at.Before, at.Made = t.Attempt-1, 0
		case at.State == chain.Waiting && t.Approval != nil && t.Approval.Question != nil:
			at.Asked, at.Until = t.Seq, t.Approval.Question.Until
		default:
			at.Before, at.Made = t.Attempt, 0
		}
	}
	for i := range shape.Tasks {
		at := &shape.Tasks[i]
		if at.State != chain.InProgress || at.ForEach {
			continue
		}
		if last[i].Problem != nil {
			at.Pause = max(time.Until(last[i].Next), 0)
			continue
		}
		lost := TaskInput{Target: in, Task: i, Element: -1, Before: at.Before, Made: at.Made}
		out, err := a.settle(work, s, &lost, last[i])
		if err != nil {
			return nil, err
		}
		at.State, at.Made = out.State, out.Made
	}
	return shape.pack()
}

// SettleTask finds out how an attempt ended whose activity did not report it. If it
// may be made again, the next attempt is to follow, else it has failed.
func (a *activities) SettleTask(ctx context.Context, in TaskInput) (TaskOutcome, error) {
	s, err := a.session(ctx, in.Target)
	if err != nil {
		return TaskOutcome{}, err
	}
	last, err := a.last(ctx, &in)
	if err != nil {
		return TaskOutcome{}, err
	}
	return a.settle(ctx, s, &in, last)
}

func (a *activities) settle(ctx context.Context, s *session, in *TaskInput, last *store.Transition) (TaskOutcome, error) {
	state, after := chain.Pending, in.After
	if last != nil {
		state, after = chain.State(last.State), last.Seq
	}
	may := s.Tree().Tasks[in.Task].Definition.Annotations
	switch {
	case state.Ended():
		return TaskOutcome{State: state, Made: in.Made, After: after}, nil
	case state == chain.Waiting:
		return TaskOutcome{State: state, After: after, Until: last.Approval.Question.Until}, nil
	case state == chain.InProgress && last.Problem != nil && last.Attempt > in.Before+in.Made: // it failed, and another one follows
		return TaskOutcome{State: state, Made: in.Made + 1, After: after, Pause: max(time.Until(last.Next), 0)}, nil
	case state == chain.Pending && in.Element < 0: // it has not begun
		return TaskOutcome{State: state, Made: in.Made, After: after, Pause: time.Second}, nil
	case state == chain.InProgress && in.Element < 0 && s.Tree().Tasks[in.Task].ForEach != nil:
		return TaskOutcome{State: state, Made: in.Made, After: after}, nil
	case state == chain.Pending && !may.ReadOnly && !may.Idempotent: // so it would be on record
		return TaskOutcome{State: state, Made: in.Made, After: after, Pause: time.Second}, nil
	}
	lost := store.Transition{Task: in.Task, Element: in.Element + 1, Attempt: in.Before + in.Made + 1, At: time.Now(), After: after,
		State: string(chain.InProgress), Problem: engine.Noted(executors.Outcome{Err: engine.StopError(engine.Interrupted)})}
	out := TaskOutcome{State: chain.InProgress, Made: in.Made + 1}
	again, err := a.repeatable(ctx, s, in)
	if err != nil {
		return out, err
	}
	if in.Overdue {
		lost.Problem = engine.Noted(executors.Outcome{Err: engine.StopError(engine.Overdue)})
	}
	if !again || in.Overdue {
		lost.State, out.State = string(chain.Failed), chain.Failed
	}
	out.After, err = a.append(ctx, in, lost)
	return out, err
}

// repeatable reports whether the call of a task or of an element may be made again.
func (a *activities) repeatable(ctx context.Context, s *session, in *TaskInput) (bool, error) {
	if err := s.Refresh(ctx, in.Task); err != nil {
		return false, err
	}
	var item any
	if in.Element >= 0 {
		var err error
		if item, err = a.item(ctx, s, in); err != nil {
			return false, err
		}
	}
	return s.Repeatable(ctx, in.Task, in.Element, item), nil
}

type place struct{ task, element int }

// RecordChanges records the changes that the workflow decided on. Tasks that have
// ended by the record keep their end.
func (a *activities) RecordChanges(ctx context.Context, in RecordInput) error {
	work, done := a.beating(ctx, in.Target)
	defer done()
	list, err := a.opts.Store.Transitions(work, in.Run, 0, 0)
	if err != nil {
		return err
	}
	row, err := a.opts.Store.Run(work, in.Run)
	if err != nil {
		return err
	}
	if chain.State(row.Status).Ended() || row.Epoch != in.Epoch {
		return lostError(nil)
	}
	last := map[place]*store.Transition{}
	for i := range list {
		last[place{list[i].Task, list[i].Element}] = &list[i]
	}
	b := &store.Batch{RunID: in.Run, Owner: a.owner, Epoch: in.Epoch, Shared: true}
	for i := range in.Changes {
		c := &in.Changes[i]
		t := store.Transition{Task: c.Task, Element: c.Element, State: string(c.State), At: time.Now()}
		if before := last[place{c.Task, c.Element}]; before != nil {
			if chain.State(before.State).Ended() {
				continue
			}
			t.After, t.Attempt = before.Seq, before.Attempt
		}
		if c.State == chain.Skipped {
			t.Skip = &store.Skip{Reason: c.Reason, By: c.By, Roots: c.Roots}
		} else {
			t.Problem = engine.Noted(executors.Outcome{Err: stopError(c, in.Grace)})
		}
		b.Transitions = append(b.Transitions, t)
	}
	b.Counts = countsOf(row.Tasks, list, b.Transitions)
	err = a.local.Append(b)
	if engine.Lost(err) && !isChanged(err) {
		return lostError(err)
	}
	return err
}

// countsOf returns the numbers of tasks by state after the given transitions,
// without handlers.
func countsOf(tasks []store.Task, lists ...[]store.Transition) map[string]int {
	states := make([]string, len(tasks))
	for _, list := range lists {
		for i := range list {
			if t := &list[i]; t.Task >= 0 && t.Element == 0 {
				states[t.Task] = t.State
			}
		}
	}
	counts := map[string]int{}
	for i, state := range states {
		switch {
		case tasks[i].Handler != "":
			continue
		case state == "":
			state = string(chain.Pending)
		}
		counts[state]++
	}
	return counts
}

func causeOf(cause string) error {
	if cause == causeStopped {
		return engine.Stopped
	}
	return engine.Cancelled
}

func stopError(c *Change, grace time.Duration) *executors.Error {
	err := engine.StopError(causeOf(c.Cause))
	if c.Unstopped {
		err.Message += fmt.Sprintf("; it has not stopped after %s", grace)
	}
	return err
}

// CollectElements ends a for_each whose elements have ended.
func (a *activities) CollectElements(ctx context.Context, in CollectInput) (chain.State, error) {
	work, done := a.beating(ctx, in.Target)
	defer done()
	s, err := a.session(work, in.Target)
	if err != nil {
		return "", err
	}
	of := TaskInput{Target: in.Target, Task: in.Task, Element: -1}
	last, err := a.last(work, &of)
	if err != nil || last == nil {
		return "", fmt.Errorf("the for_each has not begun: %w", err)
	}
	if state := chain.State(last.State); state.Ended() {
		return state, nil
	}
	list, err := a.opts.Store.Elements(work, in.Run, in.Task, s.Since(in.Task))
	if err != nil {
		return "", err
	}
	r := engine.Report{State: chain.Completed, Attempts: max(in.Before, 1)}
	elements, err := s.elementsOf(work, in.Task)
	if err != nil {
		return "", err
	}
	ends, results, size := make([]*store.Transition, len(elements)), make([]json.RawMessage, len(elements)), 0
	for i := range list {
		if at := list[i].Element - 1; at < len(ends) {
			ends[at] = &list[i]
		}
	}
	var failures []chain.ElementError
	var failed []store.ElementError
	for i, t := range ends {
		if t == nil {
			continue
		}
		r.Attempts = max(r.Attempts, t.Attempt)
		switch state := chain.State(t.State); {
		case state == chain.Completed:
			results[i] = t.Result
			size += len(t.Result)
		case state.Ended() && t.Problem.Failed():
			failures = append(failures, chain.ElementError{Index: i, Error: t.Problem.Message, ErrorType: executors.ErrorType(t.Problem.Type)})
			failed = append(failed, store.ElementError{Index: i, Error: t.Problem.Message, ErrorType: t.Problem.Type})
		}
	}
	r.Outcome = step.Collect(results, failures, in.Started)
	switch {
	case in.Cause != "":
		r.State, r.Outcome.Err = chain.Cancelled, engine.StopError(causeOf(in.Cause))
	case size > step.MaxResults:
		r.State, r.Outcome.Result, r.Outcome.Err = chain.Failed, nil, step.TooLong()
	case r.Outcome.Err != nil:
		r.State = chain.Failed
	}
	end := a.ending(&of, r, time.Now(), last.Seq)
	if end.Problem != nil {
		end.Problem.Elements = failed
	}
	if _, err := a.append(work, &of, end); err != nil {
		return "", err
	}
	return r.State, nil
}

// EndRun records the end of a run.
func (a *activities) EndRun(ctx context.Context, in EndInput) (chain.State, error) {
	work, done := a.beating(ctx, in.Target)
	defer done()
	row, err := a.opts.Store.Run(work, in.Run)
	if err == nil && row.Epoch == in.Epoch && chain.State(row.Status).Ended() {
		return chain.State(row.Status), nil // an attempt before this one has recorded it
	}
	s, err := a.fresh(work, in.Target)
	if err != nil {
		return "", err
	}
	b := s.End(work, in.Cancelled)
	for i := range b.Transitions {
		b.Transitions[i].After = s.Row().Seq
	}
	if err := a.local.Append(b); err != nil {
		if engine.Lost(err) && !isChanged(err) {
			return "", lostError(err)
		}
		return "", err
	}
	a.forget(in.Target)
	return chain.State(b.Status), nil
}
