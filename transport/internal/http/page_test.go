package http

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
	"github.com/chainwright/chainwright/transport/mcp"
	"github.com/chainwright/chainwright/transport/web"
)

// paged serves the real tools with their page.
func paged(t *testing.T, opts Options) (*toolstest.Stack, *Server, string) {
	t.Helper()
	stack, err := toolstest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	opts.Page = web.New(web.Options{Set: stack.Set, Runner: stack.Runner})
	server := made(t, mcp.New(stack.Set, mcp.Options{}), opts)
	site := httptest.NewServer(server.site)
	t.Cleanup(site.Close)
	return stack, server, site.URL
}

// The page is beside MCP, with origins and credentials of its own.
func TestThePageIsBesideMCP(t *testing.T) {
	t.Parallel()
	const secret = "the token of the server, which is long enough"
	_, _, url := paged(t, Options{Token: secret, Tokens: []Token{{Name: "ci", Value: strings.Repeat("c", 32), Principal: "ci", Scopes: tools.Scopes{tools.ScopeToolsRead}}},
		Origins: []string{"http://allowed.example"}})
	for _, c := range []struct {
		method, path string
		headers      []string
		want         int
	}{
		{"GET", "/", nil, 200},
		{"GET", "/main.js", nil, 200},
		{"GET", "/healthz", nil, 200},
		{"GET", "/nothing", nil, 404},
		{"GET", "/api/session", nil, 200},
		{"GET", "/api/runs", nil, 401},
		{"GET", "/api/runs", []string{"Authorization", "Bearer " + secret}, 401}, // a token is no login
		{"GET", "/", []string{"Host", "evil.example"}, 403},
		{"GET", "/api/session", []string{"Origin", "http://allowed.example"}, 403}, // it may call MCP, not the page
		{"GET", "/api/session", []string{"Origin", "http://localhost:6274"}, 403},
		{"POST", "/api/login", []string{"Origin", "http://allowed.example", web.PageHeader, "1"}, 403},
		{"POST", Path, nil, 401},
		{"POST", Path, []string{"Authorization", "Bearer " + secret, "Origin", "http://allowed.example"}, 200},
		{"POST", Path, []string{"Authorization", "Bearer " + secret, "Host", "evil.example"}, 403},
	} {
		if res, text := request(t, c.method, url+c.path, initialize, c.headers...); res.StatusCode != c.want {
			t.Errorf("%s %s %q: %s %s", c.method, c.path, c.headers, res.Status, text)
		}
	}
	login := func(body string) *http.Response {
		res, _ := request(t, "POST", url+"/api/login", body, "Origin", url, web.PageHeader, "1")
		return res
	}
	for token, want := range map[string]int{secret: 200, strings.Repeat("c", 32): 403, "wrong": 401} {
		res := login(`{"token":"` + token + `"}`)
		cookie, _, _ := strings.Cut(res.Header.Get("Set-Cookie"), ";")
		if got, text := request(t, "GET", url+"/api/runs", "", "Cookie", cookie); got.StatusCode != want {
			t.Errorf("%s: %s %s", token, got.Status, text)
		}
		if got, _ := request(t, "POST", url+Path, initialize, "Cookie", cookie); got.StatusCode != 401 {
			t.Errorf("MCP takes the cookie of %s: %s", token, got.Status)
		}
	}
}

// Without a token the page is open as MCP is. Where only the page is served, a
// login is needed and MCP is not there.
func TestOnlyThePage(t *testing.T) {
	t.Parallel()
	_, _, url := paged(t, Options{})
	if res, text := request(t, "GET", url+"/api/runs", ""); res.StatusCode != 200 {
		t.Errorf("open: %s %s", res.Status, text)
	}
	_, server, url := paged(t, Options{PageOnly: true})
	for path, want := range map[string]int{"/api/runs": 401, "/": 200, "/healthz": 404} {
		if res, text := request(t, "GET", url+path, ""); res.StatusCode != want {
			t.Errorf("%s: %s %s", path, res.Status, text)
		}
	}
	if res, _ := request(t, "POST", url+Path, initialize); res.StatusCode != 405 && res.StatusCode != 404 {
		t.Errorf("MCP: %s", res.Status)
	}
	for _, body := range []string{`{"token":""}`, `{"token":"x"}`, `{}`} {
		if res, text := request(t, "POST", url+"/api/login", body, "Origin", url, web.PageHeader, "1"); res.StatusCode != 401 {
			t.Errorf("%s: %s %s", body, res.Status, text)
		}
	}
	res, text := request(t, "POST", url+"/api/login", `{"code":"`+server.opts.Page.Code()+`"}`, "Origin", url, web.PageHeader, "1")
	cookie, _, _ := strings.Cut(res.Header.Get("Set-Cookie"), ";")
	if got, _ := request(t, "GET", url+"/api/runs", "", "Cookie", cookie); got.StatusCode != 200 {
		t.Errorf("%s %s, then %s", res.Status, text, got.Status)
	}
}

// The link is told when the server listens on loopback, and works there. Other
// addresses are refused.
func TestLoginLink(t *testing.T) {
	t.Parallel()
	stack, err := toolstest.New()
	if err != nil {
		t.Fatal(err)
	}
	defer stack.Close()
	told := make(chan string, 1)
	options := func() Options {
		return Options{Page: web.New(web.Options{Set: stack.Set, Runner: stack.Runner}), Token: strings.Repeat("x", 40), Link: func(url string) { told <- url }}
	}
	ctx, cancel := context.WithCancel(t.Context())
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	server := made(t, mcp.New(stack.Set, mcp.Options{}), options())
	go func() { ended <- server.ServeListener(ctx, listener) }()
	at, code, ok := strings.Cut(<-told, "/#login=")
	if !ok || at != "http://"+listener.Addr().String() || len(code) != 22 {
		t.Errorf("the link is %q with the code %q", at, code)
	}
	res, text := request(t, "POST", at+"/api/login", `{"code":"`+code+`"}`, "Origin", at, web.PageHeader, "1")
	cookie, _, _ := strings.Cut(res.Header.Get("Set-Cookie"), ";")
	if _, who := request(t, "GET", at+"/api/session", "", "Cookie", cookie); !strings.Contains(who, `"principal":"token"`) {
		t.Errorf("%s %s: %s", res.Status, text, who)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := made(t, mcp.New(stack.Set, mcp.Options{}), options()).Serve(t.Context(), "0.0.0.0:0"); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("on all addresses: %v", err)
	}
}
