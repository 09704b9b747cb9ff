package sql_test

import (
	"context"
	databasesql "database/sql"
	"fmt"
	"net"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/internal/toxic"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/sql"
)

// faulty is a database for the table of faults, with an account for each
// connection path, so that the connections left by each can be counted.
type faulty struct {
	*databasesql.DB
	kind, address string
	dsn           func(account, address string) string
	account, left string // statements
	write         string
}

func postgresFaults(t *testing.T, server *peers.Postgres) {
	faults(t, faulty{
		DB: connect(t, "pgx", server.Superuser(), "create table notes (v text); grant all on notes to public"), kind: "postgres", address: server.Addr,
		dsn: func(account, address string) string {
			return "postgres://" + account + ":hidden-word@" + address + "/postgres?sslmode=disable"
		},
		account: `create role "ACCOUNT" login`,
		left:    `select state || ' ' || query from pg_stat_activity where usename = 'ACCOUNT' and (state <> 'idle' or backend_xid is not null)`,
		write:   "insert into notes values (repeat('x', 5000) || 'the end') returning v",
	})
}

func mysqlFaults(t *testing.T, server *peers.MariaDB) {
	faults(t, faulty{
		DB: connect(t, "mysql", server.DSN("root", "", "test"), "create table notes (v text)"), kind: "mysql", address: server.Addr,
		dsn:     func(account, address string) string { return account + ":hidden-word@tcp(" + address + ")/test" },
		account: "grant all on test.* to `ACCOUNT`@'%' identified by 'hidden-word'",
		left: "select concat(command, ' ', ifnull(info, '')) from information_schema.processlist where user = 'ACCOUNT' and (command <> 'Sleep' " +
			"or id in (select trx_mysql_thread_id from information_schema.innodb_trx))",
		write: "insert into notes values (concat(repeat('x', 5000), 'the end')) returning v",
	})
}

func connect(t *testing.T, driver, dsn, schema string) *databasesql.DB {
	t.Helper()
	admin, err := databasesql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	if _, err := admin.ExecContext(t.Context(), schema); err != nil {
		t.Fatal(err)
	}
	return admin
}

func faults(t *testing.T, f faulty) {
	t.Helper()
	for mode, query := range map[string]string{"read": "select concat(repeat('x', 5000), 'the end') as v", "write": f.write} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			account := func(address string) string {
				_, port, _ := net.SplitHostPort(address)
				return mode + port
			}
			toxic.Faults(t, toxic.Peer{
				Address: f.address, Executor: "db_query", Answer: "the end", Secret: "hidden-word", Keeps: true, Names: []string{"orders"}, Once: mode == "write", Amid: mode == "write",
				Open: func(tb testing.TB, address string) *executors.Registry {
					if _, err := f.ExecContext(tb.Context(), strings.ReplaceAll(f.account, "ACCOUNT", account(address))); err != nil {
						tb.Fatal(err)
					}
					return executortest.Registry(tb, executortest.Policy(tb, connections(map[string]policy.Connection{
						"orders": {Kind: f.kind, DSN: f.dsn(account(address), address), Write: true},
					})), sql.New())
				},
				Inputs: func(string) string {
					return fmt.Sprintf(`{"connection": "orders", "mode": %q, "query": %q}`, mode, query)
				},
				Left: func(address string) []string { return f.texts(strings.ReplaceAll(f.left, "ACCOUNT", account(address))) },
			})
		})
	}
}

// texts are the rows of a query.
func (f faulty) texts(query string) []string {
	rows, err := f.QueryContext(context.Background(), query)
	if err != nil {
		return []string{err.Error()}
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var each string
		if err := rows.Scan(&each); err != nil {
			return []string{err.Error()}
		}
		all = append(all, each)
	}
	if err := rows.Err(); err != nil {
		all = append(all, err.Error())
	}
	return all
}
