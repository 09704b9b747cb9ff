package http

import (
	"net/http"

	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
	"github.com/chainwright/chainwright/transport/mcp"
)

// tasked answers requests about tasks and subscriptions. The SDK handles all other
// messages.
func (s *Server) tasked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := messageOf(r.Context())
		switch {
		case m == nil:
			next.ServeHTTP(w, r)
		case mcp.IsTask(m.Message):
			s.task(w, r, m)
		case mcp.Listens(m.Message):
			s.listen(w, r, m)
		case s.srv.Subscribes(m.Message) && !modern(r):
			if s.handled(w, r) {
				reply, refusal := s.srv.Subscribe(r.Context(), m.Message)
				s.write(w, r, m, reply, refusal)
			}
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// task answers a request about tasks. Its client can cancel it, as any request.
func (s *Server) task(w http.ResponseWriter, r *http.Request, m *incoming) {
	if !s.handled(w, r) {
		return
	}
	query, scope := mcp.DecodeTask(m.Message), r.Header.Get(mcp.HeaderSession)
	var reply []byte
	var refusal *jsonrpc.Error
	if modern(r) {
		scope, refusal = "", mcp.CheckTaskHeaders(r.Header, query)
	}
	if refusal == nil {
		ctx, end := s.calls.Begin(r.Context(), scope, m.ID)
		defer end()
		reply, refusal = s.srv.Task(ctx, query)
	}
	s.write(w, r, m, reply, refusal)
}

// listen answers a subscriptions/listen request, and keeps its stream open.
func (s *Server) listen(w http.ResponseWriter, r *http.Request, m *incoming) {
	st, streams := w.(*stream)
	notify := mcp.PeerFrom(r.Context()).Notify
	switch {
	case !s.handled(w, r):
		return
	case !streams || notify == nil:
		http.Error(w, "subscriptions/listen needs a stream: the Accept header must have "+eventStream, http.StatusNotAcceptable)
		return
	}
	var reply []byte
	refusal := mcp.CheckListenHeaders(r.Header, m.Message)
	if refusal == nil {
		reply, refusal = s.srv.Listen(r.Context(), m.Message, notify, st.beat, heartbeat)
	}
	if reply != nil || refusal != nil {
		s.write(w, r, m, reply, refusal)
	}
}

// feed returns the function that returns the feed of a request's session.
func (s *Server) feed(r *http.Request) func() *mcp.Feed {
	return func() *mcp.Feed {
		session := r.Header.Get(mcp.HeaderSession)
		if session == "" || modern(r) {
			return nil
		}
		return s.feeds.Of(session, func() *mcp.Feed { return s.srv.Feed(session) })
	}
}
