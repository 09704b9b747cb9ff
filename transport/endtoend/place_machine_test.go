package endtoend

import (
	"database/sql"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver sqlite

	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// nothing needs only the machine itself.
func nothing(*testing.T, string) *place { return &place{} }

// files is a folder with files.
func files(t *testing.T, work string) *place {
	var orders strings.Builder
	orders.WriteString("id,item\n")
	for id := range 24 {
		fmt.Fprintf(&orders, "%d,%s\n", id+1, []string{"pen", "ink"}[id%2])
	}
	write(t, filepath.Join(work, "notes.txt"), "Call Ada.\n")
	write(t, filepath.Join(work, "data", "orders.csv"), orders.String())
	write(t, filepath.Join(work, "data", "totals.csv"), "id,total\n007,90.5\n")
	write(t, filepath.Join(work, "logo.gif"), "GIF89a\x01\x00\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02L\x01\x00;")
	return &place{settings: policyOf(map[string]any{"files": folder(work)})}
}

// repository is a folder under git, with two commits and a new file.
func repository(t *testing.T, work string) *place {
	var programs []any
	for _, name := range []string{"git", "grep"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Skipf("%s is not installed, and the examples start it", name)
		}
		programs = append(programs, map[string]any{"path": path})
	}
	git := func(arguments ...string) {
		cmd := exec.Command("git", append([]string{"-C", work, "-c", "user.name=Ada", "-c", "user.email=ada@example.com"}, arguments...)...)
		text, err := cmd.CombinedOutput()
		require.NoError(t, err, "git %q: %s", arguments, text)
	}
	git("init", "--quiet")
	git("commit", "--quiet", "--allow-empty", "--message", "Begin")
	git("commit", "--quiet", "--allow-empty", "--message", "Count twice")
	write(t, filepath.Join(work, "notes.txt"), "Call Ada.\n")
	return &place{settings: policyOf(map[string]any{"command": map[string]any{"programs": programs}, "files": folder(work)})}
}

// remoteHost is a host to log in to.
func remoteHost(t *testing.T, _ string) *place {
	host := peers.StartSSHD(t)
	return &place{settings: policyOf(map[string]any{
		"ssh": map[string]any{"hosts": []any{"web01"}},
		"connections": map[string]any{"web01": map[string]any{
			"kind": "ssh", "host": host.Host, "port": host.Port, "user": host.User, "key_file": host.Key, "known_hosts": host.KnownHosts,
		}},
	})}
}

// orderBook is a database in a file.
func orderBook(t *testing.T, work string) *place {
	path := filepath.Join(work, "orders.db")
	prepare(t, "sqlite", path,
		"create table orders (id integer primary key, city text, total real)",
		"insert into orders values (1, 'Oslo', 12.5), (2, 'Rome', 30), (3, 'Oslo', 7.25)")
	return connected("orders", "sqlite", path)
}

// databases has one database of each kind.
func databases(t *testing.T, work string) *place {
	at := together(orderBook(t, work))
	if reason := attempt(t, func(tb testing.TB) {
		server := peers.StartPostgres(tb)
		prepare(tb, "pgx", server.Superuser(), "create role reader login", "grant pg_read_all_data to reader", "create table shelves (item text, stock integer)", "insert into shelves values ('pen', 3), ('ink', 5), ('ink', 2), ('nib', 0)")
		*at = *together(at, connected("warehouse", "postgres", server.DSN("reader", "postgres")))
	}); reason != "" {
		at.absent[`"warehouse"`] = reason
	}
	if reason := attempt(t, func(tb testing.TB) {
		server := peers.StartMariaDB(tb)
		prepare(tb, "mysql", server.DSN("root", "", "test"), "create user reader@'%'", "grant select on test.* to reader@'%'", "create table customers (name text, city text, since date)",
			"insert into customers values ('Bob', 'Oslo', '2021-02-03'), ('Ada', 'Oslo', '2019-05-01'), ('Eve', 'Rome', '2018-01-01')")
		*at = *together(at, connected("customers", "mysql", server.DSN("reader", "", "test")))
	}); reason != "" {
		at.absent[`"customers"`] = reason
	}
	return at
}

// connected is a database that the operator has configured by name.
func connected(name, kind, dsn string) *place {
	return &place{settings: policyOf(map[string]any{"connections": map[string]any{name: map[string]any{"kind": kind, "dsn": dsn, "write": true}}})}
}

func prepare(t testing.TB, driver, dsn string, statements ...string) {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	defer db.Close()
	for _, each := range statements {
		_, err := db.Exec(each)
		require.NoError(t, err, each)
	}
}
