// Package peers starts the real programs that executors talk to, for tests:
// on loopback, with a configuration and a folder of their own, and ended with
// the test. Where a program is not installed the test is skipped and says so.
package peers

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// NginxOptions say what an nginx serves beside its folder.
type NginxOptions struct {
	// Files are what lies in its folder, by path.
	Files map[string]string
	// Server holds directives for its server block, such as locations. ADDR
	// and TLSADDR in it stand for the addresses it listens at.
	Server string
	// HTTP2 says that it speaks that over TLS.
	HTTP2 bool
	// Workers is how many worker processes it has; 1 where it is 0.
	Workers int
}

// Nginx is a running nginx.
type Nginx struct {
	// Addr and TLSAddr are its host:port without and with TLS.
	Addr, TLSAddr string
	// Root is the folder it serves, and Log the file with a line a request.
	Root, Log string
	// Certificate is what it shows to clients on TLSAddr.
	Certificate *Certificate
}

// StartNginx starts an nginx that is ready to answer.
func StartNginx(tb testing.TB, options NginxOptions) *Nginx {
	tb.Helper()
	program := find(tb, "nginx", "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin")
	dir := tb.TempDir()
	n := &Nginx{
		Addr: freeAddress(tb), TLSAddr: freeAddress(tb), Certificate: NewCertificate(tb),
		Root: filepath.Join(dir, "root"), Log: filepath.Join(dir, "access.log"),
	}
	for path, text := range options.Files {
		write(tb, filepath.Join(n.Root, filepath.FromSlash(path)), text)
	}
	write(tb, filepath.Join(n.Root, "index.html"), "<title>It works</title>")
	write(tb, filepath.Join(dir, "cert.pem"), string(n.Certificate.PEM))
	write(tb, filepath.Join(dir, "key.pem"), string(n.Certificate.KeyPEM))
	write(tb, filepath.Join(dir, "nginx.conf"), n.config(dir, options))
	start(tb, exec.Command(program, "-p", dir, "-c", "nginx.conf", "-e", "stderr"), n.Addr, n.TLSAddr)
	return n
}

func (n *Nginx) config(dir string, options NginxOptions) string {
	user := ""
	if runtime.GOOS != "windows" && os.Getuid() == 0 {
		user = "user root;" // test folders are for their owner only
	}
	http2 := ""
	if options.HTTP2 {
		http2 = "http2"
	}
	addresses := strings.NewReplacer("TLSADDR", n.TLSAddr, "ADDR", n.Addr)
	return strings.NewReplacer(
		"USER", user, "HTTP2", http2, "WORKERS", strconv.Itoa(max(options.Workers, 1)), "DIR", filepath.ToSlash(dir),
		"TLSADDR", n.TLSAddr, "ADDR", n.Addr, "SERVER", addresses.Replace(options.Server),
	).Replace(`
daemon off; USER
worker_processes WORKERS;
pid DIR/nginx.pid;
events { worker_connections 4096; }
http {
  types { application/json json; text/html html; text/plain txt; image/png png; }
  default_type application/octet-stream;
  access_log DIR/access.log;
  client_body_temp_path DIR/body; proxy_temp_path DIR/proxy; fastcgi_temp_path DIR/fastcgi;
  uwsgi_temp_path DIR/uwsgi; scgi_temp_path DIR/scgi;
  keepalive_requests 100000;
  server {
    listen ADDR backlog=4096;
    listen TLSADDR ssl HTTP2;
    ssl_certificate DIR/cert.pem; ssl_certificate_key DIR/key.pem;
    root DIR/root;
    SERVER
  }
}
`)
}

// find looks a program up, on PATH and where systems keep it, and skips the
// test where it is not there.
func find(tb testing.TB, name string, folders ...string) string {
	tb.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, folder := range folders {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	tb.Skipf("%s is not installed, and this test talks to a real one", name)
	return ""
}

// start runs a program until the test ends, and returns when it answers at
// all of the addresses.
func start(tb testing.TB, command *exec.Cmd, addresses ...string) {
	tb.Helper()
	var said lockedBuffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		tb.Fatalf("starting %s: %v", command.Path, err)
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(ended)
	}()
	tb.Cleanup(func() {
		_ = stop(command.Process)
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			_ = command.Process.Kill()
			<-ended
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, address := range addresses {
		if err := answers(ctx, address, ended); err != nil {
			tb.Fatalf("%s does not answer at %s: %v\n%s", command.Path, address, err, said.String())
		}
	}
}

func answers(ctx context.Context, address string, ended <-chan struct{}) error {
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-again.C:
		case <-ended:
			return fmt.Errorf("it has ended: %w", err)
		case <-ctx.Done():
			return err
		}
	}
}

// freeAddress is a loopback address that nobody listens at.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("looking for a free port: %v", err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func write(tb testing.TB, path, text string) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatalf("making a folder for the test: %v", err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatalf("writing a file for the test: %v", err)
	}
}

// lockedBuffer takes what a program says while a test may read it.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
