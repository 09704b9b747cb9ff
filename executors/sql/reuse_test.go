package sql_test

import (
	"context"
	databasesql "database/sql"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/sql"
)

// Connections are reused, as the databases count them: one for sequential
// calls, and only a few for many concurrent calls.
func TestConnectionsAreShared(t *testing.T) {
	t.Parallel()
	const counted = "select count(*) from pg_stat_activity where usename = 'caller'"
	for kind, start := range map[string]func(t *testing.T) (policy.Connection, func() int){
		"postgres": func(t *testing.T) (policy.Connection, func() int) {
			server := peers.StartPostgres(t)
			admin, err := pgx.Connect(context.Background(), server.Superuser())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = admin.Close(context.Background()) })
			if _, err := admin.Exec(context.Background(), "create role caller login"); err != nil {
				t.Fatal(err)
			}
			return policy.Connection{Kind: "postgres", DSN: server.DSN("caller", "postgres")}, func() (n int) {
				if err := admin.QueryRow(context.Background(), counted).Scan(&n); err != nil {
					t.Error(err)
				}
				return n
			}
		},
		"mariadb": func(t *testing.T) (policy.Connection, func() int) {
			server := peers.StartMariaDB(t)
			admin, err := databasesql.Open("mysql", server.DSN("root", "", "test"))
			if err != nil {
				t.Fatal(err)
			}
			admin.SetMaxOpenConns(1)
			t.Cleanup(func() { _ = admin.Close() })
			count := func() (n int) {
				var name string
				if err := admin.QueryRow("show global status like 'Connections'").Scan(&name, &n); err != nil {
					t.Error(err)
				}
				return n
			}
			for _, each := range []string{"create user caller@'%'", "grant select on test.* to caller@'%'"} {
				if _, err := admin.Exec(each); err != nil {
					t.Fatal(err)
				}
			}
			before := count()
			return policy.Connection{Kind: "mysql", DSN: server.DSN("caller", "", "test")}, func() int { return count() - before }
		},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			connection, connected := start(t)
			registry := executortest.Registry(t, executortest.Policy(t, connections(map[string]policy.Connection{"db": connection})), sql.New())
			who := map[string]string{"postgres": "select pg_backend_pid() as x", "mariadb": "select connection_id() as x"}[kind]
			var mu sync.Mutex
			seen := map[string]bool{} // the server's ids of the connections
			call := func() {
				out := executortest.Call(t, registry, "db_query", `{"connection": "db", "query": "`+who+`"}`)
				if out.Err != nil {
					t.Error(out.Err)
				}
				mu.Lock()
				defer mu.Unlock()
				seen[string(out.Result)] = true
			}
			for range 50 {
				call()
			}
			if n := connected(); n != 1 || len(seen) != 1 {
				t.Errorf("%d connections for 50 calls, one after the other: %v", n, seen)
			}
			var all sync.WaitGroup
			for range 64 {
				all.Go(call)
			}
			all.Wait()
			if n := connected(); n > 8 || len(seen) > 8 {
				t.Errorf("%d connections for 64 calls at a time: %v", n, seen)
			}
		})
	}
}
