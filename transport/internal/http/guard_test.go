package http

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/transport/mcp"
	"github.com/chainwright/chainwright/transport/mcp/mcptest"
	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors/executortest"
)

const (
	initialize = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`
	ping       = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
)

// bare is a server of the SDK with only our guards.
func bare() *mcp.Server { return mcptest.Bare(mcptest.Tool{Name: "echo", Argument: "text"}) }

func made(t *testing.T, srv *mcp.Server, opts Options) *Server {
	t.Helper()
	opts.Log = zerolog.Nop()
	s := New(srv, opts)
	t.Cleanup(func() {
		ctx, done := context.WithTimeout(context.Background(), executortest.Patience)
		defer done()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

func serve(t *testing.T, srv *mcp.Server, opts Options) string {
	t.Helper()
	web := httptest.NewUnstartedServer(nil)
	t.Cleanup(web.Close)
	web.Config.Handler = made(t, srv, opts).Handler()
	web.Start()
	return web.URL
}

// request sends one request. headers are alternately names and values; a Host
// is set on the request.
func request(t *testing.T, method, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := ownClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(raw)
}

func session(t *testing.T, url string, headers ...string) string {
	t.Helper()
	res, body := request(t, http.MethodPost, url+Path, initialize, headers...)
	id := res.Header.Get("Mcp-Session-Id")
	if id == "" {
		t.Fatalf("initialize gave no session: %d %s", res.StatusCode, body)
	}
	return id
}

// Requests that a guard must refuse get the status that the protocol requires.
// Others pass.
func TestGuards(t *testing.T) {
	t.Parallel()
	url := serve(t, bare(), Options{Token: "secret", Origins: []string{"https://app.example"}, Hosts: []string{"mcp.example"}})
	authorized := []string{"Authorization", "Bearer secret"}
	id := session(t, url, authorized...)
	own := strings.TrimPrefix(url, "http://")
	for name, c := range map[string]struct {
		method, body string
		headers      []string
		status       int
		header       string // a required header
		value        string
	}{
		"all is well":             {http.MethodPost, ping, nil, 200, "", ""},
		"host of another":         {http.MethodPost, ping, []string{"Host", "evil.example"}, 403, "", ""},
		"host of another, GET":    {http.MethodGet, "", []string{"Host", "evil.example:80"}, 403, "", ""},
		"host that looks ours":    {http.MethodPost, ping, []string{"Host", "localhost.evil.example"}, 403, "", ""},
		"an address off loopback": {http.MethodPost, ping, []string{"Host", "192.168.1.5"}, 403, "", ""},
		"a host of ours":          {http.MethodPost, ping, []string{"Host", "mcp.example"}, 200, "", ""},
		"localhost":               {http.MethodPost, ping, []string{"Host", "localhost:99"}, 200, "", ""},
		"origin of another":       {http.MethodPost, ping, []string{"Origin", "http://evil.example"}, 403, "", ""},
		"origin of another, GET":  {http.MethodGet, "", []string{"Origin", "http://evil.example"}, 403, "", ""},
		"origin null":             {http.MethodPost, ping, []string{"Origin", "null"}, 403, "", ""},
		"another port's origin":   {http.MethodPost, ping, []string{"Origin", "http://127.0.0.1:1"}, 403, "", ""},
		"own origin":              {http.MethodPost, ping, []string{"Origin", "http://" + own}, 200, "Access-Control-Allow-Origin", "http://" + own},
		"Inspector's origin":      {http.MethodPost, ping, []string{"Origin", "http://localhost:6274", "Sec-Fetch-Site", "same-site"}, 200, "Access-Control-Allow-Origin", "http://localhost:6274"},
		"an origin of ours":       {http.MethodPost, ping, []string{"Origin", "https://app.example", "Sec-Fetch-Site", "cross-site"}, 200, "Access-Control-Allow-Origin", "https://app.example"},
		"a site with no origin":   {http.MethodGet, "", []string{"Sec-Fetch-Site", "cross-site"}, 403, "", ""},
		"preflight":               {http.MethodOptions, "", []string{"Origin", "https://app.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type,mcp-session-id", "Authorization", ""}, 204, "Access-Control-Allow-Headers", "content-type,mcp-session-id"},
		"preflight of another":    {http.MethodOptions, "", []string{"Origin", "http://evil.example", "Access-Control-Request-Method", "POST"}, 403, "", ""},
		"no token":                {http.MethodPost, ping, []string{"Authorization", ""}, 401, "Www-Authenticate", `Bearer realm="chainwright"`},
		"a wrong token":           {http.MethodPost, ping, []string{"Authorization", "Bearer Secret"}, 401, "Www-Authenticate", `Bearer realm="chainwright", error="invalid_token"`},
		"a token as a password":   {http.MethodPost, ping, []string{"Authorization", "Basic secret"}, 401, "Www-Authenticate", `Bearer realm="chainwright"`},
		"no token, GET":           {http.MethodGet, "", []string{"Authorization", ""}, 401, "", ""},
		"no session":              {http.MethodPost, ping, []string{"Mcp-Session-Id", ""}, 400, "", ""},
		"an unknown session":      {http.MethodPost, ping, []string{"Mcp-Session-Id", "mcp-session-5b4c2b0e-0000-4000-8000-000000000000"}, 404, "", ""},
		"a form's content type":   {http.MethodPost, ping, []string{"Content-Type", "text/plain"}, 400, "", ""},
		"not JSON":                {http.MethodPost, `{"jsonrpc"`, nil, 400, "", ""},
		"a key twice":             {http.MethodPost, `{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}`, nil, 400, "", ""},
		"a key in capitals":       {http.MethodPost, `{"jsonrpc":"2.0","id":1,"METHOD":"ping"}`, nil, 400, "", ""},
		"10,000 levels":           {http.MethodPost, `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}}`, nil, 400, "", ""},
		"4 MiB and 1":             {http.MethodPost, ping + strings.Repeat(" ", 4<<20+1-len(ping)), nil, 413, "", ""},
		"4 MiB":                   {http.MethodPost, ping + strings.Repeat(" ", 4<<20-len(ping)), nil, 200, "", ""},
		"an unknown revision":     {http.MethodPost, ping, []string{"MCP-Protocol-Version", "1999-01-01"}, 400, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			headers := append([]string{"Authorization", "Bearer secret", "Mcp-Session-Id", id}, c.headers...)
			res, body := request(t, c.method, url+Path, c.body, headers...)
			if res.StatusCode != c.status {
				t.Errorf("got %d, want %d: %s", res.StatusCode, c.status, body)
			}
			if c.header != "" && res.Header.Get(c.header) != c.value {
				t.Errorf("%s is %q, want %q", c.header, res.Header.Get(c.header), c.value)
			}
			if c.header == "" && res.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Error("the answer may be read by another origin")
			}
		})
	}
}

// A body without a length that is too long is not read to its end.
func TestBodyOfUnknownLength(t *testing.T) {
	t.Parallel()
	url := serve(t, bare(), Options{})
	read, write := io.Pipe()
	sent := make(chan int, 1)
	go func() {
		n, piece := 0, bytes.Repeat([]byte(" "), 1<<20)
		for range 256 {
			if _, err := write.Write(piece); err != nil {
				break
			}
			n += len(piece)
		}
		write.Close()
		sent <- n
	}()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+Path, read)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := ownClient.Do(req)
	if err == nil {
		res.Body.Close()
		if res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("got %d", res.StatusCode)
		}
	}
	read.Close()
	if n := <-sent; n > 32<<20 {
		t.Errorf("%d MiB were taken", n>>20)
	}
}

// Callers over the limits of rate, number and streams get the time to retry
// after.
func TestLimits(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	srv := mcptest.Bare(mcptest.Tool{Name: "hold", Before: func() {
		close(entered)
		<-release
	}})
	url := serve(t, srv, Options{Limits: Limits{Concurrent: 1, Streams: 1}, Stateless: true})
	held := make(chan int, 1)
	arrived := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hold","arguments":{}}}`
	go func() {
		res, _ := request(t, http.MethodPost, url+Path, arrived)
		held <- res.StatusCode
	}()
	<-entered
	if res, _ := request(t, http.MethodPost, url+Path, ping); res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
		t.Errorf("a second call got %d", res.StatusCode)
	}
	close(release)
	if status := <-held; status != 200 {
		t.Errorf("the held call got %d", status)
	}

	url = serve(t, bare(), Options{Limits: Limits{PerSecond: 0.001, Burst: 3}, Stateless: true})
	if res, _ := request(t, http.MethodPost, url+Path, "["+ping+","+ping+","+ping+","+ping+"]"); res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a batch of more than there may be got %d", res.StatusCode)
	}
	url = serve(t, bare(), Options{Limits: Limits{PerSecond: 0.001, Burst: 3}, Stateless: true})
	for i, want := range []int{200, 200, 200, 429} {
		if res, _ := request(t, http.MethodPost, url+Path, ping); res.StatusCode != want {
			t.Errorf("request %d got %d, want %d", i, res.StatusCode, want)
		}
	}
}

// Only loopback addresses are served without a token.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for addr, open := range map[string]bool{
		"127.0.0.1:0": true, "localhost:0": true, "[::1]:0": true, "127.9.9.9:0": true,
		"0.0.0.0:0": false, ":0": false, "[::]:0": false, "192.168.0.1:0": false, "example.com:80": false, "nonsense": false,
	} {
		s := made(t, bare(), Options{})
		if err := s.checkAddress(addr); (err == nil) != open {
			t.Errorf("%s: got %v", addr, err)
		}
		if addr == "nonsense" {
			continue
		}
		s = made(t, bare(), Options{Token: strings.Repeat("x", minToken)})
		if err := s.checkAddress(addr); err != nil {
			t.Errorf("%s with a token: %v", addr, err)
		}
	}
}

// At a public address, callers may use addresses as host names, and only the
// names that are configured.
func TestPublicHosts(t *testing.T) {
	t.Parallel()
	s := made(t, bare(), Options{Token: strings.Repeat("x", minToken), Hosts: []string{"mcp.example"}})
	if err := s.checkAddress("0.0.0.0:80"); err != nil {
		t.Fatal(err)
	}
	for host, known := range map[string]bool{
		"10.0.0.1:80": true, "[fe80::1]:80": true, "mcp.example": true, "MCP.example:443": true, "localhost": true,
		"evil.example": false, "": false,
	} {
		if s.knows(host) != known {
			t.Errorf("knows(%q) = %v", host, !known)
		}
	}
}

// The health endpoints answer without a token, and /readyz fails while the
// server shuts down.
func TestHealth(t *testing.T) {
	t.Parallel()
	broken := make(chan error, 1)
	s := made(t, bare(), Options{Token: "x", Ready: func(context.Context) error {
		select {
		case err := <-broken:
			return err
		default:
			return nil
		}
	}})
	probe := func(path string) int {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+path, http.NoBody))
		return w.Code
	}
	if probe("/healthz") != 200 || probe("/readyz") != 200 {
		t.Error("not healthy")
	}
	broken <- net.ErrClosed
	if probe("/readyz") != 503 {
		t.Error("ready with a broken store")
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if probe("/healthz") != 200 || probe("/readyz") != 503 {
		t.Error("ready while shutting down")
	}
}

// Without sessions, no stream could send one client's notifications to another.
func TestStatelessHasNoStreams(t *testing.T) {
	t.Parallel()
	url := serve(t, bare(), Options{Stateless: true})
	for _, headers := range [][]string{nil, {"Mcp-Session-Id", "x"}, {"MCP-Protocol-Version", "2025-11-25"}} {
		if res, body := request(t, http.MethodGet, url+Path, "", append(headers, "Accept", eventStream)...); res.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%v got %d %s", headers, res.StatusCode, body)
		}
	}
	if res, _ := request(t, http.MethodPost, url+Path, initialize); res.Header.Get("Mcp-Session-Id") != "" {
		t.Error("a session was opened")
	}
}
