package postgres

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/chain/internal/storetest"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors/executortest/peers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dsn string, opts Options) *Store {
	t.Helper()
	opts.OnError = func(err error) { t.Log(err) }
	s, err := Open(dsn, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	server := peers.StartPostgres(t)
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, server.NewDatabase(t), Options{}) })
}

// An error about a DSN names no password.
func TestDSN(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{"postgres://u:s3cret@[bad/x", "postgres://u:s3cret@h/x?sslmode=what"} {
		if _, err := Open(dsn, Options{}); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}
