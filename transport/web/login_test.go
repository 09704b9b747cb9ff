package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/tools"
)

const secretToken = "a token of some length"

func oneToken() map[string]grant { return map[string]grant{secretToken: {principal: "bob"}} }

// Without a login nothing is read or written, and a login reads what its
// principal has.
func TestLogin(t *testing.T) {
	t.Parallel()
	s := serve(t, oneToken())
	mine, others := s.run("bob", `{"tasks":[{"id":"a","executor":"test_echo","inputs":{"text":"x"}}],"wait_seconds":10}`), s.run("eve", `{"tasks":[{"id":"a","executor":"test_echo","inputs":{"text":"x"}}],"wait_seconds":10}`)
	for _, path := range []string{"/api/runs", "/api/runs/" + mine, "/api/runs/" + mine + "/events", "/api/trees", "/api/executors", "/api/approvals", "/api/schedules"} {
		if a := s.send(http.MethodGet, path, nil); a.status != http.StatusUnauthorized || strings.Contains(string(a.body), mine) {
			t.Errorf("%s without a login: %d %s", path, a.status, a.body)
		}
	}
	if a := s.send(http.MethodPost, "/api/tools/cancel_run", map[string]any{"arguments": map[string]string{"run_id": mine}}); a.status != http.StatusUnauthorized {
		t.Errorf("a write without a login: %d %s", a.status, a.body)
	}
	cookie := s.cookie(map[string]string{"token": " " + secretToken + "\n"})
	if a := s.send(http.MethodGet, "/api/runs", nil, "Cookie", cookie); a.status != http.StatusOK || !strings.Contains(string(a.body), mine) || strings.Contains(string(a.body), others) {
		t.Errorf("the runs of bob: %d %s", a.status, a.body)
	}
	for _, path := range []string{"", "/tree", "/layout", "/events", "/tasks/a", "/tasks/a/result", "/tasks/a/elements", "/tasks/a/log"} {
		if a := s.send(http.MethodGet, "/api/runs/"+others+path, nil, "Cookie", cookie); a.status != http.StatusNotFound {
			t.Errorf("another's run%s: %d %s", path, a.status, a.body)
		}
		if path == "/events" {
			continue
		}
		if a := s.send(http.MethodGet, "/api/runs/"+mine+path, nil, "Cookie", cookie); a.status != http.StatusOK {
			t.Errorf("the own run%s: %d %s", path, a.status, a.body)
		}
	}
	if a := s.send(http.MethodPost, "/api/runs/"+others+"/again", map[string]any{}, "Cookie", cookie); a.status != http.StatusNotFound {
		t.Errorf("another's run again: %d %s", a.status, a.body)
	}
	var who struct{ Way, Principal string }
	if s.send(http.MethodGet, "/api/session", nil, "Cookie", cookie).into(t, &who); who.Way != "token" || who.Principal != "bob" {
		t.Errorf("%+v", who)
	}
	if s.send(http.MethodGet, "/api/session", nil).into(t, &who); who.Way != "token" { // nothing is said to others
		t.Errorf("%+v", who)
	}
	if a := s.send(http.MethodPost, "/api/logout", map[string]any{}, "Cookie", cookie); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.send(http.MethodGet, "/api/runs", nil, "Cookie", cookie); a.status != http.StatusUnauthorized {
		t.Errorf("after the end: %d", a.status)
	}
}

// A link works once, for five minutes, and only in the process that printed it.
func TestLink(t *testing.T) {
	t.Parallel()
	s, other := serve(t, oneToken()), serve(t, oneToken())
	used, late, foreign := s.page.Code(), s.page.Code(), other.page.Code()
	if len(used) < 22 || used == late {
		t.Errorf("the codes %q and %q are not 128 random bits", used, late)
	}
	cookie := s.cookie(map[string]string{"code": used})
	var who struct{ Way, Principal string }
	if s.send(http.MethodGet, "/api/session", nil, "Cookie", cookie).into(t, &who); who.Way != "link" || who.Principal != "ann" {
		t.Errorf("%+v", who)
	}
	s.clock.add(5*time.Minute - time.Second)
	s.cookie(map[string]string{"code": s.page.Code()})
	s.clock.add(time.Second)
	for name, code := range map[string]string{"used": used, "late": late, "of another process": foreign, "empty": "", "wrong": used + "x"} {
		if a := s.send(http.MethodPost, "/api/login", map[string]string{"code": code}); a.status != http.StatusUnauthorized || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := other.send(http.MethodGet, "/api/runs", nil, "Cookie", cookie); a.status != http.StatusUnauthorized {
		t.Errorf("the cookie of another process: %d", a.status)
	}
	s.guess = false
	if a := s.send(http.MethodPost, "/api/login", map[string]string{"code": s.page.Code()}); a.status != http.StatusTooManyRequests {
		t.Errorf("too many attempts: %d", a.status)
	}
}

// The cookie is for one port, and scripts and other sites can't use it.
func TestCookie(t *testing.T) {
	t.Parallel()
	s := serve(t, oneToken())
	_, port, _ := strings.Cut(strings.TrimPrefix(s.url, "http://"), ":")
	for _, c := range []struct {
		headers []string
		name    string
		secure  bool
	}{
		{nil, "chainwright-" + port, false},
		{[]string{"Host", "localhost:99", "Origin", "http://localhost:99"}, "chainwright-99", false},
		{[]string{"Host", "localhost", "Origin", "http://localhost"}, "chainwright-80", false},
		{[]string{"Host", "localhost", "Origin", "https://localhost"}, "__Host-chainwright-443", true},
	} {
		a := s.send(http.MethodPost, "/api/login", map[string]string{"token": secretToken}, c.headers...)
		res := http.Response{Header: a.header}
		if len(res.Cookies()) != 1 {
			t.Fatalf("%v: %d %s", c.headers, a.status, a.body)
		}
		if got := res.Cookies()[0]; got.Name != c.name && !(c.secure && strings.HasPrefix(got.Name, "__Host-chainwright-")) || !got.HttpOnly || got.SameSite != http.SameSiteStrictMode || got.Path != "/" || got.Secure != c.secure || got.Domain != "" {
			t.Errorf("%v: %+v", c.headers, got)
		}
	}
	cookie := s.cookie(map[string]string{"token": secretToken})
	_, value, _ := strings.Cut(cookie, "=")
	for name, headers := range map[string][]string{
		"another port":                {"Host", "127.0.0.1:99", "Cookie", "chainwright-99=" + value},
		"another name of the host":    {"Host", "localhost:" + port, "Cookie", cookie},
		"under the name of another":   {"Cookie", "chainwright-99=" + value},
		"as a bearer token":           {"Authorization", "Bearer " + value},
		"the token as a cookie":       {"Cookie", "chainwright-" + port + "=" + secretToken},
		"the token as bearer":         {"Authorization", "Bearer " + secretToken},
		"a cookie that nobody issued": {"Cookie", "chainwright-" + port + "=x"},
	} {
		if a := s.send(http.MethodGet, "/api/runs", nil, headers...); a.status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	if a := s.send(http.MethodGet, "/api/runs", nil, "Cookie", "chainwright-99=x; "+cookie); a.status != http.StatusOK {
		t.Errorf("beside the cookie of another server: %d", a.status)
	}
}

// A login ends when it is not used, after a week, and with its token. What the
// token allows may change meanwhile.
func TestLoginEnds(t *testing.T) {
	t.Parallel()
	s := serve(t, oneToken())
	reads := func(cookie string) int { return s.send(http.MethodGet, "/api/runs", nil, "Cookie", cookie).status }
	idle := s.cookie(map[string]string{"code": s.page.Code()})
	old := s.cookie(map[string]string{"code": s.page.Code()})
	for range 20 {
		s.clock.add(8 * time.Hour)
		if status := reads(old); status != http.StatusOK {
			t.Fatalf("a login in use ended: %d", status)
		}
	}
	if status := reads(idle); status != http.StatusUnauthorized {
		t.Errorf("a login that was not used: %d", status)
	}
	s.clock.add(9 * time.Hour)
	if status := reads(old); status != http.StatusUnauthorized {
		t.Errorf("after more than a week: %d", status)
	}
	byToken := s.cookie(map[string]string{"token": secretToken})
	s.mu.Lock()
	s.tokens[secretToken] = grant{"bob", tools.Scopes{tools.ScopeToolsRead}}
	s.mu.Unlock()
	if status := reads(byToken); status != http.StatusForbidden {
		t.Errorf("with fewer scopes: %d", status)
	}
	s.mu.Lock()
	s.tokens = map[string]grant{}
	s.mu.Unlock()
	if status := reads(byToken); status != http.StatusUnauthorized {
		t.Errorf("without the token: %d", status)
	}
	s.mu.Lock()
	s.tokens = oneToken()
	s.mu.Unlock()
	if status := reads(byToken); status != http.StatusUnauthorized {
		t.Errorf("the login came back with the token: %d", status)
	}
}

// Only the page of the server itself may write, and other sites may not read.
func TestOrigins(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*site{"open": serve(t, nil), "with a login": serve(t, oneToken())} {
		cookie := "a=b"
		if name != "open" {
			cookie = s.cookie(map[string]string{"token": secretToken})
		}
		host := strings.TrimPrefix(s.url, "http://")
		const tool = "/api/tools/cancel_run"
		body := map[string]any{"arguments": map[string]string{"run_id": "x"}}
		if a := s.send(http.MethodPost, tool, body, "Cookie", cookie, "Sec-Fetch-Site", "same-origin"); a.status != http.StatusNotFound {
			t.Errorf("%s: the page itself: %d %s", name, a.status, a.body)
		}
		for _, headers := range [][]string{
			{"Origin", ""}, {"Origin", "null"}, {"Origin", "http://127.0.0.1:1"}, {"Origin", "http://localhost" + host[strings.Index(host, ":"):]},
			{"Origin", s.url + "/"}, {"Origin", s.url + ".evil.example"}, {"Origin", "http://evil.example"}, {"Origin", "http://x@" + host},
			{"Origin", "ftp://" + host}, {"Origin", "http://localhost:6274"},
			{"X-Chainwright-Page", ""}, {"Content-Type", "text/plain"}, {"Content-Type", ""}, {"Content-Type", "application/x-www-form-urlencoded"},
			{"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "none"},
			{"Host", "evil.example", "Origin", "http://evil.example"},
		} {
			for _, path := range []string{tool, "/api/login", "/api/logout", "/api/runs/x/again", "/api/runs/x/tasks/a/answer"} {
				a := s.send(http.MethodPost, path, body, append([]string{"Cookie", cookie}, headers...)...)
				if a.status != http.StatusForbidden && a.status != http.StatusUnsupportedMediaType {
					t.Errorf("%s: %s with %q: %d %s", name, path, headers, a.status, a.body)
				}
			}
		}
		for _, headers := range [][]string{
			{"Origin", "http://127.0.0.1:1"}, {"Origin", "null"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "cross-site"}, {"Host", "evil.example"},
		} {
			for _, path := range []string{"/api/runs", "/api/session", "/api/runs/x/events"} {
				a := s.send(http.MethodGet, path, nil, append([]string{"Cookie", cookie}, headers...)...)
				if a.status != http.StatusForbidden || a.header.Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("%s: reading %s with %q: %d %v", name, path, headers, a.status, a.header)
				}
			}
		}
	}
}

// Every answer confines the page, and nobody may frame it.
func TestHeaders(t *testing.T) {
	t.Parallel()
	s := serve(t, oneToken())
	const want = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
	for _, path := range []string{"/", "/main.js", "/page.css", "/nothing", "/api/session", "/api/runs", "/api/nothing", "/..%2f"} {
		for _, host := range []string{"127.0.0.1:80", "evil.example"} {
			a := s.send(http.MethodGet, path, nil, "Host", host)
			got := fmt.Sprint(a.header["Content-Security-Policy"], a.header["X-Frame-Options"], a.header["X-Content-Type-Options"], a.header["Referrer-Policy"])
			if got != fmt.Sprint([]string{want}, []string{"DENY"}, []string{"nosniff"}, []string{"no-referrer"}) {
				t.Errorf("%s at %s: %d %s", path, host, a.status, got)
			}
		}
	}
	if a := s.send(http.MethodPost, "/", map[string]any{}); a.status != http.StatusMethodNotAllowed {
		t.Errorf("writing a file: %d", a.status)
	}
	a := s.send(http.MethodGet, "/", nil, "Sec-Fetch-Site", "cross-site") // a link on another page
	if a.status != http.StatusOK || s.send(http.MethodGet, "/", nil, "If-None-Match", a.header.Get("ETag")).status != http.StatusNotModified {
		t.Errorf("%d %v", a.status, a.header)
	}
}
