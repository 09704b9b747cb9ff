package stdio

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/chainwright/chainwright/transport/elicit"
)

// notificationRoom is how many of the server's own announcements may wait;
// progress does not go this way.
const notificationRoom = 100

// session is the one client of the streams, as the library wants to know it.
type session struct {
	notifications chan mcp.JSONRPCNotification

	mu           sync.RWMutex
	initialized  bool
	info         mcp.Implementation
	capabilities mcp.ClientCapabilities
	version      string
	filter       mcp.SubscriptionFilter
	subscribed   map[string]context.CancelFunc // by the subscription's id, as it was written
}

var (
	_ server.SessionWithClientInfo         = (*session)(nil)
	_ server.SessionWithProtocolVersion    = (*session)(nil)
	_ server.SessionWithSubscriptionFilter = (*session)(nil)
)

func newSession() *session {
	return &session{
		notifications: make(chan mcp.JSONRPCNotification, notificationRoom),
		subscribed:    map[string]context.CancelFunc{},
	}
}

func (s *session) SessionID() string { return "stdio" }

func (s *session) NotificationChannel() chan<- mcp.JSONRPCNotification { return s.notifications }

func (s *session) Initialize() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.initialized = true
}

// Initialized says whether announcements are wanted: after the handshake, or
// while a subscription is open.
func (s *session) Initialized() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.initialized || len(s.subscribed) > 0
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

// elicits reports whether the client said, in the handshake of a revision that
// has questions within calls, that it shows forms to the person behind it.
func (s *session) elicits() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	declared := s.capabilities.Elicitation
	return elicit.Speaks(s.version) && declared != nil && (declared.Form != nil || declared.URL == nil)
}

// SetProtocolVersion notes the revision that is spoken.
func (s *session) SetProtocolVersion(version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version = version
}

func (s *session) SetSubscriptionFilter(filter mcp.SubscriptionFilter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.filter = filter
}

func (s *session) SubscriptionFilter() (mcp.SubscriptionFilter, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.filter, !s.filter.IsEmpty()
}

// subscription opens a subscription, and gives its context and its end.
func (s *session) subscription(ctx context.Context, id json.RawMessage) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscribed[string(id)] = cancel
	return ctx, func() {
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.subscribed, string(id))
	}
}

// endSubscriptions ends them all: at the end of the input nobody listens.
func (s *session) endSubscriptions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, cancel := range s.subscribed {
		cancel()
	}
}

// addressed gives a notification as it is to be written: once, or once for
// each open subscription, tagged with its id.
func (s *session) addressed(notification mcp.JSONRPCNotification) []mcp.JSONRPCNotification {
	s.mu.RLock()
	ids := slices.Sorted(maps.Keys(s.subscribed))
	s.mu.RUnlock()
	if _, tagged := notification.Params.Meta[mcp.MetaKeySubscriptionID]; tagged || len(ids) == 0 {
		return []mcp.JSONRPCNotification{notification}
	}
	var list []mcp.JSONRPCNotification
	for _, id := range ids {
		meta := map[string]any{}
		maps.Copy(meta, notification.Params.Meta)
		meta[mcp.MetaKeySubscriptionID] = json.RawMessage(id)
		tagged := notification
		tagged.Params.Meta = meta
		list = append(list, tagged)
	}
	return list
}

// notifications writes the server's announcements until the context ends.
func (l *loop) notifications(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case notification := <-l.session.notifications:
			for _, each := range l.session.addressed(notification) {
				raw, err := json.Marshal(each)
				if err != nil {
					l.log.Error().Err(err).Str("method", each.Method).Msg("encoding a notification")
					continue
				}
				if l.out.line(raw) != nil {
					return
				}
			}
		}
	}
}
