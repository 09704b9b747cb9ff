// Package peers starts and finds the programs that tests run. It is not a stable API.
// They are chainwright itself, the servers that executors talk to, and what
// others wrote for MCP and JSON: programs and test suites.
// Each server listens on loopback, has its own configuration and folder, and
// stops when the test ends. If a program or suite is not installed, the test is
// skipped, and the skip says what to install.
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

// NginxOptions configures an nginx.
type NginxOptions struct {
	// Files are the files in its folder, by path.
	Files map[string]string
	// Server has directives for the server block, such as locations. ADDR and
	// TLSADDR in it are replaced by the addresses.
	Server string
	// HTTP2 enables HTTP/2 over TLS.
	HTTP2 bool
	// Workers is the number of worker processes. 0 means 1.
	Workers int
}

// Nginx is a running nginx.
type Nginx struct {
	// Addr and TLSAddr are the addresses without and with TLS, as host:port.
	Addr, TLSAddr string
	// Root is the folder that it serves. Log is a file with a line for each
	// request.
	Root, Log string
	// Certificate is the certificate of TLSAddr.
	Certificate *Certificate
}

// StartNginx starts nginx and waits until it answers.
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

// find returns the path of a program, from PATH or the usual system folders. It
// skips the test if the program is not installed.
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

// start runs a program until the test ends. It returns when the program answers
// at all of the addresses.
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
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
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

// freeAddress returns a loopback address with a free port.
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

// lockedBuffer collects the output of a program. A test may read it meanwhile.
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
