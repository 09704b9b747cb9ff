package http

import (
	"context"
	"net/http"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/mcp"
)

// asking returns the function that asks the person behind a request's client
// while the request is in flight. The question is sent on the request's stream.
// The client must have declared elicitation when it opened its session.
func (s *Server) asking(r *http.Request, st *stream) func(context.Context, *tools.Question) (tools.Reply, error) {
	return func(ctx context.Context, question *tools.Question) (tools.Reply, error) {
		scope := r.Header.Get(mcp.HeaderSession)
		switch {
		case s.sessions == nil:
			return tools.Reply{}, &tools.CannotAskError{Reason: "this server keeps no sessions, and clients of older revisions can be asked only in a session"}
		case !s.sessions.elicits(scope, tools.CallerFrom(ctx).Principal):
			return tools.Reply{}, mcp.ErrCannot
		}
		return s.questions.Ask(ctx, scope, st.notify, question)
	}
}

// replied takes the responses to questions. They are handled before the limit on
// requests in flight, because the calls that wait for them may have reached it.
func (s *Server) replied(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := messageOf(r.Context())
		if m == nil || m.Method != "" || m.ID == nil || !s.inSession(r) || !s.questions.Answer(r.Header.Get(mcp.HeaderSession), m.Message) {
			next.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
}
