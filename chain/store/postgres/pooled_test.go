package postgres

import (
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain/internal/storetest"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// The store works through PgBouncer in transaction mode, where each transaction
// may use another connection to the server, and says that it does.
func TestPooled(t *testing.T) {
	t.Parallel()
	server := peers.StartPostgres(t)
	pooler := peers.StartPgBouncer(t, server)
	through := func(t *testing.T) *Store {
		t.Helper()
		return open(t, strings.Replace(server.NewDatabase(t), server.Addr, pooler, 1), Options{})
	}
	storetest.Run(t, func(t *testing.T) store.Store { t.Helper(); return through(t) })
	for pooled, s := range map[string]*Store{"yes": through(t), "no": open(t, server.NewDatabase(t), Options{})} {
		about, err := s.About(t.Context())
		if err != nil || about.Pooled != pooled || !strings.HasPrefix(about.Server, "PostgreSQL 1") || about.Latency <= 0 || about.Schema < 3 {
			t.Errorf("pooled %s: %+v, %v", pooled, about, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
