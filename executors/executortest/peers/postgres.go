package peers

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Postgres is a running PostgreSQL.
type Postgres struct {
	// Addr is the address, as host:port.
	Addr string
	// Dir is its data folder.
	Dir string

	databases atomic.Int64
	control   func(args ...string) // runs pg_ctl
	start     []string
}

// DSN returns the DSN of a database and a user. No password is needed. The
// superuser is postgres.
func (s *Postgres) DSN(user, database string) string {
	return fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", user, s.Addr, database)
}

// Superuser returns the DSN of the superuser and the database postgres.
func (s *Postgres) Superuser() string { return s.DSN("postgres", "postgres") }

// NewDatabase makes a database and returns its DSN for the superuser.
func (s *Postgres) NewDatabase(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", s.databases.Add(1))
	conn, err := pgx.Connect(context.Background(), s.Superuser())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), "create database "+name); err != nil {
		t.Fatal(err)
	}
	return s.DSN("postgres", name)
}

// StartPostgres starts a server for one test. Settings have the form of its command
// line: "log_statement=all".
func StartPostgres(t testing.TB, settings ...string) *Postgres {
	t.Helper()
	bin := postgresFolder(t)
	account := account(t)
	base, err := os.MkdirTemp("", "postgres-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	s := &Postgres{Dir: filepath.Join(base, "data")}
	if account != nil {
		giveTo(t, base, account)
	}
	runAs(t, account, filepath.Join(bin, "initdb"), "-D", s.Dir, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--no-instructions")
	s.Addr = freeAddress(t)
	_, port, _ := net.SplitHostPort(s.Addr)
	log := filepath.Join(base, "log")
	options := []string{
		"-c listen_addresses=127.0.0.1", "-c port=" + port, "-c unix_socket_directories=", "-c fsync=off", "-c shared_buffers=16MB",
	}
	for _, each := range settings {
		options = append(options, "-c "+each)
	}
	t.Cleanup(func() {
		if t.Failed() {
			if text, err := os.ReadFile(log); err == nil {
				t.Logf("the server's log:\n%s", text)
			}
		}
	})
	s.control = func(args ...string) {
		t.Helper()
		runAs(t, account, filepath.Join(bin, "pg_ctl"), append([]string{"-D", s.Dir, "-w"}, args...)...)
	}
	t.Cleanup(func() {
		stop := commandAs(account, filepath.Join(bin, "pg_ctl"), "-D", s.Dir, "-m", "immediate", "-w", "stop")
		if out, err := stop.CombinedOutput(); err != nil {
			t.Logf("stopping PostgreSQL: %v: %s", err, out)
		}
	})
	s.start = []string{"-l", log, "-o", strings.Join(options, " "), "start"}
	s.control(s.start...)
	return s
}

// Crash ends the server as a crash does, and Start starts it again: it recovers.
func (s *Postgres) Crash() { s.control("-m", "immediate", "stop") }

// Start starts the server again after Crash.
func (s *Postgres) Start() { s.control(s.start...) }

// postgresVariable is the environment variable with the folder of the programs of
// another server than the newest one that is installed.
const postgresVariable = "CHAINWRIGHT_TEST_POSTGRES"

// postgresFolder returns the folder of the newest server that is installed.
func postgresFolder(t testing.TB) string {
	t.Helper()
	if folder := os.Getenv(postgresVariable); folder != "" {
		return folder
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) > 0 {
		newest := found[0]
		for _, each := range found {
			if postgresVersion(each) > postgresVersion(newest) {
				newest = each
			}
		}
		return filepath.Dir(newest)
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	t.Skip("PostgreSQL is not installed here: apt-get install postgresql")
	return ""
}

func postgresVersion(initdb string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	return n
}

// account returns the user that the server runs as if the test runs as root,
// which PostgreSQL refuses.
func account(t testing.TB) *user.User {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	found, err := user.Lookup("postgres")
	if err != nil {
		t.Skip("PostgreSQL does not run as root, and there is no account postgres")
	}
	return found
}

// giveTo makes a user the owner of a folder.
func giveTo(t testing.TB, dir string, to *user.User) {
	t.Helper()
	uid, _ := strconv.Atoi(to.Uid)
	gid, _ := strconv.Atoi(to.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
}

func commandAs(account *user.User, name string, args ...string) *exec.Cmd {
	if account == nil {
		return exec.Command(name, args...)
	}
	// Arguments are passed separately, so that the shell does not split them.
	shell := append([]string{account.Username, "-s", "/bin/sh", "-c", `exec "$0" "$@"`, "--", name}, args...)
	cmd := exec.Command("su", shell...)
	cmd.Dir = "/"
	return cmd
}

func runAs(t testing.TB, account *user.User, name string, args ...string) {
	t.Helper()
	cmd := commandAs(account, name, args...)
	// The server keeps the output open, so it must not be a pipe.
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name())
		t.Fatalf("running %s: %v: %s", filepath.Base(name), err, text)
	}
}
