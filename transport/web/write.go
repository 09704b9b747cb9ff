package web

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/schedule"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/tools"
)

// callable are the tools that the page calls.
var callable = []string{tools.RunTaskTree, tools.CancelRun, tools.RetryRun, tools.SetSchedule}

// asking is the answer to a write that a person has to agree to first. The page
// shows the message, and sends the write again with the subject as agreed.
type asking struct {
	Question struct {
		Message string `json:"message"`
		Subject string `json:"subject"`
	} `json:"question"`
}

// wish is the body of a write.
type wish struct {
	Arguments json.RawMessage `json:"arguments"`
	// Agreed is the subject of the question that the person has agreed to.
	Agreed string `json:"agreed"`
}

func readWish(body json.RawMessage) (*wish, error) {
	w := &wish{}
	if err := json.Unmarshal(body, w); err != nil {
		return nil, executors.Errorf(executors.ValidationError, "the body must be an object with arguments and agreed: %w", err)
	}
	return w, nil
}

// callTool calls a tool as an MCP client does: with its scopes, its selection and
// its questions.
func (p *Page) callTool(r *http.Request, body json.RawMessage) (any, error) {
	given, err := readWish(body)
	if err != nil {
		return nil, err
	}
	tool := r.PathValue("tool")
	if !slices.Contains(callable, tool) {
		return nil, executors.Errorf(executors.NotFound, "the page does not call the tool %q", tool)
	}
	if tool == tools.SetSchedule {
		return p.setSchedule(r.Context(), given)
	}
	return p.call(r.Context(), tool, given)
}

// call calls a tool. If a person has to agree and has not, it returns the
// question.
func (p *Page) call(ctx context.Context, tool string, given *wish) (any, error) {
	if err := needs(ctx, p.opts.Set.Needs(tools.CallerFrom(ctx).Scopes, tool, given.Arguments)...); err != nil {
		return nil, err
	}
	pending, ok := p.opts.Set.Prepare(ctx, tool, &tools.Request{Arguments: given.Arguments})
	if !ok {
		return nil, executors.Errorf(executors.PermissionDenied, "%s is not published on this server", tool).
			WithHint("the operator publishes it with toolsets, tools or exclude_tools")
	}
	return start(ctx, pending, given)
}

// launchWait is how long a write waits for the work that it starts.
const launchWait = 200 * time.Millisecond

// start asks the question of a call, or starts it. A call that takes long goes on
// after the answer.
func start(ctx context.Context, pending *tools.Pending, given *wish) (any, error) {
	if question := pending.Question; question != nil {
		if given.Agreed != question.Subject {
			a := &asking{}
			a.Question.Message, a.Question.Subject = question.Message, question.Subject
			return a, nil
		}
		if refused := pending.Answer(tools.Accepted, nil); refused != nil {
			return nil, refused.Err
		}
	}
	res, id := pending.Launch(ctx, launchWait)
	if res == nil {
		return map[string]string{"status": tools.StatusInProgress, "run_id": id}, nil
	}
	if res.IsError() && res.RunID == "" {
		return nil, res.Err
	}
	return res.Encode(), nil
}

// maySchedule reports whether a person, or who has the tool, may change schedules.
func (p *Page) maySchedule(person bool, scopes tools.Scopes) bool {
	if p.opts.Set.Schedules() == nil || !scopes.Allow(tools.ScopeSchedulesWrite) {
		return false
	}
	_, published := p.opts.Set.Lookup(tools.SetSchedule)
	return person || published
}

// setSchedule changes a schedule. The tool is off by default, because models call
// tools; a person who has logged in may do it anyway.
func (p *Page) setSchedule(ctx context.Context, given *wish) (any, error) {
	caller := tools.CallerFrom(ctx)
	if err := needs(ctx, tools.ScopeSchedulesWrite); err != nil {
		return nil, err
	}
	if !p.maySchedule(isPerson(ctx), caller.Scopes) {
		return nil, executors.Errorf(executors.PermissionDenied, "only a person who has logged in may change schedules here").
			WithHint("open the page with chainwright ui, or with the link of chainwright serve --login-link")
	}
	var change struct{ Tree, Action string }
	if err := json.Unmarshal(given.Arguments, &change); err != nil {
		return nil, executors.Errorf(executors.ValidationError, "arguments must be an object with tree and action: %w", err).WithField("arguments")
	}
	switch {
	case isPerson(ctx):
	case change.Action == schedule.Enable, change.Action == schedule.Resume:
		return nil, executors.Errorf(executors.PermissionDenied, "only a person who has logged in may %s a schedule: without a token, anybody on this machine could", change.Action).
			WithHint("open the page with chainwright ui, or with the link of chainwright serve --login-link; or run chainwright schedules " + change.Action + " TREE")
	default:
		return p.call(ctx, tools.SetSchedule, given)
	}
	switch change.Action {
	case schedule.Enable, schedule.Pause, schedule.Resume, schedule.Disable:
	default:
		return nil, executors.Errorf(executors.ValidationError, "action must be enable, pause, resume or disable; got %q", change.Action).WithField("action")
	}
	return start(ctx, p.opts.Set.PrepareSchedule(ctx, schedule.Change{
		Tree: change.Tree, Action: change.Action, Principal: caller.Principal, Local: caller.Principal == "",
	}), given)
}

// runAgain starts the work of a run anew, as another run with the same inputs.
func (p *Page) runAgain(r *http.Request, body json.RawMessage) (any, error) {
	ctx := r.Context()
	given, err := readWish(body)
	if err != nil {
		return nil, err
	}
	if err := needs(ctx, tools.ScopeRunsRead); err != nil {
		return nil, err
	}
	view, err := p.opts.Runner.Get(ctx, r.PathValue("id"), tools.CallerFrom(ctx).Principal, chain.ResultsUpTo(1))
	if err != nil {
		return nil, err
	}
	if view.Call {
		return p.call(ctx, view.Tasks[0].Executor, &wish{Arguments: view.Inputs, Agreed: given.Agreed})
	}
	given.Arguments = againArguments(view)
	return p.call(ctx, tools.RunTaskTree, given)
}

// againArguments are the arguments with which run_task_tree does the work of a run
// again. Its tree is a list of tasks or a whole document.
func againArguments(view *chain.RunView) json.RawMessage {
	arguments := map[string]any{"wait_seconds": 0}
	if view.Source[0] == '[' {
		arguments["tasks"] = view.Source
	} else {
		arguments["document"] = view.Source
	}
	if len(view.Inputs) > 0 && view.Inputs[0] == '{' {
		arguments["inputs"] = view.Inputs
	}
	return plainjson.Must(arguments)
}

// answerTask answers the question of a task as a person does on the page.
func (p *Page) answerTask(r *http.Request, body json.RawMessage) (any, error) {
	ctx := r.Context()
	if err := needs(ctx, tools.ScopeApprove); err != nil {
		return nil, err
	}
	if !isPerson(ctx) {
		return nil, executors.Errorf(executors.PermissionDenied, "only a person who has logged in may answer: without a token, anybody on this machine could").
			WithHint("open the page with chainwright ui, or with the link of chainwright serve --login-link; or answer with chainwright approve")
	}
	var given struct {
		Decision, Reason, Digest string
		Value                    json.RawMessage
	}
	if err := json.Unmarshal(body, &given); err != nil {
		return nil, executors.Errorf(executors.ValidationError, "the body must be an object with decision, digest, value and reason: %w", err)
	}
	answer := chain.Answer{Way: chain.WayPage, Principal: tools.CallerFrom(ctx).Principal, Reason: given.Reason, Shown: given.Digest}
	switch given.Decision {
	case "approve":
		answer.Decision = chain.Approved
		if string(given.Value) != "null" {
			answer.Value = given.Value
		}
	case "reject":
		answer.Decision = chain.Rejected
	default:
		return nil, executors.Errorf(executors.ValidationError, "decision must be approve or reject; got %q", given.Decision).WithField("decision")
	}
	if given.Digest == "" {
		return nil, executors.Errorf(executors.ValidationError, "digest is required: that of the question that the person saw").WithField("digest")
	}
	task, err := p.opts.Runner.Answer(ctx, r.PathValue("id"), r.PathValue("task"), answer)
	if err != nil {
		return nil, err
	}
	return map[string]any{"task": task}, nil
}
