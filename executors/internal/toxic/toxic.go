// Package toxic simulates a bad network between a test and a server, and checks
// how an executor behaves on it.
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

// Network is a proxy that delays, cuts or blocks the data that passes through it.
type Network struct {
	// Address is the address to dial instead of the server's.
	Address string

	proxy *toxiproxy.Proxy
	valve *valve
}

// New starts a proxy for the server at an address. It runs until the test ends.
// Toxics are JSON, in the form of toxiproxy's HTTP API.
func New(tb testing.TB, peer string, toxic ...string) *Network {
	tb.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	n := &Network{proxy: toxiproxy.NewProxy(server, "peer", "127.0.0.1:0", peer)}
	for _, each := range append([]string{`{"type": "valve"}`}, toxic...) {
		n.add(tb, each)
	}
	n.valve = n.proxy.Toxics.GetToxic("valve_downstream").Toxic.(*valve)
	n.valve.init()
	n.Up(tb)
	n.Address = n.proxy.Listen
	tb.Cleanup(func() {
		n.valve.stop()                                   // otherwise the library waits for blocked connections
		n.proxy.Toxics.ResetToxics(context.Background()) // releases delayed data
		n.proxy.Stop()
	})
	return n
}

// add adds a toxic. It also applies to open connections.
func (n *Network) add(tb testing.TB, toxic string) {
	tb.Helper()
	if _, err := n.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		tb.Fatalf("add a toxic: %v", err)
	}
}

// Sent returns how many bytes the server has sent.
func (n *Network) Sent() int64 { return n.valve.sent.Load() }

// Connections returns how many connections were opened.
func (n *Network) Connections() int { return int(n.valve.connections.Load()) }

// Cut closes each connection after the server has sent that many more bytes on it.
func (n *Network) Cut(after int64) { n.valve.close(after, (*flow).end) }

// Silence blocks each connection after the server has sent that many more bytes
// on it.
func (n *Network) Silence(after int64) { n.valve.close(after, (*flow).stall) }

// Trickle slows each connection to a few bytes per second after the server has
// sent that many more bytes on it.
func (n *Network) Trickle(after int64) { n.valve.close(after, (*flow).trickle) }

// Down closes all connections and refuses new ones.
func (n *Network) Down() { n.proxy.Stop() }

// Up accepts connections again after Down.
func (n *Network) Up(tb testing.TB) {
	tb.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for begin := time.Now(); ; <-again.C {
		err := n.proxy.Start()
		if err == nil {
			return
		}
		if time.Since(begin) > 5*time.Second { // another connection may use the port for a while
			tb.Fatalf("start the proxy: %v", err)
		}
	}
}

// Heal removes all faults for new connections. Silent connections stay silent, as
// after a firewall has dropped them.
func (n *Network) Heal(tb testing.TB) {
	tb.Helper()
	n.valve.closing.Store(nil)
	for _, each := range n.proxy.Toxics.GetToxicArray() {
		if wrapped := each.(*toxics.ToxicWrapper); wrapped.Toxic != toxics.Toxic(n.valve) && wrapped.Name != lingers {
			if err := n.proxy.Toxics.RemoveToxic(context.Background(), wrapped.Name); err != nil {
				tb.Fatalf("remove a toxic: %v", err)
			}
		}
	}
	if !n.proxy.Enabled {
		n.Up(tb)
	}
}

// End closes all open connections.
func (n *Network) End() { n.valve.end() }
