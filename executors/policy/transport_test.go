package policy_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/policy"
)

// A wide fan-out to one host dials each connection once, and the next fan-out
// reuses them.
func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	const wide = 200
	var dialled atomic.Int64
	var arrived sync.WaitGroup
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived.Done()
		arrived.Wait() // all of them are in flight at once
		_, _ = io.WriteString(w, "ok")
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			dialled.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	p := open(t, allowing(server.Listener.Addr().String()))
	client := &http.Client{Transport: p.Transport(policy.TransportOptions{})}
	for range 3 {
		arrived.Add(wide)
		var calls sync.WaitGroup
		for range wide {
			calls.Go(func() { fetch(t, client, server.URL) })
		}
		calls.Wait()
	}
	if n := dialled.Load(); n > wide+wide/10 {
		t.Errorf("%d connections for %d requests at a time", n, wide)
	}
}

func fetch(t testing.TB, client *http.Client, url string) {
	resp, err := client.Get(url)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Error(err)
	}
}

// BenchmarkTransport compares the checking transport with a plain one of the same
// size, with many requests to one host in flight. The two take turns.
func BenchmarkTransport(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, `{"ok": true}`) }))
	defer server.Close()
	p, err := policy.New(allowing(server.Listener.Addr().String()))
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	bare := &http.Transport{MaxIdleConns: 4096, MaxIdleConnsPerHost: 1024}
	defer bare.CloseIdleConnections()
	const parallel, batch = 256, 4096
	var took [2]time.Duration
	for b.Loop() {
		for i, transport := range []http.RoundTripper{bare, p.Transport(policy.TransportOptions{})} {
			client := &http.Client{Transport: transport}
			begin := time.Now()
			var callers sync.WaitGroup
			for range parallel {
				callers.Go(func() {
					for range batch / parallel {
						fetch(b, client, server.URL)
					}
				})
			}
			callers.Wait()
			took[i] += time.Since(begin)
		}
	}
	n := float64(b.N * batch)
	b.ReportMetric(n/took[0].Seconds(), "bare/s")
	b.ReportMetric(n/took[1].Seconds(), "guarded/s")
	b.ReportMetric(float64(took[0])/float64(took[1]), "x/bare")
	b.ReportMetric(0, "ns/op")
}
