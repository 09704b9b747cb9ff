package sql_test

import (
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
)

// TestReadModeRefusesPowerfulAccounts: a READ ONLY transaction does not restrict
// what these accounts may do to files and sessions.
func TestReadModeRefusesPowerfulAccounts(t *testing.T) {
	t.Parallel()
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		server := peers.StartPostgres(t)
		all := map[string]policy.Connection{"postgres": {Kind: "postgres", DSN: server.Superuser(), Write: true}, "plain": {}, "inherits": {}}
		connect(t, "pgx", server.Superuser(), "create role plain login; create role admins superuser; create role inherits login in role admins; create role repl login replication")
		for _, power := range []string{"pg_read_server_files", "pg_write_server_files", "pg_execute_server_program", "pg_signal_backend", "repl"} {
			name := "with_" + power
			if power == "repl" {
				name = power
			} else {
				connect(t, "pgx", server.Superuser(), "create role "+name+" login noinherit in role "+power)
			}
			all[name] = policy.Connection{}
		}
		for name := range all {
			if name != "postgres" {
				all[name] = policy.Connection{Kind: "postgres", DSN: server.DSN(name, "postgres")}
			}
		}
		refusesPowers(t, newClient(t, connections(all)), all)
	})
	t.Run("mariadb", func(t *testing.T) {
		t.Parallel()
		server := peers.StartMariaDB(t)
		root := server.DSN("root", "", "test")
		all := map[string]policy.Connection{"root": {Kind: "mysql", DSN: root, Write: true}, "plain": {Kind: "mysql", DSN: server.DSN("plain", "", "test")}}
		connect(t, "mysql", root, "create user plain@'%'")
		connect(t, "mysql", root, "grant select on test.* to plain@'%'")
		for _, power := range []string{"file", "process", "super", "shutdown", "reload", "connection admin"} {
			name := "with_" + strings.ReplaceAll(power, " ", "_")
			connect(t, "mysql", root, "create user "+name+"@'%'")
			connect(t, "mysql", root, "grant "+power+" on *.* to "+name+"@'%'")
			all[name] = policy.Connection{Kind: "mysql", DSN: server.DSN(name, "", "")}
		}
		refusesPowers(t, newClient(t, connections(all)), all)
	})
}

func refusesPowers(t *testing.T, c *client, all map[string]policy.Connection) {
	t.Helper()
	for name := range all {
		_, err := c.query(t, name, "select 1 as a", nil)
		if name == "plain" {
			must(t)(answer{}, err)
			continue
		}
		if e := failure(t, err); e.Type != executors.PermissionDenied || e.Field != "connection" || e.Hint == "" {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
