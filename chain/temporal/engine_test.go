//go:build temporal

package temporal_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/internal/enginetest"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/chain/temporal"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// queues numbers the task queues of engines: those of different tests do each
// their own work.
var queues atomic.Int64

// open returns an engine with the runs of a store. The test closes both.
func open(t testing.TB, server *peers.Temporal, registry *executors.Registry, s store.Store) *temporal.Engine {
	t.Helper()
	return openWith(t, server, registry, s, true)
}

// openWith returns an engine with other options, which does tasks only with work.
func openWith(t testing.TB, server *peers.Temporal, registry *executors.Registry, s store.Store, work bool, change ...func(*temporal.Options)) *temporal.Engine {
	t.Helper()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	opts := temporal.Options{
		Address: temporal.Address{Host: server.Addr, Namespace: "default"}, Registry: registry, Store: s, Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel),
		Queue: fmt.Sprintf("test-%d", queues.Add(1)), BeatEvery: 200 * time.Millisecond,
	}
	for _, each := range change {
		each(&opts)
	}
	e, err := temporal.Open(t.Context(), opts)
	if err == nil && work {
		err = e.Work()
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// The suite of all engines holds.
func TestEngine(t *testing.T) {
	t.Parallel()
	server := peers.StartTemporal(t)
	enginetest.Run(t, func(t testing.TB, registry *executors.Registry) chain.Engine {
		return open(t, server, registry, memory.Open(memory.Options{}))
	})
}
