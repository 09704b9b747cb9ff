package policy

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// pingAfter is how long a connection of HTTP/2 may be silent before it is
	// asked whether it is alive, and pingFor how long it has to answer.
	pingAfter, pingFor = 15 * time.Second, 10 * time.Second
	// maxDoubted is how many hosts have connections of their own, and how many
	// that were given up are remembered.
	maxDoubted = 64
)

// Pool is a transport that does not go back to where requests got no answer.
// A request over HTTP/1 that times out ends its connection. One over HTTP/2
// does not, since others share it: where the connection is dead (a firewall
// has forgotten it), all further requests would go there and wait as well. A
// pool gives a host new connections after that.
type Pool struct {
	first *http.Transport

	mu      sync.Mutex
	doubted map[string]*http.Transport // by host
	givenUp []*http.Transport          // the last of them: what is under way may not have ended yet
}

// NewPool makes a pool of connections as a transport makes them.
func NewPool(transport *http.Transport) *Pool {
	transport.HTTP2 = &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingFor}
	return &Pool{first: transport, doubted: map[string]*http.Transport{}}
}

// RoundTrip makes one exchange.
func (p *Pool) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" { // without TLS there is no HTTP/2 here
		return p.first.RoundTrip(req)
	}
	used := p.at(req.URL.Host)
	resp, err := used.RoundTrip(req)
	switch {
	case err != nil && req.Context().Err() != nil:
		p.doubt(req.URL.Host, used)
	case err == nil && resp.ProtoMajor == 2:
		resp.Body = &body{ReadCloser: resp.Body, ctx: req.Context(), doubt: func() { p.doubt(req.URL.Host, used) }}
	}
	return resp, err
}

// body is an answer that may stop coming until the time is over.
type body struct {
	io.ReadCloser
	ctx   context.Context // the request's
	doubt func()
	whole bool
}

// Read reads on.
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
		b.doubt()
	}
}

func (p *Pool) at(host string) *http.Transport {
	p.mu.Lock()
	defer p.mu.Unlock()
	if own := p.doubted[host]; own != nil {
		return own
	}
	return p.first
}

// doubt gives a host new connections, unless it has got some meanwhile. Those
// that it had end with what is under way on them.
func (p *Pool) doubt(host string, used *http.Transport) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.doubted[host]
	if now != used && (now != nil || used != p.first) {
		return
	}
	if now == nil && len(p.doubted) >= maxDoubted {
		for other, own := range p.doubted {
			p.giveUp(own)
			delete(p.doubted, other)
			break
		}
	}
	p.doubted[host] = p.first.Clone()
	p.giveUp(used)
}

func (p *Pool) giveUp(used *http.Transport) {
	if used == p.first { // other hosts use it; what they don't ends by itself
		return
	}
	used.CloseIdleConnections()
	if p.givenUp = append(p.givenUp, used); len(p.givenUp) > maxDoubted {
		p.givenUp = p.givenUp[1:]
	}
}

// CloseIdleConnections closes the connections that nobody uses.
func (p *Pool) CloseIdleConnections() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.first.CloseIdleConnections()
	for _, own := range p.doubted {
		own.CloseIdleConnections()
	}
	for _, own := range p.givenUp {
		own.CloseIdleConnections()
	}
}
