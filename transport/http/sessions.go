package http

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/mark3labs/mcp-go/server"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/jsonrpc"
)

// maxSessions is how many sessions are kept; past it the one that was unused
// for longest goes.
const maxSessions = 1000

// sessions are the ids of the sessions there are, each bound to who opened
// it: another caller does not find it.
type sessions struct {
	end func(id string)

	mu    sync.Mutex
	known map[string]*sessionEntry
}

type sessionEntry struct {
	principal string
	used      time.Time
	streams   int  // open ones keep it
	elicits   bool // the client shows forms to the person behind it
}

func newSessions(end func(id string)) *sessions {
	return &sessions{end: end, known: map[string]*sessionEntry{}}
}

var errNoSession = errors.New("there is no such session")

// ResolveSessionIdManager implements server.SessionIdManagerResolver: the
// sessions as the request's caller may use them. The library asks with nil
// for itself.
func (s *sessions) ResolveSessionIdManager(r *http.Request) server.SessionIdManager {
	if r == nil {
		return &ownSessions{all: s, itself: true}
	}
	return &ownSessions{all: s, principal: tools.CallerFrom(r.Context()).Principal, handshake: messageOf(r.Context())}
}

// elicits reports whether a session's client shows forms to the person behind
// it.
func (s *sessions) elicits(id, principal string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry, ok := s.known[id]
	return ok && entry.principal == principal && entry.elicits
}

// hold keeps a session for as long as a stream of it is open.
func (s *sessions) hold(id string) (release func()) {
	count := func(n int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if entry, ok := s.known[id]; ok {
			entry.streams, entry.used = entry.streams+n, time.Now()
		}
	}
	count(1)
	return func() { count(-1) }
}

// sweep ends the sessions that nobody has used for a while, until the context
// ends.
func (s *sessions) sweep(ctx context.Context, idle time.Duration) {
	ticker := time.NewTicker(max(idle/4, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			for _, id := range s.unused(now.Add(-idle)) {
				s.end(id)
			}
		}
	}
}

// unused takes out the sessions last used before a time.
func (s *sessions) unused(before time.Time) (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, entry := range s.known {
		if entry.streams == 0 && entry.used.Before(before) {
			delete(s.known, id)
			ids = append(ids, id)
		}
	}
	return ids
}

// ownSessions are the sessions of one caller.
type ownSessions struct {
	all       *sessions
	principal string
	handshake *jsonrpc.Message // what the request carries, where it opens a session
	itself    bool
}

// Generate opens a session.
func (o *ownSessions) Generate() string {
	id := uuid.NewString()
	o.all.mu.Lock()
	oldest, oldestID := time.Time{}, ""
	if len(o.all.known) >= maxSessions {
		for each, entry := range o.all.known {
			if oldestID == "" || entry.used.Before(oldest) {
				oldest, oldestID = entry.used, each
			}
		}
		delete(o.all.known, oldestID)
	}
	o.all.known[id] = &sessionEntry{principal: o.principal, used: time.Now(), elicits: showsForms(o.handshake)}
	o.all.mu.Unlock()
	if oldestID != "" {
		o.all.end(oldestID)
	}
	return id
}

// Validate finds a session; one that has ended is as unknown as one that
// never was.
func (o *ownSessions) Validate(id string) (bool, error) {
	o.all.mu.Lock()
	defer o.all.mu.Unlock()
	entry, ok := o.all.known[id]
	if !ok || (!o.itself && entry.principal != o.principal) {
		return false, errNoSession
	}
	entry.used = time.Now()
	return false, nil
}

// Terminate ends a session.
func (o *ownSessions) Terminate(id string) (bool, error) {
	o.all.mu.Lock()
	defer o.all.mu.Unlock()
	if entry, ok := o.all.known[id]; ok && (o.itself || entry.principal == o.principal) {
		delete(o.all.known, id)
		return false, nil
	}
	return !o.itself, nil
}

// endSession makes the library forget a session, in the one way it offers.
func (s *Server) endSession(id string) {
	s.sessions.mu.Lock()
	s.sessions.known[id] = &sessionEntry{used: time.Now()}
	s.sessions.mu.Unlock()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodDelete, Path, http.NoBody)
	if err != nil {
		return
	}
	req.Header.Set(server.HeaderKeySessionID, id)
	s.mcp.ServeHTTP(&discard{header: http.Header{}}, req)
}

// discard is a response that nobody reads.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}
