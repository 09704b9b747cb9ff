package tools

import (
	"context"
	"slices"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// AnswerRun is the tool that answers the questions of runs which others started.
// It is published only if policy.approvals.tool is true.
const AnswerRun = "answer_run"

// answerRun implements the tool.
func (r *runs) answerRun(ctx context.Context, req *Request) *Result {
	args, err := resolve(r.defs[AnswerRun], req.Arguments, "value")
	if err != nil {
		return Failure(err)
	}
	if text(args, "decision") == "" {
		return r.othersWaiting(ctx, text(args, "run_id"), req)
	}
	for _, name := range []string{"run_id", "task"} {
		if text(args, name) == "" {
			return Failure(executors.Errorf(executors.ValidationError, "%s is required with decision", name).WithField(name).
				WithHint("without decision the tool lists what waits"))
		}
	}
	answer := chain.Answer{
		Decision: chain.Approved, Way: chain.WayTool, Principal: req.Principal, Reason: text(args, "reason"), Shown: text(args, "digest"),
	}
	if text(args, "decision") == "reject" {
		answer.Decision = chain.Rejected
	}
	if value, given := args["value"]; given {
		answer.Value = plainjson.Must(value)
	}
	task, answerErr := r.set.opts.Runner.Answer(ctx, text(args, "run_id"), text(args, "task"), answer)
	if answerErr != nil {
		return Failure(executors.AsError(answerErr))
	}
	return encoded(map[string]any{"task": task})
}

// othersWaiting lists what waits in the runs of other principals.
func (r *runs) othersWaiting(ctx context.Context, id string, req *Request) *Result {
	list, err := r.set.opts.Runner.Approvals(ctx, chain.ApprovalOptions{RunID: id, Anyone: true})
	if err != nil {
		return Failure(executors.AsError(err))
	}
	list = slices.DeleteFunc(list, func(w chain.WaitingTask) bool { return w.Principal == req.Principal })
	if list == nil {
		list = []chain.WaitingTask{}
	}
	return encoded(map[string]any{"waiting": list})
}
