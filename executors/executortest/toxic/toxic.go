// Package toxic puts a bad network between a test and its peer, and holds an
// executor to what it must do there.
package toxic

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Network is a proxy that does to what passes what it was told.
type Network struct {
	// Address is what to dial instead of the peer.
	Address string

	proxy *toxiproxy.Proxy
	valve *valve
}

// New starts a proxy before the peer at an address, for as long as the test
// lasts. Toxics are those of the library, as its interface takes them.
func New(tb testing.TB, peer string, toxic ...string) *Network {
	tb.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	n := &Network{proxy: toxiproxy.NewProxy(server, "peer", "127.0.0.1:0", peer)}
	for _, each := range append([]string{`{"type": "valve"}`}, toxic...) {
		n.add(tb, each)
	}
	n.valve = n.proxy.Toxics.GetToxic("valve_downstream").Toxic.(*valve)
	n.valve.over = make(chan struct{})
	n.Up(tb)
	n.Address = n.proxy.Listen
	tb.Cleanup(func() {
		n.valve.end()
		n.valve.flows.Wait()                             // or the library would wait for those that take nothing
		n.proxy.Toxics.ResetToxics(context.Background()) // lets go of what is held back
		n.proxy.Stop()
	})
	return n
}

// add makes the network worse, also for connections that are open.
func (n *Network) add(tb testing.TB, toxic string) {
	tb.Helper()
	if _, err := n.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		tb.Fatalf("troubling the network: %v", err)
	}
}

// Sent is how many bytes came from the peer.
func (n *Network) Sent() int64 { return n.valve.sent.Load() }

// Connections is how many were made.
func (n *Network) Connections() int { return int(n.valve.connections.Load()) }

// Cut ends each connection once the peer has sent so much over it from now on.
func (n *Network) Cut(after int64) { n.valve.close(after, (*flow).end) }

// Silence lets nothing more through once the peer has sent so much over a
// connection from now on.
func (n *Network) Silence(after int64) { n.valve.close(after, (*flow).stall) }

// Trickle lets a byte through now and then once the peer has sent so much over
// a connection from now on.
func (n *Network) Trickle(after int64) { n.valve.close(after, (*flow).trickle) }

// Down ends all connections; from then on they are refused.
func (n *Network) Down() { n.proxy.Stop() }

// Up takes connections again after Down.
func (n *Network) Up(tb testing.TB) {
	tb.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for begin := time.Now(); ; <-again.C {
		err := n.proxy.Start()
		if err == nil {
			return
		}
		if time.Since(begin) > 5*time.Second { // until then somebody's connection may have the port
			tb.Fatalf("starting the proxy: %v", err)
		}
	}
}

// Heal makes the network good for new connections. Those that have gone silent
// stay so, as they do where a firewall has forgotten them.
func (n *Network) Heal(tb testing.TB) {
	tb.Helper()
	n.valve.closing.Store(nil)
	for _, each := range n.proxy.Toxics.GetToxicArray() {
		if wrapped := each.(*toxics.ToxicWrapper); wrapped.Toxic != toxics.Toxic(n.valve) && wrapped.Name != lingers {
			if err := n.proxy.Toxics.RemoveToxic(context.Background(), wrapped.Name); err != nil {
				tb.Fatalf("healing the network: %v", err)
			}
		}
	}
	if !n.proxy.Enabled {
		n.Up(tb)
	}
}

// End ends all connections that are open.
func (n *Network) End() { n.valve.end() }
