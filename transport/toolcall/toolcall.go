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

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/jsonrpc"
)

// Method is the one method that has a short way.
const Method = "tools/call"

// reserved begins the keys by which the newest revision says what it needs in
// every message.
const reserved = "io.modelcontextprotocol/"

// Call is a plain call of a tool.
type Call struct {
	ID        json.RawMessage
	Name      string
	Arguments json.RawMessage
	token     json.RawMessage
}

// Parse reads a plain call: a request with a name, arguments and at most a
// progress token. It reports false for everything else.
func Parse(m *jsonrpc.Message) (call Call, plain bool) {
	if m.Method != Method || !m.IsRequest() || m.Err != nil {
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
			for key, value := range jsonrpc.Members(value) {
				if strings.HasPrefix(key, reserved) {
					return Call{}, false
				}
				if key == "progressToken" {
					call.token = value
				}
			}
		default:
			return Call{}, false
		}
	}
	return call, call.Name != ""
}

// Answer calls the tool and gives the reply. It reports false for a tool that
// is not there for this caller.
func (c *Call) Answer(ctx context.Context, set *tools.Set) (reply []byte, ok bool) {
	arguments := c.Arguments
	if string(arguments) == "null" {
		arguments = nil
	}
	res, ok := set.Answer(ctx, c.Name, arguments, c.token)
	if !ok {
		return nil, false
	}
	raw := res.Encode()
	b := make([]byte, 0, len(raw)*5/2+len(c.ID)+128)
	b = append(append(b, `{"jsonrpc":"2.0","id":`...), c.ID...)
	b = append(b, `,"result":{"content":[{"type":"text","text":`...)
	b = tools.AppendString(b, string(raw))
	b = append(append(b, `}],"structuredContent":`...), raw...)
	if res.IsError() {
		b = append(b, `,"isError":true`...)
	}
	return append(b, "}}"...), true
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
