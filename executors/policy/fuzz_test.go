package policy_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/policy"
)

// OpenRead opens only files inside the root, for any path.
func FuzzPath(f *testing.F) {
	base, err := filepath.EvalSymlinks(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	work := filepath.Join(base, "work")
	for path, content := range map[string]string{"work/a/in.txt": "inside", "out.txt": "outside", "workout/out.txt": "outside"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(base, path)), 0o755); err != nil {
			f.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(base, path), []byte(content), 0o644); err != nil {
			f.Fatal(err)
		}
	}
	_ = os.Symlink("../../out.txt", filepath.Join(work, "a", "link"))
	p, err := policy.New(policy.Config{Files: policy.Files{Roots: map[string]policy.Root{"work": {Path: work}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = p.Close() })
	for _, seed := range []string{"a/in.txt", "work:a/in.txt", "BASE/work/a/in.txt", "../out.txt", "BASE/out.txt", "a/link", "BASE/work/../out.txt", "BASE/workout/out.txt", "work:/../out.txt", "work:work:a", "a/./in.txt", "a//in.txt", "\x00", "work:"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		file, _, err := p.OpenRead(strings.ReplaceAll(path, "BASE", base))
		if err != nil {
			return
		}
		defer file.Close()
		if data, err := io.ReadAll(file); err != nil || string(data) != "inside" {
			t.Errorf("%q gave %q, %v", path, data, err)
		}
	})
}

// DialContext never reaches this machine, for any host.
func FuzzHost(f *testing.F) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = listener.Close() })
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	p, err := policy.New(policy.Config{}, policy.WithResolver(&net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no names here")
	}}))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = p.Close() })
	for _, seed := range []string{"127.0.0.1", "localhost", "0x7f.1", "2130706433", "0177.1", "[::1]", "::ffff:127.0.0.1", "127.1", "0", "127。0。0。1", "①②⑦.0.0.1", "localhost.", "127.0.0.1%25lo"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if ip, err := netip.ParseAddr(host); err == nil && !ip.Unmap().IsLoopback() {
			return // a public address, which tests must not dial
		}
		ctx, cancel := context.WithCancel(context.Background())
		conn, err := p.DialContext(ctx, "tcp", net.JoinHostPort(host, port))
		if err == nil {
			t.Errorf("%q was reached at %s", host, conn.RemoteAddr())
			conn.Close()
		}
		cancel()
		if u, err := p.CheckURL("http://" + host + "/"); err == nil {
			if _, err := url.Parse(u.String()); err != nil {
				t.Errorf("%q: %v", host, err)
			}
		}
	})
}
