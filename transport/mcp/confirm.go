package mcp

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools"
)

// questionID is the id of the only question in a reply, and of its response.
const questionID = "confirm"

// confirm asks a call's question, in the form that the call's revision has. It
// returns the result of a refused call, or the state if the reply must be the
// question. If it returns neither, the call may be started.
func (s *Server) confirm(ctx context.Context, c *Call, pending *tools.Pending, peer *Peer) (no *tools.Result, state string) {
	if Modern(c.Version) {
		return s.round(ctx, c, pending)
	}
	if peer.Ask == nil {
		return pending.Answer("", &tools.CannotAskError{Reason: "the client does not declare elicitation"}), ""
	}
	return pending.Ask(ctx, s.answerWithin, func(ctx context.Context, question *tools.Question) (tools.Decision, error) {
		reply, err := peer.Ask(ctx, question)
		return reply.Decision, err
	}), ""
}

// round handles one round of a modern call: the reply to the first is the
// question, and the next one has the person's answer.
func (s *Server) round(ctx context.Context, c *Call, pending *tools.Pending) (no *tools.Result, state string) {
	if !showsForms(c.capabilities) {
		return pending.Answer("", &tools.CannotAskError{Reason: "the call does not declare the client capability elicitation"}), ""
	}
	binding := stateBinding{
		Tool: c.Name, Arguments: pending.CanonicalArguments(), Principal: tools.CallerFrom(ctx).Principal, Subject: pending.Question.Subject,
	}
	said, given, err := decided(c.responses)
	switch {
	case err != nil:
		return pending.Answer("", err), ""
	case c.state == "" || !given:
		state, err := s.states.issue(ctx, binding)
		if err != nil {
			return pending.Answer("", unkept(err)), ""
		}
		return nil, state
	}
	var unusable *executors.Error
	switch err := s.states.redeem(ctx, c.state, binding); {
	case errors.As(err, &unusable):
		return pending.Answer("", unusable), ""
	case err != nil:
		return pending.Answer("", executors.Errorf(executors.PermissionDenied, "the requestState is refused: %w; nothing was started", err).
			WithField("requestState").WithHint("call the tool again without requestState and inputResponses: the person is then asked again")), ""
	}
	return pending.Answer(said.Decision, nil), ""
}

// showsForms reports whether a client with these capabilities shows forms. A
// client that declares elicitation without a mode does.
func showsForms(capabilities json.RawMessage) bool {
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

// decided reads the person's decision from a client's responses, and reports
// whether it is there.
func decided(responses json.RawMessage) (said tools.Reply, given bool, err error) {
	var all map[string]json.RawMessage
	if len(responses) > 0 && json.Unmarshal(responses, &all) != nil {
		return said, false, wrongResponse("inputResponses", "must be an object")
	}
	raw, given := all[questionID]
	if !given {
		return said, false, nil
	}
	if said, err = readDecision(raw); err != nil {
		return said, false, wrongResponse("inputResponses."+questionID, err.Error())
	}
	return said, true, nil
}

func wrongResponse(field, reason string) error {
	return executors.Errorf(executors.ValidationError, "%s %s; nothing was started", field, reason).WithField(field)
}

// readDecision reads the result of an elicitation.
func readDecision(raw json.RawMessage) (tools.Reply, error) {
	var response struct {
		Action  tools.Decision  `json:"action"`
		Content json.RawMessage `json:"content"`
	}
	if json.Unmarshal(raw, &response) == nil {
		switch response.Action {
		case tools.Accepted, tools.Declined, tools.Dismissed:
			return tools.Reply{Decision: response.Action, Content: response.Content}, nil
		}
	}
	return tools.Reply{}, errors.New("must have an action: accept, decline or cancel")
}
