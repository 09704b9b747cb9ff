// Package toolcall is the short way from a wire to a tool. The library's
// handler decodes every message four times, which is more than the rest of a
// small call together; a plain call needs nothing of what that finds. What is
// not plain goes the library's way.
package toolcall

import (
	"context"
	"encoding/json"
	"strings"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/jsonrpc"
)

// reserved begins the keys by which the newest revision says what it needs in
// every message.
const reserved = "io.modelcontextprotocol/"

// Call is a plain call of a tool.
type Call struct {
	ID        json.RawMessage
	Name      string
	Arguments json.RawMessage
	// Version is the revision that the message itself names, which those with
	// a handshake don't: the newest one, or none.
	Version string

	token        json.RawMessage
	capabilities json.RawMessage // of the client, in the newest revision
}

// Parse reads a plain call: a request with a name, arguments, at most a
// progress token, and what the newest revision has in every message. It
// reports false for everything else.
func Parse(m *jsonrpc.Message) (call Call, plain bool) {
	if m.Method != string(mcp.MethodToolsCall) || !m.IsRequest() || m.Err != nil {
		return Call{}, false
	}
	call.ID = m.ID
	for key, value := range jsonrpc.Members(m.Params) {
		switch key {
		case "name":
			call.Name = jsonrpc.Text(value)
		case "arguments":
			call.Arguments = value
		case "_meta":
			if !call.meta(value) {
				return Call{}, false
			}
		default:
			return Call{}, false
		}
	}
	return call, call.Name != ""
}

// meta reads what a message says about itself, and reports whether all of it
// is known here, and right.
func (c *Call) meta(raw json.RawMessage) bool {
	for key, value := range jsonrpc.Members(raw) {
		switch key {
		case "progressToken":
			c.token = value
		case mcp.MetaKeyProtocolVersion:
			if c.Version = jsonrpc.Text(value); c.Version != mcp.ProtocolVersion20260728 {
				return false
			}
		case mcp.MetaKeyClientCapabilities:
			if value[0] != '{' {
				return false
			}
			c.capabilities = value
		case mcp.MetaKeyClientInfo:
			if value[0] != '{' {
				return false
			}
		default:
			if strings.HasPrefix(key, reserved) {
				return false
			}
		}
	}
	return (c.capabilities != nil) == (c.Version != "")
}

// Short answers plain calls of a set's tools.
type Short struct {
	set *tools.Set
	// about is what the newest revision has in every result.
	about func() json.RawMessage
}

// New makes the short way to the tools that a server publishes; nil where
// there are none.
func New(set *tools.Set, srv *server.MCPServer) *Short {
	if set == nil {
		return nil
	}
	return &Short{set: set, about: sync.OnceValue(func() json.RawMessage { return about(srv) })}
}

// discover asks a server about itself.
const discover = `{"jsonrpc":"2.0","id":0,"method":"server/discover","params":{"_meta":{` +
	`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`

func about(srv *server.MCPServer) json.RawMessage {
	raw, err := json.Marshal(srv.HandleMessage(context.Background(), json.RawMessage(discover)))
	var reply struct {
		Result struct {
			Meta json.RawMessage `json:"_meta"`
		} `json:"result"`
	}
	if err != nil || json.Unmarshal(raw, &reply) != nil || reply.Result.Meta == nil {
		return json.RawMessage("{}")
	}
	return reply.Result.Meta
}

// Answer calls the tool and gives the reply. It reports false for a tool that
// is not there for this caller.
func (s *Short) Answer(ctx context.Context, c *Call) (reply []byte, ok bool) {
	in := tools.Incoming{Name: c.Name, Arguments: c.Arguments, Token: c.token}
	if c.capabilities != nil && s.set.Confirms() {
		in.Rounds = &tools.Rounds{Capabilities: c.capabilities}
	}
	res, ok := s.set.Answer(ctx, in)
	if !ok {
		return nil, false
	}
	if res.Question != nil {
		return s.asked(c, res.Question), true
	}
	raw := res.Encode()
	b := make([]byte, 0, len(raw)*5/2+len(c.ID)+256)
	b = append(append(b, `{"jsonrpc":"2.0","id":`...), c.ID...)
	b = append(b, `,"result":{"content":[{"type":"text","text":`...)
	b = tools.AppendString(b, string(raw))
	b = append(append(b, `}],"structuredContent":`...), raw...)
	if res.IsError() {
		b = append(b, `,"isError":true`...)
	}
	if c.Version != "" {
		b = append(append(b, `,"resultType":"complete","_meta":`...), s.about()...)
	}
	return append(b, "}}"...), true
}

// asked is the reply to a call about which a person has to be asked first.
// The client brings what they say with another call, which is not plain.
func (s *Short) asked(c *Call, q *tools.Question) []byte {
	b := append(append([]byte(`{"jsonrpc":"2.0","id":`), c.ID...), `,"result":{"resultType":"input_required","content":[],`...)
	b = append(append(b, `"inputRequests":{"`+tools.QuestionID+`":{"method":"elicitation/create","params":`...), q.Params()...)
	b = tools.AppendString(append(b, `}},"requestState":`...), q.State)
	return append(append(append(b, `,"_meta":`...), s.about()...), "}}"...)
}

// Running are the requests that are being answered, so that each can be
// cancelled by its own client: by a scope, which is the client's session, and
// the request's id.
type Running struct {
	mu    sync.Mutex
	calls map[string]*context.CancelFunc
}

// Begin notes a request and gives its context. End it.
func (r *Running) Begin(ctx context.Context, scope string, id json.RawMessage) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancel(ctx)
	key := scope + " " + string(id)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calls == nil {
		r.calls = map[string]*context.CancelFunc{}
	}
	r.calls[key] = &cancel
	return ctx, func() {
		cancel()
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.calls[key] == &cancel {
			delete(r.calls, key)
		}
	}
}

// Cancel handles a notifications/cancelled of a scope.
func (r *Running) Cancel(scope string, m *jsonrpc.Message) {
	for key, value := range jsonrpc.Members(m.Params) {
		if key != "requestId" {
			continue
		}
		r.mu.Lock()
		cancel := r.calls[scope+" "+string(value)]
		r.mu.Unlock()
		if cancel != nil {
			(*cancel)()
		}
	}
}
