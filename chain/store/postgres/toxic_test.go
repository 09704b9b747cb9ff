package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// network is a bad network before a server.
type network struct{ *toxiproxy.Proxy }

func newNetwork(t *testing.T, server string) network {
	t.Helper()
	proxy := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop()), "postgres", "127.0.0.1:0", server)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		proxy.Toxics.ResetToxics(context.Background())
		proxy.Stop()
	})
	return network{proxy}
}

func (n network) add(t *testing.T, toxic string) {
	t.Helper()
	if _, err := n.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		t.Fatal(err)
	}
}

// Half-open connections, on which what is sent is lost without an error, are taken
// for dead: reads and writes go on with new ones, and every write is there once.
func TestHalfOpen(t *testing.T) {
	t.Parallel()
	server := peers.StartPostgres(t)
	w := newWire(t, server.Addr)
	s := open(t, strings.Replace(server.NewDatabase(t), server.Addr, w.listener.Addr().String(), 1), Options{Patience: executortest.Patience, Silence: time.Second})
	defer s.Close()
	if _, err := s.Create(t.Context(), &store.Run{ID: "r", Kind: store.KindTree, Owner: "me", Status: "in_progress"}); err != nil {
		t.Fatal(err)
	}
	const rounds = 1
	for seq := int64(1); seq <= rounds; seq++ {
		w.deafen()
		done := make(chan error, 1)
		s.Append(&store.Batch{RunID: "r", Owner: "me", Transitions: []store.Transition{{Seq: seq, State: "in_progress", At: time.Unix(1, 0)}}}, func(err error) { done <- err })
		if err := <-done; err != nil {
			t.Errorf("writing %d: %v", seq, err)
		}
		w.deafen()
		if list, err := s.Transitions(t.Context(), "r", 0, 0); err != nil || len(list) != int(seq) {
			t.Errorf("reading: %d transitions, %v", len(list), err)
		}
		w.deafen()
		if _, err := s.TakeCancels(t.Context(), "me"); err == nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("taking cancel requests: %v", err)
		}
	}
}

// Through a slow network, one that cuts what is sent into pieces, and one that
// resets connections, every write is there once.
func TestToxic(t *testing.T) {
	t.Parallel()
	server := peers.StartPostgres(t)
	for name, toxics := range map[string][]string{
		"slow":            {`{"name": "a", "type": "latency", "stream": "downstream", "attributes": {"latency": 40, "jitter": 40}}`, `{"name": "b", "type": "latency", "stream": "upstream", "attributes": {"latency": 20}}`},
		"in small pieces": {`{"name": "a", "type": "slicer", "stream": "downstream", "attributes": {"average_size": 7, "size_variation": 3, "delay": 10}}`},
		"reset":           {`{"name": "a", "type": "reset_peer", "stream": "downstream", "attributes": {"timeout": 5}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t, server.Addr)
			s := open(t, strings.Replace(server.NewDatabase(t), server.Addr, n.Listen, 1), Options{Patience: executortest.Patience, Silence: 500 * time.Millisecond})
			defer s.Close()
			if _, err := s.List(t.Context(), store.Query{Limit: 1}); err != nil {
				t.Fatal(err)
			}
			const runs, each = 5, 8
			var all sync.WaitGroup
			for i := range runs {
				all.Go(func() {
					id := fmt.Sprintf("r%d", i)
					if existing, err := s.Create(t.Context(), &store.Run{ID: id, Kind: store.KindTree, Key: id, Owner: "me", Status: "in_progress"}); err != nil || existing != nil {
						t.Errorf("creating %s: %v, %v", id, existing, err)
						return
					}
					for seq := int64(1); seq <= each; seq++ {
						done := make(chan error, 1)
						s.Append(&store.Batch{RunID: id, Owner: "me", Transitions: []store.Transition{{Seq: seq, State: "in_progress", At: time.Unix(1, 0)}}}, func(err error) { done <- err })
						if err := <-done; err != nil {
							t.Errorf("%s, %d: %v", id, seq, err)
						}
						if seq == each/2 && i == 0 {
							for _, each := range toxics {
								n.add(t, each)
							}
							if name == "reset" { // until it is repaired
								time.AfterFunc(time.Second, func() { n.Toxics.ResetToxics(context.Background()) })
							}
						}
					}
				})
			}
			all.Wait()
			for i := range runs {
				list, err := s.Transitions(t.Context(), fmt.Sprintf("r%d", i), 0, 0)
				if err != nil || len(list) != each {
					t.Errorf("run %d has %d transitions, %v", i, len(list), err)
				}
			}
		})
	}
}
