package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
)

// Peer is what a transport offers for one request. It is a value of the
// context.
type Peer struct {
	// Notify writes one JSON-RPC notification on the request's own stream
	// before it returns. It fails after the reply was sent. Nil: the stream
	// carries no notifications.
	Notify func(message []byte) error
	// Ask asks the person behind the client a question while the request is in
	// flight, and waits for the answer. The error is a *tools.CannotAskError if
	// the client can't ask. Nil: the client can't ask.
	Ask func(ctx context.Context, question *tools.Question) (tools.Decision, error)
}

type peerKey struct{}

// WithPeer returns a context that carries the peer.
func WithPeer(ctx context.Context, peer *Peer) context.Context {
	return context.WithValue(ctx, peerKey{}, peer)
}

// PeerFrom returns the context's peer, or a peer without capabilities.
func PeerFrom(ctx context.Context) *Peer {
	if peer, ok := ctx.Value(peerKey{}).(*Peer); ok {
		return peer
	}
	return &Peer{}
}

// Handle answers a request on stdio: a tools/call itself, others through the
// SDK. It returns nil if there is no reply. For givenUp, which may be nil, see
// Call.GivenUp.
func (s *Server) Handle(ctx context.Context, m *jsonrpc.Message, givenUp func(reply []byte)) []byte {
	if m.Method == ToolsCall && s.AnswersCalls() {
		call, refusal := Decode(m)
		if refusal == nil {
			call.GivenUp = givenUp
			var reply []byte
			if reply, refusal = s.Call(ctx, call); refusal == nil {
				return reply
			}
		}
		return refusal.Reply(m.ID)
	}
	ctx, refusal := withRefusal(ctx)
	answer := s.sdk.HandleMessage(ctx, m.Raw)
	if refusal.Code != 0 {
		return refusal.Reply(m.ID)
	}
	return encodeMessage(m.ID, answer)
}

// Call answers a call. The tool checks it, a person is asked if the tool
// requires it, and then exactly the checked call is started. The error is for
// calls that reach no tool.
func (s *Server) Call(ctx context.Context, c *Call) (reply []byte, refusal *jsonrpc.Error) {
	req := &tools.Request{Arguments: c.Arguments, Trace: c.trace}
	peer, ended := PeerFrom(ctx), func() {}
	if c.token != nil && peer.Notify != nil {
		reporter := newReporter(c.token, peer.Notify)
		ended = sync.OnceFunc(reporter.close)
		defer ended()
		req.OnProgress = reporter.report
	}
	if c.GivenUp != nil {
		req.GivenUp = func(res *tools.Result) {
			ended()
			c.GivenUp(s.encode(c, res))
		}
	}
	pending, ok := s.set.Prepare(ctx, c.Name, req)
	if !ok {
		return nil, &jsonrpc.Error{Code: mcp.INVALID_PARAMS, Message: fmt.Sprintf("tool %q not found: tools/list names the tools", c.Name)}
	}
	if pending.Question != nil {
		no, state := s.confirm(ctx, c, pending, peer)
		switch {
		case state != "":
			return s.encodeQuestion(c, pending.Question, state), nil
		case no != nil:
			return s.encode(c, no), nil
		}
	}
	return s.encode(c, pending.Start(ctx)), nil
}

// encode is the only encoder of results. The text and the structured content
// are the same bytes.
func (s *Server) encode(c *Call, res *tools.Result) []byte {
	raw := res.Encode()
	b := begin(make([]byte, 0, len(raw)*5/2+len(c.ID)+256), c.ID)
	b = plainjson.AppendString(append(b, `"content":[{"type":"text","text":`...), string(raw))
	b = append(append(b, `}],"structuredContent":`...), raw...)
	if res.IsError() {
		b = append(b, `,"isError":true`...)
	}
	return s.end(b, c, "complete")
}

// encodeQuestion returns the reply to a modern call that requires a
// confirmation. The client calls again with the answer and the state.
func (s *Server) encodeQuestion(c *Call, q *tools.Question, state string) []byte {
	b := append(begin(nil, c.ID), `"content":[],"inputRequests":{"`+questionID+`":{`...)
	b = append(appendElicitation(b, q), `}},"requestState":`...)
	return s.end(plainjson.AppendString(b, state), c, "input_required")
}

func begin(b []byte, id json.RawMessage) []byte {
	b = append(append(b, `{"jsonrpc":"2.0","id":`...), id...)
	return append(b, `,"result":{`...)
}

func (s *Server) end(b []byte, c *Call, resultType string) []byte {
	if Modern(c.Version) {
		b = append(append(append(b, `,"resultType":"`...), resultType...), `","_meta":`...)
		b = append(b, s.identity()...)
	}
	return append(b, "}}"...)
}

// appendElicitation appends the method and the parameters of a question. It has
// no fields to fill in: accepting is the complete answer.
func appendElicitation(b []byte, q *tools.Question) []byte {
	b = plainjson.AppendString(append(b, `"method":"elicitation/create","params":{"message":`...), q.Message)
	return append(b, `,"requestedSchema":{"type":"object","properties":{}}}`...)
}
