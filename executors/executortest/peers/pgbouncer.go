package peers

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pgBouncer is the configuration of a pooler whose connections are shared after
// each transaction.
const pgBouncer = `[databases]
* = host=127.0.0.1 port=SERVER user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = PORT
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
max_client_conn = 500
`

// StartPgBouncer starts PgBouncer in transaction mode before a server, and returns
// the address to use instead of the server's. A database has three connections.
func StartPgBouncer(t testing.TB, server *Postgres) (address string) {
	t.Helper()
	program := find(t, "pgbouncer", "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin")
	account := account(t)
	dir, err := os.MkdirTemp("", "pgbouncer-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	address = freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	_, behind, _ := net.SplitHostPort(server.Addr)
	file := filepath.Join(dir, "pgbouncer.ini")
	write(t, file, strings.NewReplacer("SERVER", behind, "PORT", port).Replace(pgBouncer))
	if account != nil {
		giveTo(t, dir, account)
		giveTo(t, file, account)
	}
	start(t, commandAs(account, program, "-q", file), address)
	return address
}
