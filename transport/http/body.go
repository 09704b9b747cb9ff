package http

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/jsonrpc"
)

// bodyTimeout bounds the reading of one body.
const bodyTimeout = 30 * time.Second

type messageKey struct{}

// messageOf is the message that the request carries; nil where it has none.
func messageOf(ctx context.Context) *jsonrpc.Message {
	m, _ := ctx.Value(messageKey{}).(*jsonrpc.Message)
	return m
}

// read takes the body of a POST within its bounds, refuses what is not valid,
// and hands each message on by itself.
func (s *Server) read(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		body, ok := readBody(w, r)
		if !ok {
			return
		}
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

// carrying is the request with one message as its body.
func carrying(r *http.Request, m *jsonrpc.Message) *http.Request {
	r = r.WithContext(context.WithValue(r.Context(), messageKey{}, m))
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(m.Raw)), int64(len(m.Raw))
	return r
}

func refuse(w http.ResponseWriter, status int, err *jsonrpc.Error, id []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(err.Reply(id))
}

// admitted lets in what may reach the library: with a session where one is
// needed, within what the caller may have at once.
func (s *Server) admitted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := messageOf(r.Context())
		modern := mcp.IsModernProtocol(r.Header.Get(mcp.HeaderProtocolVersion))
		session := r.Header.Get(server.HeaderKeySessionID)
		if m != nil && m.Method == string(mcp.MethodNotificationCancelled) && (session == "" || modern || s.opts.Stateless) {
			// Without a session the library would look for the request among
			// everyone's, and end another client's.
			w.WriteHeader(http.StatusAccepted)
			return
		}
		if session == "" && s.needsSession(m, modern) {
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

// needsSession reports whether a request can't be without a session: the
// revisions with a handshake keep one, but for the handshake itself.
func (s *Server) needsSession(m *jsonrpc.Message, modern bool) bool {
	switch {
	case s.opts.Stateless, modern:
		return false
	case m == nil:
		return true
	case m.Method == string(mcp.MethodInitialize), m.Method == "":
		return false
	}
	return !bytes.Contains(m.Params, []byte(mcp.MetaKeyProtocolVersion))
}

// listens reports whether a message opens a stream that stays open.
func listens(m *jsonrpc.Message) bool {
	return m != nil && m.Method == string(mcp.MethodSubscriptionsListen)
}

// batch answers the messages of a batch one after the other, and all at once.
// Only the revision of March 2025 has batches; a client of that one names no
// revision, or that one.
func (s *Server) batch(w http.ResponseWriter, r *http.Request, messages []jsonrpc.Message, next http.Handler) {
	switch version := r.Header.Get(mcp.HeaderProtocolVersion); version {
	case "", mcp.ProtocolVersion20250326, mcp.ProtocolVersion20241105:
	default:
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
		if m.Err == nil && m.Method == string(mcp.MethodInitialize) {
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

// recorder takes the answer to one message of a batch. It can't stream, so
// the library answers in one piece.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *recorder) Header() http.Header         { return a.header }
func (a *recorder) Write(p []byte) (int, error) { return a.body.Write(p) }
func (a *recorder) WriteHeader(status int)      { a.status = status }

// reply is the JSON-RPC reply that was recorded, or an error that stands for
// a plain refusal.
func (a *recorder) reply(id []byte) []byte {
	body := bytes.TrimSpace(a.body.Bytes())
	if strings.HasPrefix(a.header.Get("Content-Type"), "application/json") && len(body) > 0 {
		return body
	}
	return (&jsonrpc.Error{Code: jsonrpc.InvalidRequest, Message: string(body)}).Reply(id)
}
