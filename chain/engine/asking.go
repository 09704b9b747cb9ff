package engine

import (
	"context"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/internal/step"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

// asked is the question of a task that waits for an answer. Nothing else of the
// task is in memory: it has no worker and no permits.
type asked struct {
	task int
	seq  int64     // of the transition that asked
	at   time.Time // when
	// until is when it times out; zero: never. expiring means that this is being
	// recorded.
	until    time.Time
	expiring bool
}

// question evaluates what a task asks a person.
func (w *worker) question(ctx context.Context, u unit, t *chain.Task) report {
	if t.When != nil {
		if r := w.condition(ctx, u, t); r.state != chain.InProgress {
			return r
		}
	}
	q, err := step.Ask(ctx, t, w.run.results.env(u), w.run.engine.opts.Registry.Policy())
	if err != nil {
		return refused(u, err)
	}
	return report{state: chain.Waiting, question: q}
}

// ask records the question of a task, which waits for the answer from now on.
func (x *run) ask(task int, q *step.Question) {
	at := &x.tasks[task]
	asks := questionOf(x.tree.Tasks[task].Approval, q, x.now)
	x.plan.Wait(task)
	x.plan.Changes()
	at.started = x.now
	at.attempts++
	seq := x.record(store.Transition{Task: task, State: string(chain.Waiting), Attempt: at.attempts, Approval: &store.Approval{Question: asks}})
	x.waitFor(&asked{task: task, seq: seq, at: x.now, until: asks.Until})
	x.recorder.urgent = true
	x.recorder.countedAt = time.Time{} // lists find the run by its counts
}

// questionOf returns a question for the store.
func questionOf(a *chain.Approval, q *step.Question, now time.Time) *store.Question {
	asks := &store.Question{Message: q.Message, Inputs: q.Inputs, Schema: q.Schema, Digest: q.Digest}
	if a.Timeout > 0 {
		asks.Until, asks.OnTimeout = now.Add(a.Timeout).UTC(), a.OnTimeout
	}
	return asks
}

// timedOut returns the answer to a question whose time is over.
func timedOut(runID string, task int, asked int64, now time.Time) store.Answer {
	return store.Answer{ID: newID(), RunID: runID, Task: task, Asked: asked, Decision: string(chain.TimedOut), Way: string(chain.WayTimeout), At: now.UTC()}
}

// waitFor adds a question.
func (x *run) waitFor(q *asked) {
	if x.asked == nil {
		x.asked = map[int]*asked{}
	}
	x.asked[q.task] = q
	x.asking.Store(int64(len(x.asked)))
}

// noteQuestions finds the questions of tasks that wait in a run that was taken
// over.
func (x *run) noteQuestions(list []store.Transition, states []chain.State) {
	for i := range list {
		t := &list[i]
		if t.Task < 0 || t.State != string(chain.Waiting) || states[t.Task] != chain.Waiting || t.Approval == nil || t.Approval.Question == nil {
			continue
		}
		x.waitFor(&asked{task: t.Task, seq: t.Seq, at: t.At, until: t.Approval.Question.Until})
		x.tasks[t.Task].started = t.At
	}
}

// answer ends a task with the answer to its question. Other answers are ignored:
// the store has decided which one counts.
func (x *run) answer(a *store.Answer) {
	q := x.asked[a.Task]
	if q == nil || q.seq != a.Asked || x.closing || x.recorder.final > 0 {
		return
	}
	x.forget(a.Task)
	state, out := outcomeOf(x.tree.Tasks[a.Task].Approval, a)
	kept := *a
	kept.Value = nil // it is the result
	x.tasks[a.Task].answered = &kept
	x.end(a.Task, state, out, x.tasks[a.Task].attempts, x.now, nil)
}

// outcomeOf returns how a task ends with an answer to its question.
func outcomeOf(asked *chain.Approval, a *store.Answer) (chain.State, executors.Outcome) {
	switch chain.Decision(a.Decision) {
	case chain.Rejected:
		return chain.Failed, executors.Outcome{Err: step.RejectedBy(chain.Way(a.Way), a.Principal, a.Reason)}
	case chain.TimedOut:
		return step.Unanswered(asked)
	}
	return chain.Completed, executors.Outcome{Result: a.Value}
}

// forget removes a question.
func (x *run) forget(task int) {
	delete(x.asked, task)
	x.asking.Store(int64(len(x.asked)))
}

// stopAsking ends the tasks that wait, of those that were told to stop.
func (x *run) stopAsking(which map[int]bool, err *executors.Error) {
	for task := range x.tree.Tasks { // in order
		if x.asked[task] != nil && which[task] {
			x.forget(task)
			x.end(task, chain.Cancelled, executors.Outcome{Err: err}, x.tasks[task].attempts, x.now, nil)
		}
	}
}

// unask sets tasks that wait back to pending, because the run ends as
// interrupted: a retry asks again.
func (x *run) unask() {
	for task := range x.tree.Tasks { // in order
		if x.asked[task] != nil {
			x.forget(task)
			x.setPending(task)
		}
	}
}

// askedOverdue records that questions have timed out. The store decides whether
// an answer came first.
func (x *run) askedOverdue() {
	for _, q := range x.asked {
		if q.until.IsZero() || q.until.After(x.now) || q.expiring {
			continue
		}
		q.expiring = true
		r := x.engine
		late := timedOut(x.row.ID, q.task, q.seq, x.now)
		x.expiries.Go(func() {
			first, err := r.opts.Store.Answer(context.WithoutCancel(x.base), late)
			x.inbox.post(func() {
				if q.expiring = false; err == nil {
					x.answer(first)
				} else {
					r.opts.Log.Warn().Err(err).Str("run_id", x.row.ID).Msg("could not record that a question has timed out")
				}
			})
		})
	}
}
