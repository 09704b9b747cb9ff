package mcp

import (
	"context"
	"fmt"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
)

// Session is the client of a pair of streams.
type Session struct {
	srv   *Server
	sdk   *session
	ctx   context.Context
	log   zerolog.Logger
	write func(message []byte) error
}

// Open registers the client of a pair of streams. The caller closes the
// session. write writes one message.
func (s *Server) Open(ctx context.Context, log zerolog.Logger, write func(message []byte) error) (*Session, error) {
	sdk := newSession()
	c := &Session{srv: s, sdk: sdk, ctx: s.sdk.WithContext(ctx, sdk), log: log, write: write}
	if err := s.sdk.RegisterSession(c.ctx, sdk); err != nil {
		return nil, fmt.Errorf("registering the session: %w", err)
	}
	return c, nil
}

// Close removes the session from the server.
func (c *Session) Close() { c.srv.sdk.UnregisterSession(c.ctx, c.sdk.SessionID()) }

// Context returns the context in which the session's requests are handled.
func (c *Session) Context() context.Context { return c.ctx }

// Version returns the negotiated revision; "" before the handshake.
func (c *Session) Version() string { return c.sdk.ProtocolVersion() }

// Elicits reports whether the client can be asked within a call.
func (c *Session) Elicits() bool { return c.sdk.elicits() }

// Notify handles a notification from the client.
func (c *Session) Notify(m *jsonrpc.Message) { c.srv.sdk.HandleMessage(c.ctx, m.Raw) }

// Announce writes the server's announcements until the context ends.
func (c *Session) Announce(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case notification := <-c.sdk.notifications:
			raw, err := plainjson.Marshal(notification)
			if err != nil {
				c.log.Error().Err(err).Str("method", notification.Method).Msg("encoding a notification")
				continue
			}
			if c.write(raw) != nil {
				return
			}
		}
	}
}

// maxAnnouncements is the number of the server's announcements that may be
// queued. Progress does not use this queue.
const maxAnnouncements = 100

// session is the client of a pair of streams as the SDK sees it.
type session struct {
	notifications chan mcp.JSONRPCNotification

	mu           sync.RWMutex
	initialized  bool
	info         mcp.Implementation
	capabilities mcp.ClientCapabilities
	version      string
}

var (
	_ server.SessionWithClientInfo      = (*session)(nil)
	_ server.SessionWithProtocolVersion = (*session)(nil)
)

func newSession() *session {
	return &session{notifications: make(chan mcp.JSONRPCNotification, maxAnnouncements)}
}

func (s *session) SessionID() string { return "stdio" }

func (s *session) NotificationChannel() chan<- mcp.JSONRPCNotification { return s.notifications }

func (s *session) Initialize() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.initialized = true
}

// Initialized reports whether the client receives announcements: after a
// handshake. Modern clients have none, and their subscriptions have sessions of
// their own.
func (s *session) Initialized() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.initialized && s.version != ""
}

func (s *session) GetClientInfo() mcp.Implementation {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.info
}

func (s *session) SetClientInfo(info mcp.Implementation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.info = info
}

func (s *session) GetClientCapabilities() mcp.ClientCapabilities {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.capabilities
}

func (s *session) SetClientCapabilities(capabilities mcp.ClientCapabilities) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.capabilities = capabilities
}

func (s *session) ProtocolVersion() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.version
}

// elicits reports whether the client can be asked within a call.
func (s *session) elicits() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	declared := s.capabilities.Elicitation
	return asksWithinCalls(s.version) && declared != nil && (declared.Form != nil || declared.URL == nil)
}

// SetProtocolVersion stores the negotiated revision.
func (s *session) SetProtocolVersion(version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version = version
}
