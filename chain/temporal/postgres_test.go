//go:build temporal

package temporal_test

import (
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/internal/enginetest"
	"github.com/chainwright/chainwright/chain/store/postgres"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// The suite of all engines holds with runs in PostgreSQL, which the program needs
// for this engine.
func TestEngineOnPostgres(t *testing.T) {
	t.Parallel()
	server, database := peers.StartTemporal(t), peers.StartPostgres(t)
	enginetest.Run(t, func(t testing.TB, registry *executors.Registry) chain.Engine {
		s, err := postgres.Open(database.NewDatabase(t), postgres.Options{OnError: func(err error) { t.Error(err) }})
		if err != nil {
			t.Fatal(err)
		}
		return open(t, server, registry, s)
	})
}
