package mcp

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/chainwright/chainwright/executors/strictjson"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
)

// Running are the requests in flight, so that a client can cancel its own. The
// key is the scope, which is the client's session, and the request's id. The
// zero value is usable.
type Running struct {
	mu    sync.Mutex
	calls map[string]*context.CancelFunc
}

// Begin registers a request and returns its context. The caller calls end after
// the reply.
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
	for key, value := range strictjson.Members(m.Params) {
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
