package grpc

import (
	"sync"
	"testing"
)

// TestConnectionsAreShared counts the TCP connections of many calls.
func TestConnectionsAreShared(t *testing.T) {
	t.Parallel()
	s, d := start(t, options{v1: true}), open(t, local(t))
	for range 20 {
		if _, failure := d.echo(s.address, "Unary", `, "request": {"text": "x"}`); failure != nil {
			t.Fatal(failure)
		}
	}
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			if _, failure := d.echo(s.address, "Download", `, "request": {"text": "x", "big_count": 3}`); failure != nil {
				t.Error(failure)
			}
		})
	}
	all.Wait()
	if n := s.connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}
