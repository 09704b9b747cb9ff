package ssh

import (
	"context"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/chainwright/chainwright/executors"
)

const (
	// maxUses is the number of calls per connection: hosts allow ten sessions by
	// default, and stopping a command takes another one.
	maxUses = 8
	// idleFor is how long an unused connection is kept.
	idleFor = time.Minute
	// trustFor is how long a connection is reused without checking that the host
	// still responds.
	trustFor = 5 * time.Second
)

// pool keeps connections for later calls.
type pool struct {
	mu     sync.Mutex
	hosts  map[key]*host
	closed bool
	ends   sync.WaitGroup // of the connections
}

// host holds the connections for one key. The holder of dialling opens another.
type host struct {
	dialling    chan struct{}
	connections []*connection
}

// connection is a client with its jump host.
type connection struct {
	*ssh.Client
	uses    int
	idle    *time.Timer
	since   time.Time // end of the last use
	ended   chan struct{}
	dropped bool   // not in the pool
	through func() // releases the jump host's connection
}

func newPool() *pool { return &pool{hosts: map[key]*host{}} }

// acquire returns a connection and a function that releases it.
func (p *pool) acquire(ctx context.Context, t *target) (*connection, func(), error) {
	k := t.key()
	for {
		c, h, err := p.take(k)
		if err != nil {
			return nil, nil, err
		}
		if c != nil {
			if c.responds(ctx, p.lastUse(c)) {
				return c, func() { p.release(k, c) }, nil
			}
			p.discard(k, c)
			p.release(k, c)
			continue
		}
		select {
		case h.dialling <- struct{}{}:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
		c, err = p.dial(ctx, t, k)
		<-h.dialling
		if err != nil {
			return nil, nil, err
		}
		if c != nil {
			return c, func() { p.release(k, c) }, nil
		}
	}
}

// take returns a connection with a free session; nil: there is none.
func (p *pool) take(k key) (*connection, *host, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, executors.Errorf(executors.Cancelled, "the server is shutting down")
	}
	h := p.hosts[k]
	if h == nil {
		h = &host{dialling: make(chan struct{}, 1)}
		p.hosts[k] = h
	}
	for _, c := range h.connections {
		if c.uses < maxUses {
			c.uses++
			if c.idle != nil {
				c.idle.Stop()
			}
			return c, h, nil
		}
	}
	return nil, h, nil
}

// dial opens a connection. It returns nil if another one has a free session
// meanwhile; then the caller tries again.
func (p *pool) dial(ctx context.Context, t *target, k key) (*connection, error) {
	p.mu.Lock()
	for _, c := range p.hosts[k].room() {
		if c.uses < maxUses {
			p.mu.Unlock()
			return nil, nil
		}
	}
	p.mu.Unlock()
	through, dial := func() {}, t.dial
	if t.jump != nil {
		jump, release, err := p.acquire(ctx, t.jump)
		if err != nil {
			return nil, err
		}
		through, dial = release, jump.DialContext
	}
	client, err := handshake(ctx, t, dial)
	if err != nil {
		through()
		return nil, err
	}
	c := &connection{Client: client, uses: 1, ended: make(chan struct{}), through: through}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = client.Close()
		through()
		return nil, executors.Errorf(executors.Cancelled, "the server is shutting down")
	}
	if p.hosts[k] == nil {
		p.hosts[k] = &host{dialling: make(chan struct{}, 1)}
	}
	p.hosts[k].connections = append(p.hosts[k].connections, c)
	p.ends.Go(func() {
		_ = client.Wait()
		close(c.ended)
		p.remove(k, c)
		through()
	})
	return c, nil
}

func (h *host) room() []*connection {
	if h == nil {
		return nil
	}
	return h.connections
}

// release releases a connection.
func (p *pool) release(k key, c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.uses--
	c.since = time.Now()
	if c.uses > 0 || p.closed || c.dropped {
		return
	}
	c.idle = time.AfterFunc(idleFor, func() {
		p.mu.Lock()
		idle := c.uses == 0 && time.Since(c.since) >= idleFor
		if idle {
			p.drop(k, c)
		}
		p.mu.Unlock()
		if idle {
			_ = c.Close()
		}
	})
}

// discard closes a connection and removes it from the pool.
func (p *pool) discard(k key, c *connection) {
	p.remove(k, c)
	_ = c.Close()
}

func (p *pool) remove(k key, c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(k, c)
}

// drop removes a connection from the pool. p.mu is held.
func (p *pool) drop(k key, c *connection) {
	c.dropped = true
	if c.idle != nil {
		c.idle.Stop()
	}
	h := p.hosts[k]
	if h == nil {
		return
	}
	for i, each := range h.connections {
		if each == c {
			h.connections = append(h.connections[:i:i], h.connections[i+1:]...)
			break
		}
	}
	if len(h.connections) == 0 && len(h.dialling) == 0 {
		delete(p.hosts, k)
	}
}

func (p *pool) lastUse(c *connection) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return c.since
}

// responds reports whether the host still responds. A broken connection does not
// report that by itself.
func (c *connection) responds(ctx context.Context, lastUse time.Time) bool {
	if lastUse.IsZero() || time.Since(lastUse) < trustFor {
		return true
	}
	reply := make(chan error, 1)
	go func() {
		_, _, err := c.SendRequest("keepalive@openssh.com", true, nil)
		reply <- err
	}()
	timer := time.NewTimer(trustFor)
	defer timer.Stop()
	select {
	case err := <-reply:
		return err == nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// close closes all connections and waits until they have ended.
func (p *pool) close() error {
	p.mu.Lock()
	p.closed = true
	var all []*connection
	for _, h := range p.hosts {
		all = append(all, h.connections...)
	}
	p.mu.Unlock()
	for _, c := range all {
		_ = c.Close() // also ends connections through a jump host
	}
	p.ends.Wait()
	return nil
}
