//go:build temporal

package temporal

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// activities are what workers do. They write the record of a run, each for its
// task, and never write what another one has overtaken.
type activities struct {
	*Engine
}

// typeLost is the type of the error of a run that has another owner by now, or
// that is gone.
const typeLost = "lost"

func lostError(err error) error {
	return temporal.NewNonRetryableApplicationError("the run has another owner, or is gone", typeLost, err)
}

func isLost(err error) bool {
	var e *temporal.ApplicationError
	return errors.As(err, &e) && e.Type() == typeLost
}

// shortWait is how long an activity waits for permits. After that the workflow
// tries again, so that the time of a call does not depend on others.
const shortWait = time.Minute

// permit takes the permits of a call. after is how long to wait before trying
// again; 0: they are taken.
func (a *activities) permit(ctx context.Context, s *session, task int, nested bool) (release func(), after time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, shortWait)
	defer cancel()
	release, wait := a.local.Permit(ctx, s.Tree().Tasks[task].Executor, s.Row().Principal, nested)
	if wait == nil {
		return release, 0
	}
	return nil, max(wait.RetryAfter, 100*time.Millisecond)
}

// append writes transitions of one task, or of one of its elements. It returns the
// number of the last one. If they are on record already, that is as good.
func (a *activities) append(ctx context.Context, in *TaskInput, list ...store.Transition) (seq int64, err error) {
	return a.appendCounts(ctx, in, nil, list...)
}

func (a *activities) appendCounts(ctx context.Context, in *TaskInput, counts map[string]int, list ...store.Transition) (seq int64, err error) {
	b := &store.Batch{RunID: in.Run, Owner: a.owner, Epoch: in.Epoch, Shared: true, Transitions: list, Counts: counts}
	err = a.local.Append(b)
	switch {
	case err == nil:
		return list[len(list)-1].Seq, nil
	case errors.Is(err, store.ErrChanged):
		last, readErr := a.last(ctx, in)
		if wrote := list[len(list)-1]; readErr == nil && last != nil && last.State == wrote.State && last.Attempt == wrote.Attempt && last.At.Equal(wrote.At.Truncate(0)) {
			return last.Seq, nil
		}
		return 0, err
	case engine.Lost(err):
		return 0, lostError(err)
	}
	return 0, err
}

// last returns the last transition of a task or of an element, without those of
// its generation before; nil: none.
func (a *activities) last(ctx context.Context, in *TaskInput) (*store.Transition, error) {
	if in.Element < 0 {
		return a.opts.Store.Last(ctx, in.Run, in.Task)
	}
	list, err := a.opts.Store.Elements(ctx, in.Run, in.Task, in.After)
	if err != nil {
		return nil, err
	}
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Element == in.Element+1 {
			return &list[i], nil
		}
	}
	return nil, nil
}

// ExecuteTask makes one attempt of a task, or of an element.
func (a *activities) ExecuteTask(ctx context.Context, in TaskInput) (TaskOutcome, error) {
	work, done := a.beating(ctx, in.Target)
	defer done()
	s, err := a.session(work, in.Target)
	if err != nil {
		return TaskOutcome{}, err
	}
	if in.Element >= 0 {
		return a.element(work, s, &in)
	}
	return a.task(work, s, &in)
}

// task makes one attempt of a task as a whole.
func (a *activities) task(ctx context.Context, s *session, in *TaskInput) (TaskOutcome, error) {
	last, err := a.last(ctx, in)
	if err != nil {
		return TaskOutcome{}, err
	}
	state, after := chain.Pending, int64(0)
	if last != nil {
		state, after = chain.State(last.State), last.Seq
	}
	switch {
	case state.Ended():
		return TaskOutcome{State: state, Made: in.Made, After: after}, nil // an attempt that was given up has recorded it
	case state == chain.Waiting: // an attempt before this one has asked
		return TaskOutcome{State: state, After: after, Until: last.Approval.Question.Until}, nil
	case state == chain.InProgress && !in.Resume:
		return TaskOutcome{}, errors.New("the task is in progress by its record")
	}
	if err := s.Refresh(ctx, in.Task); err != nil {
		return TaskOutcome{}, err
	}
	t := &s.Tree().Tasks[in.Task]
	now := time.Now()
	begin := store.Transition{Task: in.Task, State: string(chain.InProgress), Attempt: in.Before + 1, At: now, After: after}
	if t.ForEach != nil || (t.When != nil || t.Approval != nil) && state == chain.Pending {
		r := s.Check(ctx, in.Task)
		switch {
		case r.State == chain.InProgress && t.ForEach != nil:
			return a.expand(ctx, s, in, state, begin, r.Elements)
		case r.State == chain.InProgress:
		case r.State == chain.Waiting:
			return a.ask(ctx, s, in, begin, r.Question)
		case ctx.Err() != nil:
			return a.stopped(ctx, in, true), nil
		default:
			return a.end(ctx, in, state, begin, r)
		}
	}
	release, wait := a.permit(ctx, s, in.Task, in.Outermost != "")
	if wait > 0 {
		return TaskOutcome{State: state, Made: in.Made, Pause: wait}, nil
	}
	defer release()
	started := time.Time{}
	if state == chain.Pending {
		started = now
		if after, err = a.append(ctx, in, begin); err != nil {
			return TaskOutcome{}, err
		}
	}
	return a.attempt(ctx, s, in, call{after: after, started: started, resumed: unfinished(last)})
}

// expand starts a for_each.
func (a *activities) expand(ctx context.Context, s *session, in *TaskInput, state chain.State, begin store.Transition, elements []any) (TaskOutcome, error) {
	out := TaskOutcome{State: chain.InProgress, Each: true, Elements: len(elements)}
	s.keep(in.Task, elements)
	if state == chain.Pending {
		var err error
		begin.Skip = &store.Skip{Of: len(elements)}
		if out.After, err = a.append(ctx, in, begin); err != nil {
			return out, err
		}
	}
	list, err := a.opts.Store.Elements(ctx, in.Run, in.Task, s.Since(in.Task))
	if err != nil {
		return out, err
	}
	ends := map[int]*store.Transition{}
	for i := range list {
		ends[list[i].Element-1] = &list[i]
	}
	out.Done = make([]byte, (len(elements)+7)/8)
	for i, last := range ends {
		out.After = max(out.After, last.Seq)
		if i >= len(elements) {
			continue
		}
		switch over := chain.State(last.State); {
		case over == chain.Completed, in.Resume && over.Ended():
			out.Done[i/8] |= 1 << (i % 8)
		case in.Resume && over == chain.InProgress && last.Problem == nil: // its worker is gone
			lost := *in
			lost.Element, lost.After = i, last.Seq
			settled, err := a.settle(ctx, s, &lost, last)
			if err != nil {
				return out, err
			}
			if settled.State.Ended() {
				out.Done[i/8] |= 1 << (i % 8)
			}
			out.After = max(out.After, settled.After)
		}
	}
	return out, nil
}

// element makes one attempt of an element.
func (a *activities) element(ctx context.Context, s *session, in *TaskInput) (TaskOutcome, error) {
	item, err := a.item(ctx, s, in)
	if err != nil {
		return TaskOutcome{}, err
	}
	release, wait := a.permit(ctx, s, in.Task, in.Outermost != "")
	if wait > 0 {
		return TaskOutcome{State: chain.Pending, Made: in.Made, After: in.After, Pause: wait}, nil
	}
	defer release()
	c := call{item: item, after: in.After, started: time.Now()}
	t := &s.Tree().Tasks[in.Task]
	if t.Tree != nil {
		last, err := a.last(ctx, in)
		if err != nil {
			return TaskOutcome{}, err
		}
		c.resumed = unfinished(last)
	}
	// Whether an element that can't be repeated has begun must be known later.
	if may := t.Definition.Annotations; !may.ReadOnly && !may.Idempotent {
		if c.after, err = a.append(ctx, in, store.Transition{Task: in.Task, Element: in.Element + 1, State: string(chain.InProgress),
			Attempt: in.Before + in.Made + 1, At: c.started, After: c.after}); err != nil {
			return TaskOutcome{}, err
		}
	}
	return a.attempt(ctx, s, in, c)
}

// item returns an element. The elements are evaluated once a process.
func (a *activities) item(ctx context.Context, s *session, in *TaskInput) (any, error) {
	elements, err := s.elementsOf(ctx, in.Task)
	if err != nil {
		return nil, err
	}
	if in.Element >= len(elements) {
		return nil, errors.New("for_each has fewer elements than it had at first")
	}
	return elements[in.Element], nil
}

// call is what an attempt needs besides its input.
type call struct {
	item    any   // of an element
	after   int64 // the number of the last transition
	started time.Time
	resumed bool // the attempt before was lost, or its worker was stopped
}

// unfinished reports whether an attempt has begun by the record, and nothing is
// known of its end.
func unfinished(last *store.Transition) bool {
	return last != nil && chain.State(last.State) == chain.InProgress && (last.Problem == nil || last.Problem.Type == string(executors.Interrupted))
}

// attempt calls the executor, and records how the call ended.
func (a *activities) attempt(ctx context.Context, s *session, in *TaskInput, c call) (TaskOutcome, error) {
	n, after := in.Made+1, c.after
	r := s.Attempt(ctx, engine.Attempt{Task: in.Task, Element: in.Element, Item: c.item, Before: in.Before, Number: n, Resumed: c.resumed})
	now := time.Now()
	if r.State == chain.InProgress { // another attempt follows
		seq, err := a.append(ctx, in, store.Transition{Task: in.Task, Element: in.Element + 1, State: string(chain.InProgress), Attempt: r.Attempts,
			At: now, Problem: engine.Noted(r.Outcome), Next: now.Add(r.Pause), After: after})
		return TaskOutcome{State: chain.InProgress, Made: n, Pause: max(r.Pause, time.Millisecond), After: seq}, err
	}
	if r.Stopped && len(r.Outcome.Result) == 0 && (r.State == chain.Cancelled || r.Repeatable && r.Outcome.Err.Type == executors.Interrupted) {
		out := a.stopped(ctx, in, r.Repeatable)
		out.After = after
		if out.State == chain.Pending {
			out.State = chain.InProgress // by its record
		}
		return out, nil
	}
	if in.Before+n > r.Attempts && r.State == chain.Completed {
		r.Attempts = in.Before + n
	}
	end := a.ending(in, r, now, after)
	end.Started = c.started
	seq, err := a.append(ctx, in, end)
	return TaskOutcome{State: r.State, Made: n, After: seq}, err
}

// stopped returns the outcome of an attempt that was stopped and left nothing on
// record: it is to be made again, because the worker is being stopped, or the
// workflow records its end.
func (a *activities) stopped(ctx context.Context, in *TaskInput, repeatable bool) TaskOutcome {
	if repeatable && errors.Is(context.Cause(ctx), engine.Interrupted) {
		return TaskOutcome{State: chain.Pending, Made: in.Made, After: in.After}
	}
	return TaskOutcome{State: chain.Cancelled, Unrecorded: true, Made: in.Made, After: in.After}
}

// ending returns the transition of the end of a task or of an element.
func (a *activities) ending(in *TaskInput, r engine.Report, now time.Time, after int64) store.Transition {
	t := store.Transition{Task: in.Task, Element: in.Element + 1, State: string(r.State), Attempt: r.Attempts, At: now, After: after,
		Result: r.Outcome.Result, Size: len(r.Outcome.Result), Problem: engine.Noted(r.Outcome)}
	if r.State == chain.Skipped {
		t.Skip = &store.Skip{Reason: chain.ReasonCondition}
	}
	return t
}

// end records the end of a task that made no call.
func (a *activities) end(ctx context.Context, in *TaskInput, state chain.State, begin store.Transition, r engine.Report) (TaskOutcome, error) {
	r.Attempts = max(r.Attempts, in.Before)
	end := a.ending(in, r, begin.At, begin.After)
	list := []store.Transition{end}
	if state == chain.Pending && r.State != chain.Skipped {
		list = []store.Transition{begin, end}
	}
	seq, err := a.append(ctx, in, list...)
	return TaskOutcome{State: r.State, Made: in.Made, After: seq}, err
}
