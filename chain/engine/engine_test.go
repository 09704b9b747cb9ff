package engine_test

import (
	"path/filepath"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/internal/enginetest"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/chain/store/sqlite"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// TestEngine runs the suite of all engines with every kind of store.
func TestEngine(t *testing.T) {
	t.Parallel()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			enginetest.Run(t, func(t testing.TB, registry *executors.Registry) chain.Engine {
				s := open(t)
				closeStore(t, s)
				return engine.New(engine.Options{Registry: registry, Store: s})
			})
		})
	}
}

// bench is an engine with its parts.
type bench struct {
	*enginetest.Bench
	engine *engine.Engine
	store  store.Store
}

// stores are the kinds of store that tests use.
var stores = map[string]func(t testing.TB) store.Store{
	"memory": func(testing.TB) store.Store { return memory.Open(memory.Options{}) },
	"sqlite": func(t testing.TB) store.Store {
		return sqlite.Open(filepath.Join(t.TempDir(), "runs.db"), sqlite.Options{OnError: func(err error) { t.Error(err) }})
	},
}

func closeStore(t testing.TB, s store.Store) {
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
}

// newBench returns an engine with a store. The test closes both at its end.
func newBench(t testing.TB, s store.Store, opts engine.Options, cfg policy.Config) *bench {
	t.Helper()
	b := &bench{store: s}
	closeStore(t, s)
	b.Bench = enginetest.NewBench(t, func(_ testing.TB, registry *executors.Registry) chain.Engine {
		opts.Registry, opts.Store = registry, s
		b.engine = engine.New(opts)
		return b.engine
	}, cfg)
	return b
}

// each runs a test with every kind of store.
func each(t *testing.T, opts engine.Options, test func(t *testing.T, b *bench)) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newBench(t, open(t), opts, policy.Config{}))
		})
	}
}
