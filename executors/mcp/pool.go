package mcp

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

const (
	// idleFor is how long an unused connection is kept.
	idleFor = time.Minute
	// maxPeers is the number of connections kept; above it, an idle one is closed.
	maxPeers = 32
)

// plain are the options for URLs from callers.
var plain = policy.TransportOptions{}

// pool keeps connections for later calls.
type pool struct {
	mu     sync.Mutex
	slots  map[string]*slot
	closed bool
	ends   sync.WaitGroup
}

// slot is a connection that calls share, or wait for until it is ready.
type slot struct {
	ready chan struct{}
	peer  *peer
	err   error
}

func newPool() *pool { return &pool{slots: map[string]*slot{}} }

// acquire returns a connection and a function that releases it.
func (p *pool) acquire(ctx context.Context, t *target) (*peer, func(), error) {
	for {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return nil, nil, executors.Errorf(executors.Cancelled, "the server is shutting down")
		}
		s, mine := p.slots[t.key], false
		if s == nil {
			s, mine = &slot{ready: make(chan struct{})}, true
			p.slots[t.key] = s
			p.evict()
		}
		p.mu.Unlock()
		if mine {
			p.fill(ctx, t, s)
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
		if s.err != nil {
			if !mine && (errors.Is(s.err, context.Canceled) || errors.Is(s.err, context.DeadlineExceeded)) && ctx.Err() == nil {
				continue // the other call ended, this one has time left
			}
			return nil, nil, s.err
		}
		if p.use(t.key, s) {
			return s.peer, func() { p.release(t.key, s.peer) }, nil
		}
	}
}

// fill connects. A failed slot is removed.
func (p *pool) fill(ctx context.Context, t *target, s *slot) {
	s.peer, s.err = connect(ctx, t)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case s.err != nil:
		p.forget(t.key, s)
	case p.closed:
		p.end(s.peer)
		s.err = executors.Errorf(executors.Cancelled, "the server is shutting down")
	}
	close(s.ready)
}

func (p *pool) forget(key string, s *slot) {
	if p.slots[key] == s {
		delete(p.slots, key)
	}
}

// use counts a call, unless the connection was discarded or has ended.
func (p *pool) use(key string, s *slot) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.slots[key] != s {
		return false
	}
	select {
	case <-s.peer.dead:
		p.forget(key, s)
		if s.peer.uses == 0 {
			p.end(s.peer)
		}
		return false
	default:
	}
	s.peer.uses++
	if s.peer.idle != nil {
		s.peer.idle.Stop()
	}
	return true
}

func (p *pool) release(key string, peer *peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	peer.uses--
	s := p.slots[key]
	if peer.uses > 0 || p.closed {
		return
	}
	if s == nil || s.peer != peer {
		p.end(peer) // discarded while in use
		return
	}
	peer.idle = time.AfterFunc(idleFor, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.slots[key] == s && peer.uses == 0 {
			p.forget(key, s)
			p.end(peer)
		}
	})
}

// discard removes a connection from the pool. Its last call closes it.
func (p *pool) discard(key string, peer *peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.slots[key]; s != nil && s.peer == peer {
		p.forget(key, s)
	}
}

// evict closes one idle connection if there are too many.
func (p *pool) evict() {
	if len(p.slots) <= maxPeers {
		return
	}
	for key, s := range p.slots {
		select {
		case <-s.ready:
		default:
			continue
		}
		if s.peer != nil && s.peer.uses == 0 {
			p.forget(key, s)
			p.end(s.peer)
			return
		}
	}
}

// end closes a connection in the background, because a program may take time.
func (p *pool) end(peer *peer) {
	if peer.idle != nil {
		peer.idle.Stop()
	}
	grace := exitGrace
	if p.closed {
		grace = closingGrace
	}
	p.ends.Go(func() { _ = peer.closeWithin(grace) })
}

// close closes all connections and waits until they have ended.
func (p *pool) close() error {
	p.mu.Lock()
	p.closed = true
	for key, s := range p.slots {
		select {
		case <-s.ready:
			if s.peer != nil {
				p.end(s.peer)
			}
		default: // fill closes it
		}
		delete(p.slots, key)
	}
	p.mu.Unlock()
	p.ends.Wait()
	return nil
}
