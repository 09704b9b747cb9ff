package policy

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// pingAfter is how long an HTTP/2 connection may be silent before a ping,
	// and pingFor is how long it has to answer.
	pingAfter, pingFor = 15 * time.Second, 10 * time.Second
	// maxReplaced is how many hosts have their own transport, and how many
	// abandoned transports are kept.
	maxReplaced = 64
)

// Pool is a transport that abandons connections on which requests time out. Over
// HTTP/1 a timeout closes the connection. Over HTTP/2 it does not, because
// other requests share it: if the connection is dead, for example because a
// firewall has dropped it, all later requests would time out too. A Pool opens
// new connections to such a host.
type Pool struct {
	first *http.Transport

	mu        sync.Mutex
	replaced  map[string]*http.Transport // by host
	abandoned []*http.Transport          // the latest; requests on them may be in flight
}

// NewPool returns a pool that uses a transport, and clones of it for the hosts
// whose connections were abandoned.
func NewPool(transport *http.Transport) *Pool {
	transport.HTTP2 = &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingFor}
	return &Pool{first: transport, replaced: map[string]*http.Transport{}}
}

// RoundTrip sends one request.
func (p *Pool) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" { // HTTP/2 is used over TLS only
		return p.first.RoundTrip(req)
	}
	used := p.at(req.URL.Host)
	resp, err := used.RoundTrip(req)
	switch {
	case err != nil && req.Context().Err() != nil:
		p.replace(req.URL.Host, used)
	case err == nil && resp.ProtoMajor == 2:
		resp.Body = &body{ReadCloser: resp.Body, ctx: req.Context(), onTimeout: func() { p.replace(req.URL.Host, used) }}
	}
	return resp, err
}

// body is a response body that watches for a timeout.
type body struct {
	io.ReadCloser
	ctx       context.Context // the request's
	onTimeout func()
	whole     bool
}

// Read reads from the body.
func (b *body) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if b.whole = err == io.EOF; err != nil {
		b.judge()
	}
	return n, err
}

// Close closes the body.
func (b *body) Close() error {
	b.judge()
	return b.ReadCloser.Close()
}

func (b *body) judge() {
	if !b.whole && b.ctx.Err() != nil {
		b.onTimeout()
	}
}

func (p *Pool) at(host string) *http.Transport {
	p.mu.Lock()
	defer p.mu.Unlock()
	if own := p.replaced[host]; own != nil {
		return own
	}
	return p.first
}

// replace sets a new transport for a host, unless another call already has. The
// old connections close when their requests end.
func (p *Pool) replace(host string, used *http.Transport) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.replaced[host]
	if now != used && (now != nil || used != p.first) {
		return
	}
	if now == nil && len(p.replaced) >= maxReplaced {
		for other, own := range p.replaced {
			p.abandon(own)
			delete(p.replaced, other)
			break
		}
	}
	p.replaced[host] = p.first.Clone()
	p.abandon(used)
}

func (p *Pool) abandon(used *http.Transport) {
	if used == p.first { // other hosts use it; idle connections time out
		return
	}
	used.CloseIdleConnections()
	if p.abandoned = append(p.abandoned, used); len(p.abandoned) > maxReplaced {
		p.abandoned = p.abandoned[1:]
	}
}

// CloseIdleConnections closes the idle connections of all hosts.
func (p *Pool) CloseIdleConnections() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.first.CloseIdleConnections()
	for _, own := range p.replaced {
		own.CloseIdleConnections()
	}
	for _, own := range p.abandoned {
		own.CloseIdleConnections()
	}
}
