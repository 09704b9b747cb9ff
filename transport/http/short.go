package http

import (
	"mime"
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/chainwright/chainwright/transport/jsonrpc"
	"github.com/chainwright/chainwright/transport/toolcall"
)

// shortened answers plain calls of tools itself. Whatever is not plain, or
// not in order, goes on to the library, which knows what to say to it.
func (s *Server) shortened(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := messageOf(r.Context())
		if m == nil || s.short == nil || !isJSON(r.Header) {
			next.ServeHTTP(w, r)
			return
		}
		if m.Method == string(mcp.MethodNotificationCancelled) && s.inSession(r) {
			s.calls.Cancel(r.Header.Get(server.HeaderKeySessionID), m)
		}
		if !s.answered(w, r, m) {
			next.ServeHTTP(w, r)
		}
	})
}

// answered answers a plain call, and reports false for everything else.
func (s *Server) answered(w http.ResponseWriter, r *http.Request, m *jsonrpc.Message) bool {
	call, plain := toolcall.Parse(m)
	if !plain {
		return false
	}
	scope := ""
	switch {
	case call.Version != "":
		if !agrees(r.Header, &call) {
			return false
		}
	case !s.inSession(r):
		return false
	default:
		scope = r.Header.Get(server.HeaderKeySessionID)
	}
	ctx, end := s.calls.Begin(r.Context(), scope, m.ID)
	defer end()
	reply, ok := s.short.Answer(ctx, &call)
	if !ok {
		return false
	}
	if r.Context().Err() != nil {
		return true // nobody is there to read it
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(reply)
	return true
}

func isJSON(h http.Header) bool {
	kind := h.Get("Content-Type")
	if kind == "application/json" {
		return true
	}
	kind, _, err := mime.ParseMediaType(kind)
	return err == nil && kind == "application/json"
}

// inSession reports whether a request is of a revision with a handshake, in a
// session of its caller's where sessions are kept.
func (s *Server) inSession(r *http.Request) bool {
	if version := r.Header.Get(mcp.HeaderProtocolVersion); version != "" && (!mcp.IsValidProtocolVersion(version) || mcp.IsModernProtocol(version)) {
		return false
	}
	if s.sessions == nil {
		return true
	}
	_, err := s.sessions.ResolveSessionIdManager(r).Validate(r.Header.Get(server.HeaderKeySessionID))
	return err == nil
}

// agrees reports whether the headers of a request of the newest revision say
// what its message says, word for word.
func agrees(h http.Header, call *toolcall.Call) bool {
	return h.Get(mcp.HeaderProtocolVersion) == call.Version &&
		h.Get(mcp.HeaderMethod) == string(mcp.MethodToolsCall) &&
		h.Get(mcp.HeaderName) == call.Name &&
		h.Get(mcp.HeaderLastEventID) == ""
}
