package postgres

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// Many processes may meet a new database at once. None causes an error in the log of
// the server.
func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	server := peers.StartPostgres(t)
	dsn := server.NewDatabase(t)
	var all sync.WaitGroup
	for range 8 {
		s := open(t, dsn, Options{})
		all.Go(func() {
			defer s.Close()
			if _, err := s.List(t.Context(), store.Query{Anyone: true, Limit: 1}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	log, err := os.ReadFile(filepath.Join(filepath.Dir(server.Dir), "log"))
	if err != nil || strings.Contains(string(log), "ERROR:") {
		t.Errorf("the log of the server: %s, %v", log, err)
	}
}

// A schema of a later program is refused, and left as it is.
func TestLaterSchema(t *testing.T) {
	t.Parallel()
	dsn := peers.StartPostgres(t).NewDatabase(t)
	s := open(t, dsn, Options{})
	if _, err := s.List(t.Context(), store.Query{Limit: 1}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "insert into chainwright.migrations (version) values (99)"); err != nil {
		t.Fatal(err)
	}
	s = open(t, dsn, Options{})
	defer s.Close()
	if _, err := s.List(t.Context(), store.Query{Limit: 1}); err == nil || !strings.Contains(err.Error(), "version 99") {
		t.Errorf("a later schema: %v", err)
	}
}
