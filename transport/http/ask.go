package http

import (
	"context"
	"net/http"

	"github.com/mark3labs/mcp-go/server"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/elicit"
	"github.com/chainwright/chainwright/transport/jsonrpc"
)

// asking is how the person behind a request's client is asked while the
// request is answered: on its own stream, in a session whose client said that
// it can. Nil where that is not so.
func (s *Server) asking(r *http.Request, st *stream) func(context.Context, *tools.Question) (tools.Decision, error) {
	if s.opts.Tools == nil || !s.opts.Tools.Confirms() {
		return nil
	}
	return func(ctx context.Context, question *tools.Question) (tools.Decision, error) {
		scope := r.Header.Get(server.HeaderKeySessionID)
		switch {
		case s.sessions == nil:
			return "", &tools.NobodyToAsk{Reason: "this server keeps no sessions, in which clients of older revisions are asked"}
		case !s.sessions.elicits(scope, tools.CallerFrom(ctx).Principal):
			return "", elicit.ErrCannot
		}
		return s.questions.Ask(ctx, scope, st.notify, question)
	}
}

// replied takes the responses to questions. They go before the bound on what
// is answered at once: the calls that wait for them may have used it up.
func (s *Server) replied(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := messageOf(r.Context())
		if m == nil || m.Method != "" || m.ID == nil || !s.inSession(r) || !s.questions.Answer(r.Header.Get(server.HeaderKeySessionID), m) {
			next.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
}

// showsForms reads from the handshake that opens a session whether its client
// shows forms, in a revision that has them.
func showsForms(handshake *jsonrpc.Message) bool {
	if handshake == nil {
		return false
	}
	spoken, shows := false, false
	for key, value := range jsonrpc.Members(handshake.Params) {
		switch key {
		case "protocolVersion":
			spoken = elicit.Speaks(jsonrpc.Text(value))
		case "capabilities":
			shows = tools.Elicits(value)
		}
	}
	return spoken && shows
}
