package http

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
	"github.com/chainwright/chainwright/transport/mcp"
)

// maxSessions is the largest number of sessions. Over it, the session that was
// unused for the longest time ends.
const maxSessions = 1000

// sessions are the open sessions. Each belongs to the principal that opened it;
// other principals can't use it.
type sessions struct {
	end   func(id string)
	ended func(id string) // called when a session has ended

	mu    sync.Mutex
	known map[string]*sessionEntry
}

type sessionEntry struct {
	principal string
	used      time.Time
	streams   int  // open streams keep the session
	elicits   bool // the client can ask its user
	shows     bool // the client shows user interfaces
}

func newSessions(end, ended func(id string)) *sessions {
	return &sessions{end: end, ended: ended, known: map[string]*sessionEntry{}}
}

var errNoSession = errors.New("there is no such session")

// of returns the sessions that a request's caller may use. The SDK passes nil
// when it acts for itself.
func (s *sessions) of(r *http.Request) mcp.Sessions {
	if r == nil {
		return &ownSessions{all: s, itself: true}
	}
	return &ownSessions{all: s, principal: tools.CallerFrom(r.Context()).Principal, handshake: messageOf(r.Context()).plain()}
}

// elicits reports whether the client of a session can be asked within a call.
func (s *sessions) elicits(id, principal string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry, ok := s.known[id]
	return ok && entry.principal == principal && entry.elicits
}

// shows reports whether the client of a session shows user interfaces.
func (s *sessions) shows(id, principal string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry, ok := s.known[id]
	return ok && entry.principal == principal && entry.shows
}

// hold keeps a session from expiring until release is called.
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

// sweep ends idle sessions until the context ends.
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

// unused removes and returns the sessions that were last used before a time.
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
	handshake *jsonrpc.Message // the request's message, if it opens a session
	itself    bool
}

// Generate opens a session.
func (o *ownSessions) Generate() string {
	id := uuid.NewString()
	opened := &sessionEntry{principal: o.principal, used: time.Now()}
	if o.handshake != nil {
		opened.elicits, opened.shows = mcp.Handshake(o.handshake)
	}
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
	o.all.known[id] = opened
	o.all.mu.Unlock()
	if oldestID != "" {
		o.all.end(oldestID)
	}
	return id
}

// Validate fails for a session that has ended or never existed.
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
		o.all.ended(id)
		return false, nil
	}
	return !o.itself, nil
}

// endSession makes the SDK drop a session.
func (s *Server) endSession(id string) {
	s.sessions.mu.Lock()
	s.sessions.known[id] = &sessionEntry{used: time.Now()} // so that the SDK finds and terminates it
	s.sessions.mu.Unlock()
	s.sdk.Forget(id)
}
