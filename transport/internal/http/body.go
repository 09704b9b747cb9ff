package http

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
	"github.com/chainwright/chainwright/transport/mcp"
)

// bodyTimeout is the time limit for reading one body.
const bodyTimeout = 30 * time.Second

type messageKey struct{}

// incoming is the message in a request.
type incoming struct {
	*jsonrpc.Message
	// version is the revision that the message itself names; "" if none.
	version string
	// call is the decoded message, if it is a tools/call request, and wrong is
	// its error.
	call  *mcp.Call
	wrong *jsonrpc.Error
}

// plain returns the message alone; nil if there is none.
func (in *incoming) plain() *jsonrpc.Message {
	if in == nil {
		return nil
	}
	return in.Message
}

// messageOf returns the message in a request; nil if there is none.
func messageOf(ctx context.Context) *incoming {
	in, _ := ctx.Value(messageKey{}).(*incoming)
	return in
}

// read reads the body of a POST, rejects an invalid one, and handles each
// message separately.
func (s *Server) read(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		body, release, ok := s.receive(w, r)
		if !ok {
			return
		}
		defer release()
		messages, batch, err := jsonrpc.Parse(body)
		switch {
		case err != nil:
			refuse(w, http.StatusBadRequest, err, nil)
		case batch:
			s.batch(w, r, messages, next)
		case messages[0].Err != nil:
			refuse(w, http.StatusBadRequest, messages[0].Err, messages[0].ID)
		default:
			next.ServeHTTP(w, carrying(r, &messages[0]))
		}
	})
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	if r.ContentLength > jsonrpc.MaxMessage {
		w.Header().Set("Connection", "close")
		refuse(w, http.StatusRequestEntityTooLarge, jsonrpc.TooLong(jsonrpc.MaxMessage), nil)
		return nil, false
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout))
	body := bytes.NewBuffer(make([]byte, 0, max(r.ContentLength, 0)+bytes.MinRead))
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, jsonrpc.MaxMessage))
	_ = control.SetReadDeadline(time.Time{})
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		refuse(w, http.StatusRequestEntityTooLarge, jsonrpc.TooLong(jsonrpc.MaxMessage), nil)
	case err != nil:
		refuse(w, http.StatusBadRequest, &jsonrpc.Error{Code: jsonrpc.ParseError, Message: "the body could not be read"}, nil)
	default:
		return body.Bytes(), true
	}
	return nil, false
}

// carrying returns the request with one message as its body.
func carrying(r *http.Request, m *jsonrpc.Message) *http.Request {
	in := &incoming{Message: m}
	if m.Method == mcp.ToolsCall && m.IsRequest() {
		in.call, in.wrong = mcp.Decode(m)
		in.version = in.call.Version
	} else {
		in.version = mcp.VersionOf(m)
	}
	r = r.WithContext(context.WithValue(r.Context(), messageKey{}, in))
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(m.Raw)), int64(len(m.Raw))
	return r
}

// modern reports whether a request is of a revision without sessions. The
// revision in the header or in the message is enough here; later the two are
// compared.
func modern(r *http.Request) bool {
	in := messageOf(r.Context())
	return mcp.Modern(r.Header.Get(mcp.HeaderVersion)) || in != nil && mcp.Modern(in.version)
}

func refuse(w http.ResponseWriter, status int, err *jsonrpc.Error, id []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(err.Reply(id))
}

// admitted refuses requests without the session that they need, and those over
// the limit of requests in flight.
func (s *Server) admitted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := messageOf(r.Context())
		session := r.Header.Get(mcp.HeaderSession)
		if m != nil && m.Method == mcp.Cancelled && (session == "" || modern(r) || s.opts.Stateless) {
			// Without a session the SDK would search the requests of all
			// clients, and could cancel another client's.
			w.WriteHeader(http.StatusAccepted)
			return
		}
		if session == "" && s.needsSession(r, m) {
			var id []byte
			if m != nil {
				id = m.ID
			}
			refuse(w, http.StatusBadRequest, &jsonrpc.Error{Code: jsonrpc.InvalidRequest, Message: "the Mcp-Session-Id header is required; initialize opens a session"}, id)
			return
		}
		allowed := s.limiter.of(tools.CallerFrom(r.Context()).Principal)
		slots := &allowed.calls
		if r.Method == http.MethodGet || listens(m) {
			slots = &allowed.streams
		}
		if !slots.take() {
			tooMany(w, time.Second, "too many requests at once")
			return
		}
		defer slots.give()
		if r.Method == http.MethodGet && s.sessions != nil {
			defer s.sessions.hold(session)()
		}
		next.ServeHTTP(w, r)
	})
}

// needsSession reports whether a request has to be in a session: the revisions
// with a handshake keep one. The handshake itself and responses are exempt.
func (s *Server) needsSession(r *http.Request, m *incoming) bool {
	if s.opts.Stateless || modern(r) {
		return false
	}
	return m == nil || m.Method != mcp.Initialize && m.Method != ""
}

// listens reports whether a message opens a stream that remains open.
func listens(m *incoming) bool {
	return m != nil && m.Method == mcp.Listen
}

// batch handles the messages of a batch in order, and sends all replies in one
// response.
func (s *Server) batch(w http.ResponseWriter, r *http.Request, messages []jsonrpc.Message, next http.Handler) {
	if version := r.Header.Get(mcp.HeaderVersion); version != "" && !mcp.Batches(version) {
		refuse(w, http.StatusBadRequest, &jsonrpc.Error{Code: jsonrpc.InvalidRequest, Message: "revision " + version + " has no batches"}, nil)
		return
	}
	if allowed := s.limiter.of(tools.CallerFrom(r.Context()).Principal); allowed.rate != nil && !allowed.rate.AllowN(time.Now(), len(messages)-1) {
		tooMany(w, time.Second, "too many requests in a second")
		return
	}
	var replies [][]byte
	for i := range messages {
		m := &messages[i]
		if m.Err == nil && m.Method == mcp.Initialize {
			m.Err = &jsonrpc.Error{Code: jsonrpc.InvalidRequest, Message: "initialize can't be a part of a batch"}
		}
		if m.Err != nil {
			replies = append(replies, m.Err.Reply(m.ID))
			continue
		}
		answer := &recorder{header: http.Header{}}
		next.ServeHTTP(answer, carrying(r, m))
		if m.IsRequest() {
			replies = append(replies, answer.reply(m.ID))
		}
	}
	if len(replies) == 0 {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(append([]byte{'['}, bytes.Join(replies, []byte{','})...), ']'))
}

// recorder receives the reply to one message of a batch. It does not implement
// http.Flusher, so the SDK replies in one piece.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *recorder) Header() http.Header         { return a.header }
func (a *recorder) Write(p []byte) (int, error) { return a.body.Write(p) }
func (a *recorder) WriteHeader(status int)      { a.status = status }

// reply returns the recorded JSON-RPC reply. A refusal in plain text becomes a
// JSON-RPC error.
func (a *recorder) reply(id []byte) []byte {
	body := bytes.TrimSpace(a.body.Bytes())
	if strings.HasPrefix(a.header.Get("Content-Type"), "application/json") && len(body) > 0 {
		return body
	}
	return (&jsonrpc.Error{Code: jsonrpc.InvalidRequest, Message: string(body)}).Reply(id)
}
