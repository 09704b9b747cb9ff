package policy_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/policy"
)

// After a timeout, the next request to the host uses a new connection. Requests
// in flight on the old one go on, and other hosts are not affected.
func TestPoolReplacesConnections(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	begun, release := make(chan struct{}), make(chan struct{})
	serve := func() *httptest.Server {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/never":
				<-r.Context().Done()
			case "/half":
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			case "/later":
				_ = http.NewResponseController(w).Flush()
				begun <- struct{}{}
				<-release
			}
			fmt.Fprint(w, r.Proto)
		}))
		server.EnableHTTP2 = true
		server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				connections.Add(1)
			}
		}
		server.StartTLS()
		t.Cleanup(server.Close)
		return server
	}
	server, other := serve(), serve()
	pool := policy.NewPool(&http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}) //nolint:gosec // the test's own server
	defer pool.CloseIdleConnections()
	get := func(base, path string, timeout time.Duration) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, http.NoBody)
		if err != nil {
			return "", err
		}
		resp, err := pool.RoundTrip(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return string(body), err
	}
	expect := func(base string, want int64) {
		t.Helper()
		if body, err := get(base, "/", time.Minute); err != nil || body != "HTTP/2.0" {
			t.Fatalf("%q, %v", body, err)
		}
		if n := connections.Load(); n != want {
			t.Errorf("%d connections; want %d", n, want)
		}
	}
	expect(server.URL, 1)
	expect(other.URL, 2)
	expect(server.URL, 2)
	running := make(chan string)
	go func() {
		body, err := get(server.URL, "/later", time.Minute)
		running <- fmt.Sprint(body, err)
	}()
	<-begun
	for i, path := range []string{"/never", "/half"} {
		if body, err := get(server.URL, path, 100*time.Millisecond); err == nil {
			t.Errorf("%s: %q", path, body)
		}
		expect(server.URL, int64(3+i))
		expect(server.URL, int64(3+i))
		expect(other.URL, int64(3+i))
	}
	close(release)
	if got := <-running; got != "HTTP/2.0<nil>" {
		t.Errorf("a request on the old connection returned %s", got)
	}
}
