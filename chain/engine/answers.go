package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/internal/step"
	"github.com/chainwright/chainwright/chain/retry"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/shorten"
)

// Answer implements chain.Engine. The answer goes through the store, so that any
// process can give it and the first one counts; the process that drives the run
// finds it there.
func (r *Engine) Answer(ctx context.Context, runID, taskRef string, given chain.Answer) (*chain.TaskView, error) {
	row, x, _, err := r.anyRow(ctx, runID)
	if err == nil {
		err = mayAnswer(row, &given)
	}
	if err != nil {
		return nil, err
	}
	task, ok := indexIn(row.Tasks, taskRef)
	if !ok {
		return nil, unknownTask(runID, taskRef)
	}
	asks, err := r.question(ctx, row, task)
	if err != nil {
		return nil, err
	}
	a, problem := answerTo(asks, &given)
	if problem != nil {
		return nil, problem
	}
	a.RunID, a.Task, a.Reason = row.ID, task, r.opts.Registry.Policy().RedactString(a.Reason)
	first, err := r.opts.Store.Answer(ctx, *a)
	if err != nil {
		return nil, executors.AsError(fmt.Errorf("answering task %s of run %s: %w", row.Tasks[task].ID, runID, err))
	}
	if first.ID != a.ID {
		return nil, answeredBefore(row.Tasks[task].ID, first)
	}
	switch {
	case x != nil:
		x.inbox.post(func() { x.answer(first) })
	case r.answered != nil:
		r.answered(*first)
	}
	r.look() // if it waits without a process
	return r.taken(ctx, row, task)
}

// mayAnswer refuses an answer whose way is not open to who gives it. The tool is
// for others than the principal that started the run, because that one may be
// the model that asks; a form of the client, and the page, are for this principal only.
func mayAnswer(row *store.Run, given *chain.Answer) error {
	switch given.Way {
	case chain.WayTerminal, chain.WayREST:
	case chain.WayTool:
		if given.Principal == row.Principal {
			return executors.Errorf(executors.PermissionDenied, "who started a run can't answer its questions with a tool: a person does").
				WithHint("ask the person to answer: chainwright approve " + row.ID)
		}
	case chain.WayElicitation, chain.WayPage:
		if given.Principal != row.Principal {
			return unknownRun(row.ID)
		}
	default:
		return executors.Errorf(executors.ValidationError, "there is no way %q to answer", given.Way).WithField("way")
	}
	return nil
}

// question returns the transition with which a task asks its question. It is an
// error if the task does not wait.
func (r *Engine) question(ctx context.Context, row *store.Run, task int) (*store.Transition, error) {
	id := row.Tasks[task].ID
	last, err := r.opts.Store.Last(ctx, row.ID, task)
	if err != nil {
		return nil, readError(row.ID, err)
	}
	switch {
	case last != nil && last.State == string(chain.Waiting) && last.Approval != nil && last.Approval.Question != nil && !chain.State(row.Status).Ended():
		return last, nil
	case last != nil && last.Answered() != nil:
		return nil, answeredBefore(id, last.Answered())
	}
	state := chain.Pending
	if last != nil {
		state = chain.State(last.State)
	}
	return nil, executors.Errorf(executors.ValidationError, "task %s does not wait for an answer: it is %s", id, state).WithField("task").
		WithHint("chainwright approvals lists what waits")
}

// answerTo checks an answer to a question.
func answerTo(asks *store.Transition, given *chain.Answer) (*store.Answer, *executors.Error) {
	q, now := asks.Approval.Question, time.Now()
	a := &store.Answer{
		ID: newID(), Asked: asks.Seq, Decision: string(given.Decision), Way: string(given.Way), Principal: given.Principal,
		Reason: given.Reason, At: now.UTC(), Digest: q.Digest,
	}
	const most = 2000
	switch {
	case given.Shown != "" && given.Shown != q.Digest:
		return nil, executors.Errorf(executors.ValidationError, "the question has changed since it was shown; nothing was answered").WithField("task").
			WithHint("look at it again, then answer")
	case !q.Until.IsZero() && now.After(q.Until):
		return nil, executors.Errorf(executors.ValidationError, "the question timed out at %s", q.Until.Format(time.RFC3339)).WithField("task").
			WithHint("retry_run asks again")
	case len(given.Reason) > most:
		return nil, executors.Errorf(executors.ValidationError, "the reason has %d bytes; at most %d are kept", len(given.Reason), most).WithField("reason")
	case given.Decision == chain.Rejected:
		return a, nil
	case given.Decision != chain.Approved:
		return nil, executors.Errorf(executors.ValidationError, "an answer is approved or rejected; got %q", given.Decision).WithField("decision")
	}
	var problem *executors.Error
	a.Value, problem = step.AnswerOf(q.Schema, given.Value)
	return a, problem
}

func answeredBefore(task string, first *store.Answer) *executors.Error {
	if chain.Decision(first.Decision) == chain.TimedOut {
		return executors.Errorf(executors.ValidationError, "the question of task %s has timed out", task).WithField("task").WithHint("retry_run asks again")
	}
	by := ""
	if first.Principal != "" {
		by = " by " + first.Principal
	}
	return executors.Errorf(executors.ValidationError, "task %s was answered before: %s%s (%s) at %s; the first answer counts", task, first.Decision, by, first.Way,
		first.At.Format(time.RFC3339)).WithField("task")
}

// taken waits until the process that drives the run has taken up an answer, but
// not for long: the answer is durable.
func (r *Engine) taken(ctx context.Context, row *store.Run, task int) (*chain.TaskView, error) {
	limit, cancel := context.WithTimeout(ctx, 4*watchEvery)
	defer cancel()
	for {
		_, v, err := r.TaskResult(context.WithoutCancel(ctx), row.ID, row.Tasks[task].ID, row.Principal)
		if err != nil || v.Status != chain.Waiting || !retry.Sleep(limit, progressEvery/2) {
			return v, err
		}
	}
}

// takeAnswers has the runs of this process take up the answers to their
// questions.
func (r *Engine) takeAnswers(ctx context.Context) {
	if !r.asks() {
		return
	}
	list, err := r.opts.Store.Answers(ctx, r.opts.Owner)
	if err != nil {
		r.opts.Log.Warn().Err(err).Msg("could not read the answers to questions")
	}
	for i := range list {
		if x := r.liveRun(list[i].RunID); x != nil {
			x.inbox.post(func() { x.answer(&list[i]) })
		}
	}
}

// asks reports whether a task of this process waits for an answer.
func (r *Engine) asks() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.live {
		if x.asking.Load() > 0 {
			return true
		}
	}
	return false
}

// approvalsPage is how many runs are read at once to find questions.
const approvalsPage = 200

// Approvals implements chain.Engine.
func (r *Engine) Approvals(ctx context.Context, opts chain.ApprovalOptions) ([]chain.WaitingTask, error) {
	if opts.RunID != "" {
		if x := r.liveRun(opts.RunID); x != nil && x.asking.Load() == 0 && (opts.Anyone || x.row.Principal == opts.Principal) {
			return nil, nil // this is asked often, while a call waits
		}
		row, _, _, err := r.anyRow(ctx, opts.RunID)
		if err != nil {
			return nil, err
		}
		if row.Principal != opts.Principal && !opts.Anyone {
			return nil, unknownRun(opts.RunID)
		}
		return r.waiting(ctx, row)
	}
	r.syncAll()
	var all []chain.WaitingTask
	q := store.Query{Principal: opts.Principal, Anyone: opts.Anyone, Status: string(chain.InProgress), Waiting: true, Limit: approvalsPage}
	for {
		rows, err := r.opts.Store.List(ctx, q)
		if err != nil {
			return nil, executors.AsError(fmt.Errorf("listing the runs that wait: %w", err))
		}
		for i := range rows {
			row, err := r.opts.Store.Run(ctx, rows[i].ID)
			if err != nil {
				continue // it has ended, and was removed
			}
			list, err := r.waiting(ctx, row)
			if err != nil {
				return nil, err
			}
			all = append(all, list...)
		}
		if len(rows) < approvalsPage {
			break
		}
		q.Before = rows[len(rows)-1].ID
	}
	slices.SortStableFunc(all, func(a, b chain.WaitingTask) int { return b.Approval.Since.Compare(*a.Approval.Since) })
	return all, nil
}

// waiting returns the tasks of a run that wait for an answer.
func (r *Engine) waiting(ctx context.Context, row *store.Run) (all []chain.WaitingTask, err error) {
	if chain.State(row.Status).Ended() || row.Counts[string(chain.Waiting)] == 0 {
		return nil, nil
	}
	list, err := r.transitions(ctx, row, 0, 0)
	if err != nil {
		return nil, err
	}
	for _, t := range newView(row, list).Tasks {
		if t.Status == chain.Waiting && t.Approval != nil {
			all = append(all, chain.WaitingTask{RunID: row.ID, Run: row.Name, Principal: row.Principal, Task: t.ID, Name: t.Name, Approval: *t.Approval})
		}
	}
	return all, nil
}

// syncAll has everything stored that happened in this process.
func (r *Engine) syncAll() {
	r.mu.Lock()
	live := make([]*run, 0, len(r.live))
	for _, x := range r.live {
		if x.asking.Load() > 0 {
			live = append(live, x)
		}
	}
	r.mu.Unlock()
	for _, x := range live {
		x.sync()
	}
}

// viewApproval adds to the view of a task what a transition asks or answers.
func viewApproval(before *chain.ApprovalView, t *store.Transition) *chain.ApprovalView {
	if t.Approval == nil {
		return nil
	}
	v := &chain.ApprovalView{}
	if q := t.Approval.Question; q != nil {
		v = &chain.ApprovalView{Message: q.Message, Inputs: q.Inputs, Schema: q.Schema, Since: moment(t.At), Until: moment(q.Until), OnTimeout: q.OnTimeout, Digest: q.Digest}
	} else if before != nil {
		copied := *before
		v = &copied
	}
	if a := t.Approval.Answer; a != nil {
		v.Answer = &chain.AnswerView{Decision: chain.Decision(a.Decision), Way: chain.Way(a.Way), Principal: a.Principal, Reason: a.Reason, At: a.At, Digest: a.Digest}
	}
	return v
}

// askSummaries returns the questions of a run as a list of runs shows them.
func (r *Engine) askSummaries(ctx context.Context, runID, principal string) (all []chain.AskSummary) {
	const most, longest = 5, 200
	list, err := r.Approvals(ctx, chain.ApprovalOptions{RunID: runID, Principal: principal})
	if err != nil {
		return nil // it has ended, or was removed
	}
	for i := range list[:min(len(list), most)] {
		q := &list[i].Approval
		all = append(all, chain.AskSummary{Task: list[i].Task, Message: shorten.Line(q.Message, longest), Since: q.Since, Until: q.Until})
	}
	return all
}
