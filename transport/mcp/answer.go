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
	Ask func(ctx context.Context, question *tools.Question) (tools.Reply, error)
	// Version is the revision of a request whose message names none; "": that of
	// the context's session.
	Version string
	// Feed returns the feed of the client's session, or nil. Nil: the client has
	// no session.
	Feed func() *Feed
	// ShowsUI reports whether the client's handshake declares the extension for
	// user interfaces. Nil: that is in the context's session, or in the message.
	ShowsUI func() bool
}

type peerKey struct{}

type pageKey struct{}

// WithPage returns a context that carries the address of the page which the same
// server serves, with a slash at its end.
func WithPage(ctx context.Context, address string) context.Context {
	return context.WithValue(ctx, pageKey{}, address)
}

// pageFrom returns the address of the page; "": there is none.
func pageFrom(ctx context.Context) string {
	address, _ := ctx.Value(pageKey{}).(string)
	return address
}

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
	if s.telemetry != nil {
		inside, end := s.Observe(ctx, m)
		defer func() { end(nil) }()
		ctx = inside
	}
	if reply, refusal, ok := s.own(ctx, m, givenUp); refusal != nil {
		operationOf(ctx).refused(refusal.Code)
		return refusal.Reply(m.ID)
	} else if ok {
		return reply
	}
	ctx, refusal := withRefusal(ctx)
	answer := s.sdk.HandleMessage(ctx, m.Raw)
	if refusal.Code != 0 {
		return refusal.Reply(m.ID)
	}
	if failed, ok := answer.(mcp.JSONRPCError); ok {
		operationOf(ctx).refused(failed.Error.Code)
	}
	return encodeMessage(m.ID, answer)
}

// own answers the requests that the SDK does not get. It reports false for others.
func (s *Server) own(ctx context.Context, m *jsonrpc.Message, givenUp func(reply []byte)) (reply []byte, refusal *jsonrpc.Error, ok bool) {
	switch {
	case m.Method == ToolsCall:
		call, refusal := Decode(m)
		if !s.Answers(ctx, call) {
			return nil, nil, false
		}
		if refusal == nil {
			call.GivenUp = givenUp
			reply, refusal = s.Call(ctx, call)
		}
		return reply, refusal, true
	case IsTask(m):
		reply, refusal = s.Task(ctx, DecodeTask(m))
		return reply, refusal, true
	case s.Subscribes(m):
		reply, refusal = s.Subscribe(ctx, m)
		return reply, refusal, true
	}
	return nil, nil, false
}

// Call answers a call. The tool checks it, a person is asked if the tool
// requires it, and then exactly the checked call is started. The error is for
// calls that reach no tool.
func (s *Server) Call(ctx context.Context, c *Call) (reply []byte, refusal *jsonrpc.Error) {
	switch {
	case s.set == nil:
		return s.callFor(ctx, c)
	case s.telemetry == nil:
		return s.call(ctx, c)
	}
	ctx, op := s.beginCall(ctx, c)
	reply, refusal = s.call(ctx, c)
	op.end(refusal)
	return reply, refusal
}

func (s *Server) call(ctx context.Context, c *Call) (reply []byte, refusal *jsonrpc.Error) {
	if c.task != nil {
		if refusal := s.asksForTask(ctx, c); refusal != nil {
			return nil, refusal
		}
	}
	if s.ui.reads(c) {
		return s.ui.read(ctx, s, c), nil
	}
	s.ui.repeats(ctx, c)
	shown, wrong := s.ui.started(&c)
	if wrong != nil {
		return s.encode(c, tools.Failure(wrong)), nil
	}
	req := &tools.Request{Arguments: c.Arguments, Trace: c.trace}
	peer, ended := PeerFrom(ctx), func() {}
	if c.token != nil && peer.Notify != nil {
		reporter := newReporter(c.token, running+c.Name, peer.Notify)
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
	s.asks(c, req, peer)
	if reply, ok := s.answered(ctx, c, req); ok {
		return reply, nil
	}
	pending, ok := s.set.Prepare(ctx, c.Name, req)
	if !ok {
		return nil, &jsonrpc.Error{Code: mcp.INVALID_PARAMS, Message: fmt.Sprintf("tool %q not found: tools/list names the tools", c.Name)}
	}
	if shown != "" {
		if res := otherPlan(pending, shown); res != nil {
			return s.encode(c, res), nil
		}
	}
	if pending.Question != nil {
		no, state := s.confirm(ctx, c, pending, peer)
		switch {
		case state != "":
			return s.encodeQuestion(c, pending.Question, state), nil
		case no != nil:
			return s.refuse(ctx, c, no)
		}
	}
	if c.task != nil || len(c.capabilities) > len("{}") {
		return s.start(ctx, c, pending)
	}
	return s.told(ctx, c, pending.Start(ctx)), nil
}

// encode is the only encoder of results. The text and the structured content
// are the same bytes.
func (s *Server) encode(c *Call, res *tools.Result) []byte {
	c.noted(res)
	raw := res.Encode()
	b := appendEncoded(begin(make([]byte, 0, len(raw)*5/2+len(c.ID)+256), c.ID), raw, res.IsError())
	if c.repeated == nil || res.RunID != "" {
		return s.end(b, c, "complete")
	}
	meta := s.meta(c)
	if len(meta) > len("{}") {
		meta = append(meta[:len(meta)-1:len(meta)-1], ',')
	} else {
		meta = []byte("{")
	}
	meta = append(append(append(meta, `"`+repeatedMeta+`":`...), c.repeated...), '}')
	return s.endWith(b, c, "complete", meta)
}

// appendResult appends the members of a result.
func appendResult(b []byte, res *tools.Result) []byte {
	return appendEncoded(b, res.Encode(), res.IsError())
}

func appendEncoded(b []byte, raw json.RawMessage, failed bool) []byte {
	b = plainjson.AppendString(append(b, `"content":[{"type":"text","text":`...), string(raw))
	b = append(append(b, `}],"structuredContent":`...), raw...)
	if failed {
		b = append(b, `,"isError":true`...)
	}
	return b
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
	return s.endWith(b, c, resultType, s.meta(c))
}

// meta returns the _meta of a result; nil: there is none.
func (s *Server) meta(c *Call) json.RawMessage {
	if Modern(c.Version) {
		return s.identity()
	}
	return nil
}

func (s *Server) endWith(b []byte, c *Call, resultType string, meta json.RawMessage) []byte {
	next := func() {
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
	}
	if Modern(c.Version) {
		next()
		b = append(append(append(b, `"resultType":"`...), resultType...), '"')
	}
	if meta != nil {
		next()
		b = append(append(b, `"_meta":`...), meta...)
	}
	return append(b, "}}"...)
}

// appendElicitation appends the method and the parameters of a question. Without
// a form there are no fields to fill in: accepting is the complete answer.
func appendElicitation(b []byte, q *tools.Question) []byte {
	b = plainjson.AppendString(append(b, `"method":"elicitation/create","params":{"message":`...), q.Message)
	if q.Form != nil {
		return append(append(append(b, `,"requestedSchema":`...), q.Form...), '}')
	}
	return append(b, `,"requestedSchema":{"type":"object","properties":{}}}`...)
}
