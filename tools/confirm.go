package tools

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools/requeststate"
)

// DefaultAnswerWithin is how long a person may think about a question.
const DefaultAnswerWithin = 5 * time.Minute

// Decision is what a person said to a question.
type Decision string

// What a person can say; clients say it in these words.
const (
	Accepted  Decision = "accept"
	Declined  Decision = "decline"
	Dismissed Decision = "cancel" // the question was put away without an answer
)

// NobodyToAsk says that the person behind a caller can't be asked, why, and
// what helps. Caller.Ask returns it.
type NobodyToAsk struct{ Reason, Hint string }

// Error returns the reason.
func (n *NobodyToAsk) Error() string { return n.Reason }

// Rounds are the rounds that a call of the newest revision may take: the first
// is answered with a question, the next brings what the person said.
type Rounds struct {
	// Capabilities are the client's, as this very call declares them.
	Capabilities json.RawMessage
	// State and Responses are what the client brings back.
	State     string
	Responses json.RawMessage
}

// Elicits reports whether a client of these capabilities shows forms to the
// person behind it. One that only says that it asks at all does.
func Elicits(capabilities json.RawMessage) bool {
	var declared struct {
		Elicitation *struct {
			Form, URL json.RawMessage
		} `json:"elicitation"`
	}
	if json.Unmarshal(capabilities, &declared) != nil || declared.Elicitation == nil {
		return false
	}
	return declared.Elicitation.Form != nil || declared.Elicitation.URL == nil
}

// QuestionID names the one question of an answer, and the response to it.
const QuestionID = "confirm"

// confirmation holds a call until the person behind the caller agrees to what
// it would destroy. The runner tells it what that is, before it starts or
// records anything.
type confirmation struct {
	set      *Set
	req      *Request
	pending  *question // what has to be asked
	approved string    // the subject that was agreed to
	warning  string
}

// Confirms reports whether there are calls about which a person is asked.
func (s *Set) Confirms() bool { return s.states != nil }

// confirmed begins work once nobody has to be asked about it any more. While a
// person thinks nothing is held: begin is refused, and called again. That what
// it would do changes again and again meanwhile is given up on.
func (s *Set) confirmed(ctx context.Context, req *Request, begin func(c *confirmation) *Result) *Result {
	if !s.Confirms() {
		return begin(nil)
	}
	c := &confirmation{set: s, req: req}
	for range 3 {
		res := begin(c)
		if c.pending == nil {
			if c.warning != "" {
				res.Warnings = append(res.Warnings, c.warning)
			}
			return res
		}
		if instead := c.ask(ctx); instead != nil {
			return instead
		}
		c.pending = nil
	}
	return Failure(NotConfirmed("what the call would do changes while it is asked about"))
}

// errUnconfirmed keeps work from beginning; nobody sees it.
var errUnconfirmed = executors.Errorf(executors.PermissionDenied, "a person has to agree first")

// approve lets work begin that destroys nothing, or that was agreed to.
func (c *confirmation) approve(q *question) error {
	if len(q.acts) == 0 {
		return nil
	}
	if c.approved != "" && c.approved == q.subject() {
		return nil
	}
	c.pending = q
	return errUnconfirmed
}

// call is the runner's question about a direct call: with its inputs as they
// hold, and as they were given.
func (c *confirmation) call(ctx context.Context, def *executors.Definition, inputs map[string]any, given json.RawMessage) error {
	if !def.EffectOf(inputs).Destructive {
		return nil
	}
	tree, err := c.set.planned(ctx, def.ID, inputs)
	switch {
	case err != nil:
		return err
	case tree != nil:
		return c.approve(c.set.aboutTasks(ctx, tree, nil, all(tree), def.ID))
	}
	return c.approve(aboutCall(def, given))
}

// run is the runner's question about a tree.
func (c *confirmation) run(ctx context.Context, tree *chain.Tree, inputs map[string]any) error {
	return c.approve(c.set.aboutTasks(ctx, tree, inputs, all(tree), "a task tree"))
}

// again is the runner's question about a retry.
func (c *confirmation) again(ctx context.Context, tree *chain.Tree, inputs map[string]any, tasks []int) error {
	return c.approve(c.set.aboutTasks(ctx, tree, inputs, tasks, "tasks again"))
}

// ask asks in the one way in which this caller can be asked. It returns what
// the call is answered with instead of being made; nil lets it be made.
func (c *confirmation) ask(ctx context.Context) *Result {
	subject := c.pending.subject()
	decision, instead, err := c.put(ctx, subject)
	if instead != nil {
		return instead
	}
	var nobody *NobodyToAsk
	if errors.As(err, &nobody) {
		return c.unasked(nobody, subject)
	}
	switch {
	case err != nil:
		failed := executors.AsError(err)
		c.note("refused", failed)
		return &Result{Status: statusOf(failed), Err: failed}
	case decision == Accepted:
		c.note("agreed", nil)
		c.approved = subject
		return nil
	}
	said := "the person who was asked declined"
	if decision == Dismissed {
		said = "the person who was asked put the question away"
	}
	failed := NotConfirmed(said).WithHint("do not try to reach the same by another way; ask the person what to do instead")
	c.note("refused", failed)
	return Failure(failed)
}

// note leaves lines in the audit trail: what came of the question for each
// executor that it was about.
func (c *confirmation) note(status string, err *executors.Error) {
	line := policy.Line{Principal: c.req.Principal, Effect: "destructive", Status: status}
	if err != nil {
		line.ErrorType = string(err.Type)
	}
	for _, id := range c.pending.executors() {
		line.Executor = id
		c.set.opts.Registry.Policy().Audit(line)
	}
}

// put puts the question: within this call where the revision's server may, or
// as the answer to it.
func (c *confirmation) put(ctx context.Context, subject string) (Decision, *Result, error) {
	if c.req.rounds != nil {
		return c.round(subject)
	}
	ask := CallerFrom(ctx).Ask
	if ask == nil {
		return "", nil, &NobodyToAsk{Reason: "the client does not say that it can ask (elicitation)"}
	}
	limit := c.set.opts.AnswerWithin
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	decision, err := ask(waiting, &Question{Message: c.pending.text(c.set.redact)})
	switch {
	case ctx.Err() != nil:
		err = executors.Errorf(executors.Cancelled, "the call was cancelled while the person was being asked; nothing was started")
	case waiting.Err() != nil:
		err = NotConfirmed("the person who was asked did not answer within " + limit.String()).WithHint("call it again when somebody is there to answer")
	}
	return decision, nil, err
}

// round is one round of a call of the newest revision.
func (c *confirmation) round(subject string) (Decision, *Result, error) {
	rounds := c.req.rounds
	if !Elicits(rounds.Capabilities) {
		return "", nil, &NobodyToAsk{Reason: "the call does not declare the client capability elicitation"}
	}
	binding := requeststate.Binding{
		Tool: c.req.tool, Arguments: canonical(c.req.Arguments), Principal: c.req.Principal, Subject: subject,
	}
	decision, given, err := decided(rounds.Responses)
	switch {
	case err != nil:
		return "", nil, err
	case rounds.State == "" || !given:
		return "", &Result{Question: &Question{
			Message: c.pending.text(c.set.redact), State: c.set.states.Issue(binding),
		}}, nil
	}
	if err := c.set.states.Redeem(rounds.State, binding); err != nil {
		return "", nil, executors.Errorf(executors.PermissionDenied, "the requestState is refused: %w; nothing was started", err).
			WithField("requestState").WithHint("call the tool again without requestState and inputResponses: the person is then asked anew")
	}
	return decision, nil, nil
}

// decided reads what the person said from a client's responses, and whether
// it is among them.
func decided(responses json.RawMessage) (decision Decision, given bool, err error) {
	var all map[string]json.RawMessage
	if len(responses) > 0 && json.Unmarshal(responses, &all) != nil {
		return "", false, wrongResponse("inputResponses", "must be an object")
	}
	raw, given := all[QuestionID]
	if !given {
		return "", false, nil
	}
	decision, err = ReadDecision(raw)
	if err != nil {
		return "", false, wrongResponse("inputResponses."+QuestionID, err.Error())
	}
	return decision, true, nil
}

func wrongResponse(field, reason string) error {
	return executors.Errorf(executors.ValidationError, "%s %s; nothing was started", field, reason).WithField(field)
}

// ReadDecision reads the result of an elicitation.
func ReadDecision(raw json.RawMessage) (Decision, error) {
	var response struct {
		Action Decision `json:"action"`
	}
	if json.Unmarshal(raw, &response) == nil {
		switch response.Action {
		case Accepted, Declined, Dismissed:
			return response.Action, nil
		}
	}
	return "", errors.New("must have an action: accept, decline or cancel")
}

// unasked is what becomes of a call about which nobody can be asked.
func (c *confirmation) unasked(nobody *NobodyToAsk, subject string) *Result {
	if c.set.opts.Registry.Policy().Confirm() == policy.ConfirmWherePossible {
		c.approved = subject
		c.warning = "nobody was asked before this: " + nobody.Reason
		c.note("unasked", nil)
		return nil
	}
	err := NotConfirmed("it may change or delete what can't be brought back, and nobody can be asked: " + nobody.Reason)
	if err.Hint = nobody.Hint; err.Hint == "" {
		err.Hint = "use a client that can ask the person (MCP elicitation); or the operator sets policy.confirm to where_possible or never"
	}
	c.note("refused", err)
	return Failure(err)
}

// NotConfirmed refuses a call that no person agreed to.
func NotConfirmed(why string) *executors.Error {
	return executors.Errorf(executors.PermissionDenied, "not confirmed: %s; nothing was started", why)
}
