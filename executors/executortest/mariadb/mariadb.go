// Package mariadb starts a real MariaDB for a test, on loopback, and ends it
// with the test. Where the machine has none the test is skipped, with the
// reason.
package mariadb

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver "mysql"
)

// Server is a running MariaDB.
type Server struct {
	// Addr is where it listens, as host:port.
	Addr string
	// Dir is its data folder.
	Dir string
}

// DSN names a database of the server, and who connects. The superuser is
// root, without a password; the database test is there.
func (s *Server) DSN(user, password, database string) string {
	return fmt.Sprintf("%s:%s@tcp(%s)/%s", user, password, s.Addr, database)
}

// Start starts a server of its own for a test.
func Start(t testing.TB) *Server {
	t.Helper()
	server, install := find(t, "mariadbd"), find(t, "mariadb-install-db")
	base, err := os.MkdirTemp("", "mariadb-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	s := &Server{Dir: filepath.Join(base, "data")}
	common := []string{"--no-defaults", "--datadir=" + s.Dir}
	if os.Geteuid() == 0 {
		account, err := user.Lookup("mysql")
		if err != nil {
			t.Skip("MariaDB does not run as root, and there is no account mysql")
		}
		uid, _ := strconv.Atoi(account.Uid)
		gid, _ := strconv.Atoi(account.Gid)
		if err := os.Chown(base, uid, gid); err != nil {
			t.Fatal(err)
		}
		common = append(common, "--user=mysql")
	}
	if out, err := exec.Command(install, append(common, "--auth-root-authentication-method=normal")...).CombinedOutput(); err != nil {
		t.Fatalf("making the data folder: %v: %s", err, out)
	}
	port := freePort(t)
	s.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	log := filepath.Join(base, "log")
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(server, append(common, "--bind-address=127.0.0.1", "--port="+strconv.Itoa(port),
		"--socket="+filepath.Join(base, "socket"), "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M", "--skip-name-resolve")...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			text, _ := os.ReadFile(log)
			t.Logf("the server's log:\n%s", text)
		}
	})
	s.wait(t, ended, log)
	return s
}

func find(t testing.TB, name string) string {
	t.Helper()
	for _, dir := range []string{"/usr/sbin", "/usr/bin"} {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip("MariaDB is not installed here: apt-get install mariadb-server")
	}
	return path
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

// wait returns when the server answers.
func (s *Server) wait(t testing.TB, ended <-chan struct{}, log string) {
	t.Helper()
	db, err := sql.Open("mysql", s.DSN("root", "", "mysql"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		if _, err := db.ExecContext(ctx, "create database if not exists test"); err == nil {
			return
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal("MariaDB does not answer")
		case <-ended:
			text, _ := os.ReadFile(log)
			t.Fatalf("MariaDB ended at once: %s", text)
		}
	}
}
