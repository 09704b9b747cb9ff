package peers

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Proxy stands between a client and a peer, and does to what passes what a
// network does at its worst.
type Proxy struct {
	Addr string

	to       string
	listener net.Listener
	ends     sync.WaitGroup

	mu     sync.Mutex
	open   map[net.Conn]bool
	moved  chan struct{} // closed when holding changes
	holds  bool
	after  int64 // bytes from the peer until a cut; 0: none
	count  int
	closed bool
}

// StartProxy passes everything on to an address, until told otherwise.
func StartProxy(tb testing.TB, to string) *Proxy {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listening: %v", err)
	}
	p := &Proxy{Addr: listener.Addr().String(), to: to, listener: listener, open: map[net.Conn]bool{}, moved: make(chan struct{})}
	p.ends.Go(p.accept)
	tb.Cleanup(func() {
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		_ = listener.Close()
		p.Hold(false)
		p.Cut()
		p.ends.Wait()
	})
	return p
}

// Connections is how many there have been.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// Hold stops everything that passes, without a word, or lets it go on.
func (p *Proxy) Hold(holds bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.holds != holds {
		p.holds = holds
		close(p.moved)
		p.moved = make(chan struct{})
	}
}

// Cut resets all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.open {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
}

// CutAfter resets each further connection once the peer has sent so much.
func (p *Proxy) CutAfter(bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.after = bytes
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		peer, err := net.Dial("tcp", p.to)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.count++
		p.open[client], p.open[peer] = true, true
		after, closed := p.after, p.closed
		p.mu.Unlock()
		if closed {
			_, _ = client.Close(), peer.Close()
		}
		p.ends.Go(func() { p.pass(peer, client, 0) })
		p.ends.Go(func() { p.pass(client, peer, after) })
	}
}

// pass copies what one side says to the other.
func (p *Proxy) pass(to, from net.Conn, most int64) {
	var passed int64
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		p.wait()
		if most > 0 && passed+int64(n) >= most {
			_, _ = to.Write(buf[:most-passed])
			p.Cut()
			err = io.EOF
			n = 0
		}
		passed += int64(n)
		if _, failed := to.Write(buf[:n]); failed != nil || err != nil {
			break
		}
	}
	_, _ = to.Close(), from.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, to)
	delete(p.open, from)
}

func (p *Proxy) wait() {
	for {
		p.mu.Lock()
		holds, moved := p.holds, p.moved
		p.mu.Unlock()
		if !holds {
			return
		}
		<-moved
	}
}
