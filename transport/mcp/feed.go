package mcp

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
)

const (
	// maxWatched is the number of runs and tasks that one feed watches.
	maxWatched = 64
	// feedInterval is the shortest time between two announcements about the same
	// run, and idleInterval how often a run that has ended is looked at, in case
	// it is retried.
	feedInterval = 250 * time.Millisecond
	idleInterval = 5 * time.Second
)

// Feed announces changes of runs to one client: to a session, or to the stream of
// a subscriptions/listen. Each run is watched by a goroutine of its own, which
// waits for a client that reads slowly and skips what changes meanwhile.
type Feed struct {
	// send writes one notification. params is a JSON object.
	send func(method string, params []byte) error

	mu      sync.Mutex
	watched map[string]context.CancelFunc
	ended   bool
	running sync.WaitGroup
}

// NewFeed returns a feed. send writes one notification, whose params are a JSON
// object. The caller closes the feed.
func NewFeed(send func(method string, params []byte) error) *Feed {
	return &Feed{send: send, watched: map[string]context.CancelFunc{}}
}

// watch calls follow on a goroutine of its own, unless the feed watches the key
// already. The context of follow ends with the feed, or when the key is dropped.
func (f *Feed) watch(ctx context.Context, key string, follow func(ctx context.Context)) *jsonrpc.Error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.watched[key] != nil:
		return nil
	case f.ended:
		return &jsonrpc.Error{Code: mcp.INVALID_REQUEST, Message: "the session has ended"}
	case len(f.watched) >= maxWatched:
		return &jsonrpc.Error{Code: mcp.INVALID_PARAMS, Message: fmt.Sprintf("a client can watch %d runs and tasks at most; end some of its subscriptions first", maxWatched)}
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f.watched[key] = cancel
	f.running.Go(func() {
		defer cancel()
		follow(own)
	})
	return nil
}

// drop ends the watch of a key.
func (f *Feed) drop(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if cancel := f.watched[key]; cancel != nil {
		cancel()
		delete(f.watched, key)
	}
}

// end ends all watches, without waiting for them.
func (f *Feed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	for key, cancel := range f.watched {
		cancel()
		delete(f.watched, key)
	}
}

// Close ends all watches and waits until nothing more is sent.
func (f *Feed) Close() {
	f.end()
	f.running.Wait()
}

// Feeds are the feeds of sessions. The zero value is usable.
type Feeds struct {
	mu      sync.Mutex
	open    map[string]*Feed
	closed  bool
	closing sync.WaitGroup
}

// Of returns the feed of a session, which create makes if there is none yet; nil
// after Close.
func (f *Feeds) Of(session string, create func() *Feed) *Feed {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	feed := f.open[session]
	if feed == nil {
		if f.open == nil {
			f.open = map[string]*Feed{}
		}
		feed = create()
		f.open[session] = feed
	}
	return feed
}

// End ends the feed of a session.
func (f *Feeds) End(session string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if feed := f.open[session]; feed != nil {
		delete(f.open, session)
		f.closing.Go(feed.Close)
	}
}

// Close ends all feeds and waits until nothing more is sent.
func (f *Feeds) Close() {
	f.mu.Lock()
	f.closed = true
	for session, feed := range f.open {
		delete(f.open, session)
		f.closing.Go(feed.Close)
	}
	f.mu.Unlock()
	f.closing.Wait()
}

// follow calls changed when the state of a run has changed, at most every
// feedInterval and once when the run has ended, until the context ends. If first
// is set, it also calls it at the beginning. With once, it returns at the end of
// the run; without, it goes on in case the run is retried.
func (s *Server) follow(ctx context.Context, id string, first, once bool, changed func()) {
	last, told := "", first
	if first {
		changed()
	}
	for ctx.Err() == nil {
		news := false
		err := s.tasks.Watch(ctx, id, func(text string) {
			if text == last {
				return
			}
			if last != "" {
				changed()
				news = true
				pause(ctx, feedInterval)
			}
			last = text
		})
		if ctx.Err() != nil || err != nil {
			return
		}
		if news || !told || first {
			changed() // the end itself
		}
		told, first = true, false
		if once {
			return
		}
		pause(ctx, idleInterval)
	}
}

// pause waits for a time, or until the context ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
