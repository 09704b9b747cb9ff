// Package toxic puts a bad network between a test and its peer.
package toxic

import (
	"context"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// What can be wrong with a network. Answers are what the peer sends.
const (
	// Slow delays answers by longer than any test waits.
	Slow = `{"type": "latency", "stream": "downstream", "attributes": {"latency": 60000}}`
	// Late delays answers a little.
	Late = `{"type": "latency", "stream": "downstream", "attributes": {"latency": 50, "jitter": 10}}`
	// Cut ends the connection after a few bytes of the answer.
	Cut = `{"type": "limit_data", "stream": "downstream", "attributes": {"bytes": 20}}`
	// CutLater lets a handshake through, and ends the connection then.
	CutLater = `{"type": "limit_data", "stream": "downstream", "attributes": {"bytes": 1000}}`
	// Reset resets the connection as soon as something is sent.
	Reset = `{"type": "reset_peer", "stream": "upstream", "attributes": {"timeout": 0}}`
	// Silent swallows every answer.
	Silent = `{"type": "timeout", "stream": "downstream", "attributes": {"timeout": 0}}`
	// Shredded sends answers in pieces of a few bytes.
	Shredded = `{"type": "slicer", "stream": "downstream", "attributes": {"average_size": 5, "size_variation": 3, "delay": 100}}`
)

// Network is a proxy that does to a peer's answers what it was told.
type Network struct {
	// Address is what to dial instead of the peer.
	Address string
	proxy   *toxiproxy.Proxy
}

// New starts a proxy before the peer at an address, for as long as the test
// lasts.
func New(tb testing.TB, peer string, troubles ...string) *Network {
	tb.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "peer", "127.0.0.1:0", peer)
	if err := proxy.Start(); err != nil {
		tb.Fatalf("starting the proxy: %v", err)
	}
	tb.Cleanup(func() {
		proxy.Toxics.ResetToxics(context.Background()) // lets go of what is held back
		proxy.Stop()
	})
	n := &Network{Address: proxy.Listen, proxy: proxy}
	for _, trouble := range troubles {
		n.Add(tb, trouble)
	}
	return n
}

// Add makes the network worse, also for connections that are open.
func (n *Network) Add(tb testing.TB, trouble string) {
	tb.Helper()
	if _, err := n.proxy.Toxics.AddToxicJson(strings.NewReader(trouble)); err != nil {
		tb.Fatalf("troubling the network: %v", err)
	}
}
