package peers

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver "mysql"
)

// MariaDB is a running MariaDB.
type MariaDB struct {
	// Addr is the address, as host:port.
	Addr string
	// Dir is its data folder.
	Dir string
}

// DSN returns the DSN of a database and a user. The superuser is root, without a
// password; the database test exists.
func (s *MariaDB) DSN(user, password, database string) string {
	return fmt.Sprintf("%s:%s@tcp(%s)/%s", user, password, s.Addr, database)
}

// StartMariaDB starts a server for one test.
func StartMariaDB(t testing.TB) *MariaDB { return StartMariaDBTLS(t, nil) }

// StartMariaDBTLS starts a server that accepts encrypted connections with this
// certificate, or none if it is nil.
func StartMariaDBTLS(t testing.TB, certificate *Certificate) *MariaDB {
	t.Helper()
	server, install := find(t, "mariadbd", "/usr/sbin"), find(t, "mariadb-install-db")
	base, err := os.MkdirTemp("", "mariadb-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	s := &MariaDB{Dir: filepath.Join(base, "data")}
	// Servers that share a folder for temporary tables delete each other's.
	common := []string{"--no-defaults", "--datadir=" + s.Dir, "--tmpdir=" + base}
	if os.Geteuid() == 0 {
		account, err := user.Lookup("mysql")
		if err != nil {
			t.Skip("MariaDB does not run as root, and there is no account mysql")
		}
		giveTo(t, base, account)
		common = append(common, "--user=mysql")
	}
	options := []string{"--skip-ssl"}
	if certificate != nil {
		cert, key := filepath.Join(base, "cert.pem"), filepath.Join(base, "key.pem")
		for path, content := range map[string][]byte{cert: certificate.PEM, key: certificate.KeyPEM} {
			if err := os.WriteFile(path, content, 0o644); err != nil { //nolint:gosec // the server has another account, and the key is for this test
				t.Fatal(err)
			}
		}
		options = []string{"--ssl-cert=" + cert, "--ssl-key=" + key}
	}
	if out, err := exec.Command(install, append(common, "--auth-root-authentication-method=normal")...).CombinedOutput(); err != nil {
		t.Fatalf("making the data folder: %v: %s", err, out)
	}
	s.Addr = freeAddress(t)
	_, port, _ := net.SplitHostPort(s.Addr)
	log := filepath.Join(base, "log")
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(server, slices.Concat(common, options, []string{"--bind-address=127.0.0.1", "--port=" + port,
		"--socket=" + filepath.Join(base, "socket"), "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M", "--skip-name-resolve"})...)
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

// wait waits until the server answers.
func (s *MariaDB) wait(t testing.TB, ended <-chan struct{}, log string) {
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
