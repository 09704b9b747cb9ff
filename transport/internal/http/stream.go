package http

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/mcp"
)

const eventStream = "text/event-stream"

// streamed gives each request its own stream of notifications. The call writes
// them itself, before its reply. The SDK's shared channels can lose
// notifications or send them on the stream of another call.
func (s *Server) streamed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := messageOf(r.Context())
		ctx := r.Context()
		if r.Method == http.MethodGet || listens(m) {
			var cancel context.CancelCauseFunc
			ctx, cancel = context.WithCancelCause(ctx)
			defer cancel(nil)
			defer context.AfterFunc(s.streams, func() { cancel(mcp.ErrServerEnds) })()
			if until, ok := expiry(ctx); ok { // the client opens the stream again with a new token
				var done context.CancelFunc
				ctx, done = context.WithDeadline(ctx, until)
				defer done()
			}
		}
		if m == nil || !m.IsRequest() {
			next.ServeHTTP(&timed{w, http.NewResponseController(w)}, r.WithContext(ctx))
			return
		}
		if _, ok := w.(http.Flusher); !ok {
			next.ServeHTTP(w, r.WithContext(ctx))
			return
		}
		st := &stream{out: w, control: http.NewResponseController(w), header: http.Header{}}
		defer st.end()
		peer := &mcp.Peer{Version: r.Header.Get(mcp.HeaderVersion)}
		if accepts(r.Header) {
			peer.Notify, peer.Ask = st.notify, s.asking(r, st)
		}
		if s.sessions != nil {
			peer.Feed = s.feed(r)
			peer.ShowsUI = func() bool {
				return s.sessions.shows(r.Header.Get(mcp.HeaderSession), tools.CallerFrom(r.Context()).Principal)
			}
		}
		next.ServeHTTP(st, r.WithContext(mcp.WithPeer(ctx, peer)))
	})
}

// accepts reports whether the client accepts an event stream as the response.
func accepts(h http.Header) bool {
	values := h.Values("Accept")
	for _, value := range values {
		if strings.Contains(value, eventStream) || strings.Contains(value, "*/*") {
			return true
		}
	}
	return len(values) == 0
}

// timed extends the write deadline before each write.
type timed struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (t *timed) Write(p []byte) (int, error) {
	_ = t.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	return t.ResponseWriter.Write(p)
}

func (t *timed) Flush() { _ = t.control.Flush() }

// Unwrap lets http.ResponseController through.
func (t *timed) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// stream is the response to one request: one JSON text, or a stream of events
// once the first notification is written. A reply that the SDK writes in one
// piece becomes the last event of a stream that has begun.
type stream struct {
	out     http.ResponseWriter
	control *http.ResponseController

	mu     sync.Mutex
	header http.Header // the library's; copied at the first write
	begun  bool        // the status was sent
	events bool        // notify began the stream
	ended  bool
}

var errAnswered = errors.New("the request has been answered")

// notify writes a notification.
func (s *stream) notify(message []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || (s.begun && !s.events && !s.streams()) {
		return errAnswered
	}
	if !s.begun {
		h := s.out.Header()
		h.Set("Content-Type", eventStream)
		h.Set("Cache-Control", "no-cache")
		h.Set("X-Accel-Buffering", "no")
		s.out.WriteHeader(http.StatusOK)
		s.begun, s.events = true, true
	}
	if _, err := s.write(asEvent(message)); err != nil {
		return err
	}
	return s.control.Flush()
}

// beat writes a comment, which clients ignore, so that proxies keep an idle stream
// open.
func (s *stream) beat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.events && !s.ended {
		if _, err := s.write([]byte(":\n\n")); err == nil {
			_ = s.control.Flush()
		}
	}
}

func asEvent(message []byte) []byte {
	b := make([]byte, 0, len(message)+24)
	b = append(append(b, "event: message\ndata: "...), message...)
	return append(b, "\n\n"...)
}

// streams reports whether the SDK writes events itself.
func (s *stream) streams() bool {
	return strings.HasPrefix(s.header.Get("Content-Type"), eventStream)
}

func (s *stream) Header() http.Header { return s.header }

func (s *stream) WriteHeader(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin(status)
}

func (s *stream) begin(status int) {
	if s.begun {
		return
	}
	h := s.out.Header()
	for name, values := range s.header {
		h[name] = values
	}
	s.out.WriteHeader(status)
	s.begun = true
}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin(http.StatusOK)
	if s.events && !s.streams() {
		if _, err := s.write(asEvent(bytes.TrimSpace(p))); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	return s.write(p)
}

func (s *stream) write(p []byte) (int, error) {
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	return s.out.Write(p)
}

// Flush implements http.Flusher, by which the SDK detects that it can stream.
func (s *stream) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun {
		_ = s.control.Flush()
	}
}

// end closes the stream: later notifications fail.
func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
}
