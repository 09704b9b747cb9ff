//go:build temporal

package temporal

import (
	"context"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/store"
)

// question is that of a task that waits for an answer. It is not in flight.
type question struct {
	asked  int64
	taking bool // its answer is being recorded
}

// ask has a task wait for an answer.
func (d *driver) ask(task int, asked int64, until time.Time) {
	q := &question{asked: asked}
	d.questions[task] = q
	if until.IsZero() {
		return
	}
	left := max(until.Sub(workflow.Now(d.ctx)), 0) + time.Millisecond
	d.selector.AddFuture(workflow.NewTimer(d.ctx, left), func(workflow.Future) {
		if d.questions[task] == q {
			d.take(AnswerInput{Target: d.target(), Task: task, Asked: asked, Late: true})
		}
	})
}

// listenForAnswers waits for signals. They are hints: the answer is in the store,
// and the signal is sent again while it is not taken up.
func (d *driver) listenForAnswers(ctx workflow.Context) {
	d.selector.AddReceive(workflow.GetSignalChannel(ctx, signalAnswer), func(c workflow.ReceiveChannel, _ bool) {
		var in AnswerInput
		c.Receive(d.ctx, &in)
		if q := d.questions[in.Task]; q != nil && q.asked == in.Asked && !q.taking {
			q.taking = true
			in.Target = d.target()
			d.take(in)
		}
	})
}

// take ends a task with the answer to its question.
func (d *driver) take(in AnswerInput) {
	q := d.questions[in.Task]
	d.selector.AddFuture(workflow.ExecuteActivity(d.lasting(), activityAnswer, in), func(f workflow.Future) {
		var state chain.State
		err := f.Get(d.ctx, &state)
		switch {
		case d.questions[in.Task] != q: // it has ended meanwhile
		case err != nil:
			d.lost = err
		case state == chain.Waiting:
			q.taking = false
		default:
			d.ended(&unit{task: in.Task, element: -1}, state, false)
		}
	})
}

// count has the numbers of tasks by state written, at once or some time after the
// last time.
func (d *driver) count(now bool) {
	if d.counting {
		d.stale = d.stale || now
		return
	}
	// The whole record is read for it.
	every := time.Second + time.Duration(len(d.tasks))*time.Millisecond
	if at := workflow.Now(d.ctx); now || at.Sub(d.countedAt) > every {
		d.countedAt, d.counting, d.stale = at, true, false
		workflow.Go(d.ctx, func(ctx workflow.Context) {
			err := workflow.Await(ctx, func() bool { return !d.recording })
			if err == nil {
				err = workflow.ExecuteActivity(d.lasting(), activityRecord, RecordInput{Target: d.target()}).Get(ctx, nil)
			}
			d.counting = false
			if d.stale {
				d.count(true)
			}
			if err != nil && !temporal.IsCanceledError(err) {
				d.lost = err
				d.wake.SendAsync(nil)
			}
		})
	}
}

// ask records the question of a task, which waits from then on. Lists find its run
// by the counts.
func (a *activities) ask(ctx context.Context, s *session, in *TaskInput, begin store.Transition, q *store.Question) (TaskOutcome, error) {
	begin.State, begin.Approval = string(chain.Waiting), &store.Approval{Question: q}
	list, err := a.opts.Store.Transitions(ctx, in.Run, 0, 0)
	if err != nil {
		return TaskOutcome{}, err
	}
	seq, err := a.appendCounts(ctx, in, countsOf(s.Row().Tasks, list, []store.Transition{begin}), begin)
	return TaskOutcome{State: chain.Waiting, After: seq, Until: q.Until}, err
}

// TakeAnswer ends a task with the answer to its question. It returns Waiting if
// there is none.
func (a *activities) TakeAnswer(ctx context.Context, in AnswerInput) (chain.State, error) {
	s, err := a.session(ctx, in.Target)
	if err != nil {
		return "", err
	}
	of := TaskInput{Target: in.Target, Task: in.Task, Element: -1}
	last, err := a.last(ctx, &of)
	switch {
	case err != nil:
		return "", err
	case last == nil || last.Seq < in.Asked:
		return chain.Waiting, nil
	case last.Seq > in.Asked:
		return chain.State(last.State), nil // an attempt before this one has recorded it
	}
	first, err := a.answerTo(ctx, in)
	if err != nil || first == nil {
		return chain.Waiting, err
	}
	r := engine.Report{Attempts: last.Attempt}
	r.State, r.Outcome = s.Outcome(first)
	end := a.ending(&of, r, time.Now(), last.Seq)
	end.Started = last.At
	if r.State == chain.Skipped {
		end.Skip.Reason = chain.ReasonTimeout
	}
	kept := *first
	kept.Value = nil // it is the result
	end.Approval = &store.Approval{Answer: &kept}
	_, err = a.append(ctx, &of, end)
	return r.State, err
}

// answerTo returns the answer that counts, or nil.
func (a *activities) answerTo(ctx context.Context, in AnswerInput) (*store.Answer, error) {
	if in.Late {
		return a.opts.Store.Answer(ctx, engine.TimedOut(in.Run, in.Task, in.Asked))
	}
	list, err := a.opts.Store.Answers(ctx, a.owner)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if at := &list[i]; at.RunID == in.Run && at.Task == in.Task && at.Asked == in.Asked {
			return at, nil
		}
	}
	return nil, nil
}
