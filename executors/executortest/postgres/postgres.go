// Package postgres starts a real PostgreSQL for a test, on loopback, and ends
// it with the test. Where the machine has none the test is skipped, with the
// reason.
package postgres

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Server is a running PostgreSQL.
type Server struct {
	// Addr is where it listens, as host:port.
	Addr string
	// Dir is its data folder.
	Dir string
}

// DSN names a database of the server, and who connects: no password is asked
// for. The superuser is postgres.
func (s *Server) DSN(user, database string) string {
	return fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", user, s.Addr, database)
}

// Superuser is the DSN of the superuser, on the database postgres.
func (s *Server) Superuser() string { return s.DSN("postgres", "postgres") }

// Start starts a server of its own for a test. Settings are as on its command
// line, "log_statement=all".
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	bin := binaries(t)
	account := account(t)
	base, err := os.MkdirTemp("", "postgres-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	s := &Server{Dir: filepath.Join(base, "data")}
	if account != nil {
		give(t, base, account)
	}
	run(t, account, filepath.Join(bin, "initdb"), "-D", s.Dir, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--no-instructions")
	port := freePort(t)
	s.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	options := []string{
		"-c listen_addresses=127.0.0.1", "-c port=" + strconv.Itoa(port), "-c unix_socket_directories=", "-c fsync=off", "-c shared_buffers=16MB",
	}
	for _, each := range settings {
		options = append(options, "-c "+each)
	}
	log := filepath.Join(base, "log")
	t.Cleanup(func() {
		if t.Failed() {
			if text, err := os.ReadFile(log); err == nil {
				t.Logf("the server's log:\n%s", text)
			}
		}
	})
	t.Cleanup(func() {
		stop := command(account, filepath.Join(bin, "pg_ctl"), "-D", s.Dir, "-m", "immediate", "-w", "stop")
		if out, err := stop.CombinedOutput(); err != nil {
			t.Logf("stopping PostgreSQL: %v: %s", err, out)
		}
	})
	run(t, account, filepath.Join(bin, "pg_ctl"), "-D", s.Dir, "-l", log, "-o", strings.Join(options, " "), "-w", "start")
	return s
}

// binaries finds the newest server that is installed.
func binaries(t testing.TB) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) > 0 {
		newest := found[0]
		for _, each := range found {
			if version(each) > version(newest) {
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

func version(initdb string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	return n
}

// account is who the server runs as where the test runs as root, which
// PostgreSQL refuses.
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

func give(t testing.TB, dir string, to *user.User) {
	t.Helper()
	uid, _ := strconv.Atoi(to.Uid)
	gid, _ := strconv.Atoi(to.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func command(account *user.User, name string, args ...string) *exec.Cmd {
	if account == nil {
		return exec.Command(name, args...)
	}
	// The shell is given the arguments, not a text that it would split.
	shell := append([]string{account.Username, "-s", "/bin/sh", "-c", `exec "$0" "$@"`, "--", name}, args...)
	cmd := exec.Command("su", shell...)
	cmd.Dir = "/"
	return cmd
}

func run(t testing.TB, account *user.User, name string, args ...string) {
	t.Helper()
	cmd := command(account, name, args...)
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
