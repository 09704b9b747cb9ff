package tools

import (
	"context"
	"errors"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// AnswerWithin is the time limit for the answer to a question.
const AnswerWithin = 5 * time.Minute

// Decision is a person's answer to a question.
type Decision string

// The possible answers, with the names that MCP uses.
const (
	Accepted  Decision = "accept"
	Declined  Decision = "decline"
	Dismissed Decision = "cancel" // the question was closed without an answer
)

// CannotAskError is the error of a question that can't be sent to the person
// behind a client: the reason, and a hint.
type CannotAskError struct{ Reason, Hint string }

// Error returns the reason.
func (n *CannotAskError) Error() string { return n.Reason }

// NotConfirmed refuses a call that no person agreed to.
func NotConfirmed(why string) *executors.Error {
	return executors.Errorf(executors.PermissionDenied, "not confirmed: %s; nothing was started", why)
}

// work is a call that was checked. run executes it.
type work interface {
	run(ctx context.Context) *Result
}

// preparer checks a call. It returns a question if a person has to agree first.
type preparer func(ctx context.Context, req *Request) (work, *Question)

// answered is a call whose result is already known.
type answered Result

func (a *answered) run(context.Context) *Result { return (*Result)(a) }

// refused is a call that can't be made.
func refused(err *executors.Error) work { return (*answered)(Failure(err)) }

// unprepared is a call of a tool without preparation: it starts nothing that
// requires a confirmation.
type unprepared struct {
	handle func(ctx context.Context, req *Request) *Result
	req    *Request
}

func (u *unprepared) run(ctx context.Context) *Result { return u.handle(ctx, u.req) }

func atOnce(handle func(ctx context.Context, req *Request) *Result) preparer {
	return func(_ context.Context, req *Request) (work, *Question) { return &unprepared{handle, req}, nil }
}

// Pending is a call that was checked and not started. It holds no resources and
// is not recorded. A call that can't be made is a Pending too; its Start
// returns the error.
type Pending struct {
	// Question, when set, must be answered by a person. Start refuses the call
	// until Answer has accepted it.
	Question *Question

	set     *Set
	tool    string
	req     *Request
	work    work
	began   time.Time
	agreed  bool
	warning string
}

// Prepare checks a call of a tool for the context's caller. It reports false if
// this caller does not have the tool.
func (s *Set) Prepare(ctx context.Context, name string, req *Request) (*Pending, bool) {
	caller := CallerFrom(ctx)
	tool, ok := s.Lookup(name)
	if ok {
		tool, ok = s.Narrowed(tool, caller.Narrow)
	}
	if !ok {
		return nil, false
	}
	if string(req.Arguments) == "null" {
		req.Arguments = nil // some clients send null for no arguments
	}
	req.Principal = caller.Principal
	p := &Pending{set: s, tool: name, req: req, began: time.Now()}
	defer p.guard(func(failed *Result) { p.work, p.Question = (*answered)(failed), nil })
	p.work, p.Question = tool.prepare(ctx, req)
	return p, true
}

// Run returns the run that the call would start. It reports false if the call
// starts none, or can't be made: then Start returns why.
func (p *Pending) Run() (run chain.PreparedRun, warnings []string, ok bool) {
	if start, ok := p.work.(*runToStart); ok {
		return start.prepared, start.warnings, true
	}
	return nil, nil, false
}

// Start executes the prepared call and returns its result. Call it once.
func (p *Pending) Start(ctx context.Context) (res *Result) {
	if p.Question != nil && !p.agreed {
		return Failure(NotConfirmed("the call was not confirmed"))
	}
	defer p.guard(func(failed *Result) { res = p.finish(failed) })
	return p.finish(p.work.run(ctx))
}

// finish completes the result of the call.
func (p *Pending) finish(res *Result) *Result {
	if res.DurationMS == 0 {
		res.DurationMS = milliseconds(time.Since(p.began))
	}
	if p.warning != "" {
		res.Warnings = append(res.Warnings, p.warning)
	}
	return res
}

// guard catches a panic of the tool. Its text goes to the log, never to the
// caller.
func (p *Pending) guard(failed func(*Result)) {
	if value := recover(); value != nil {
		p.set.opts.Log.Error().Str("tool", p.tool).Interface("panic", value).Stack().Msg("a tool panicked")
		failed(Failure(executors.Errorf(executors.ExecutionError, "%s failed because of a defect in this server", p.tool).
			WithHint("the server's log has the details")))
	}
}

// Ask calls ask, which asks the question and waits for the answer, and passes
// the answer to Answer. It gives up after the given time.
func (p *Pending) Ask(ctx context.Context, within time.Duration, ask func(context.Context, *Question) (Decision, error)) *Result {
	waiting, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	said, err := ask(waiting, p.Question)
	switch {
	case ctx.Err() != nil:
		err = executors.Errorf(executors.Cancelled, "the call was cancelled while the person was being asked; nothing was started")
	case waiting.Err() != nil:
		err = NotConfirmed("the person who was asked did not answer within " + within.String()).WithHint("call it again when a person is there to answer")
	}
	return p.Answer(said, err)
}

// Answer accepts the person's decision, or an error: a *CannotAskError if no
// person can be asked. If the call is refused, it returns the result; it
// returns nil if the call may be started.
func (p *Pending) Answer(said Decision, err error) *Result {
	var cannot *CannotAskError
	switch {
	case errors.As(err, &cannot):
		return p.unasked(cannot)
	case err != nil:
		return p.refuse(executors.AsError(err))
	case said == Accepted:
		p.agreed = true
		p.note("agreed", nil)
		return nil
	}
	why := "the person who was asked declined"
	if said == Dismissed {
		why = "the person who was asked closed the question"
	}
	return p.refuse(NotConfirmed(why).WithHint("do not try to do the same with another tool; ask the person what to do instead"))
}

// unasked applies the policy to a call about which no person can be asked.
func (p *Pending) unasked(cannot *CannotAskError) *Result {
	if why := p.Question.personOnly; why != "" {
		return p.refuse(NotConfirmed(why + ", and no person can be asked: " + cannot.Reason).WithHint(p.Question.otherwise))
	}
	if p.set.opts.Registry.Policy().Confirm() == policy.ConfirmWherePossible {
		p.agreed, p.warning = true, "no person was asked before this call: "+cannot.Reason
		p.note("unasked", nil)
		return nil
	}
	err := NotConfirmed("it may change or delete something that can't be restored, and no person can be asked: " + cannot.Reason)
	if err.Hint = cannot.Hint; err.Hint == "" {
		err.Hint = "use a client that can ask the person (MCP elicitation); or the operator sets policy.confirm to where_possible or never"
	}
	return p.refuse(err)
}

func (p *Pending) refuse(err *executors.Error) *Result {
	p.note("refused", err)
	return &Result{Status: statusOf(err), Err: err, DurationMS: milliseconds(time.Since(p.began))}
}

// note writes the outcome of the question to the audit trail, for each executor
// that it was about.
func (p *Pending) note(status string, err *executors.Error) {
	line := policy.Line{Principal: p.req.Principal, Effect: "destructive", Status: status}
	if err != nil {
		line.ErrorType = string(err.Type)
	}
	for _, id := range p.Question.executors {
		line.Executor = id
		p.set.opts.Registry.Policy().Audit(line)
	}
}

// CanonicalArguments returns the call's arguments in canonical form: equal
// calls have equal texts.
func (p *Pending) CanonicalArguments() string { return canonical(p.req.Arguments) }
