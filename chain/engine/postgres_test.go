package engine_test

import (
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/internal/enginetest"
	"github.com/chainwright/chainwright/chain/store/postgres"
	"github.com/chainwright/chainwright/executors"
	servers "github.com/chainwright/chainwright/executors/executortest/peers"
)

// The suite of all engines holds with runs in PostgreSQL.
func TestEngineOnPostgres(t *testing.T) {
	t.Parallel()
	server := servers.StartPostgres(t)
	enginetest.Run(t, func(t testing.TB, registry *executors.Registry) chain.Engine {
		s, err := postgres.Open(server.NewDatabase(t), postgres.Options{OnError: func(err error) { t.Error(err) }})
		if err != nil {
			t.Fatal(err)
		}
		closeStore(t, s)
		return engine.New(engine.Options{Registry: registry, Store: s})
	})
}
