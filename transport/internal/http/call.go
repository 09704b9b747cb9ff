package http

import (
	"context"
	"errors"
	"mime"
	"net/http"

	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
	"github.com/chainwright/chainwright/transport/mcp"
)

// called answers calls of tools, and cancels them on request. The SDK handles
// all other messages.
func (s *Server) called(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := messageOf(r.Context())
		if m != nil && m.call != nil && s.srv.Answers(r.Context(), m.call) {
			s.call(w, r, m)
			return
		}
		if m != nil && m.Method == mcp.Cancelled && isJSON(r.Header) && s.inSession(r) {
			s.calls.Cancel(r.Header.Get(mcp.HeaderSession), m.Message)
		}
		next.ServeHTTP(w, r)
	})
}

// call answers a tools/call request, with a result or an error.
func (s *Server) call(w http.ResponseWriter, r *http.Request, m *incoming) {
	refusal := m.wrong
	if !s.handled(w, r) {
		return
	}
	scope := r.Header.Get(mcp.HeaderSession)
	if modern(r) {
		scope, refusal = "", s.srv.CheckHeaders(r.Header, m.call, m.wrong)
	}
	var reply []byte
	if refusal == nil {
		ctx, end := s.calls.Begin(r.Context(), scope, m.ID)
		defer end()
		reply, refusal = s.srv.Call(ctx, m.call)
	}
	s.write(w, r, m, reply, refusal)
}

// handled reports whether a request that the SDK does not get can be handled: it
// has the right type, and its revision and its session exist. If not, it has
// answered the request.
func (s *Server) handled(w http.ResponseWriter, r *http.Request) bool {
	version := r.Header.Get(mcp.HeaderVersion)
	switch {
	case !isJSON(r.Header):
		http.Error(w, "the Content-Type must be application/json", http.StatusBadRequest)
	case modern(r):
		return true
	case version != "" && !mcp.Known(version):
		http.Error(w, "unsupported protocol version: "+version, http.StatusBadRequest)
	case !s.inSession(r):
		http.Error(w, "there is no such session; initialize opens one", http.StatusNotFound)
	default:
		return true
	}
	return false
}

// write writes the reply to a request, or its refusal.
func (s *Server) write(w http.ResponseWriter, r *http.Request, m *incoming, reply []byte, refusal *jsonrpc.Error) {
	switch {
	case r.Context().Err() != nil && !errors.Is(context.Cause(r.Context()), mcp.ErrServerEnds):
		// The client has disconnected.
	case refusal != nil:
		status := http.StatusOK
		if modern(r) {
			status = mcp.StatusOf(refusal)
		}
		refuse(w, status, refusal, m.ID)
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(reply)
	}
}

func isJSON(h http.Header) bool {
	kind := h.Get("Content-Type")
	if kind == "application/json" {
		return true
	}
	kind, _, err := mime.ParseMediaType(kind)
	return err == nil && kind == "application/json"
}

// inSession reports whether a request is of a revision with a handshake and, if
// sessions are kept, in a session of its caller.
func (s *Server) inSession(r *http.Request) bool {
	if version := r.Header.Get(mcp.HeaderVersion); version != "" && (!mcp.Known(version) || mcp.Modern(version)) {
		return false
	}
	if s.sessions == nil {
		return true
	}
	_, err := s.sessions.of(r).Validate(r.Header.Get(mcp.HeaderSession))
	return err == nil
}
