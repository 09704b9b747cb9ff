package http

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/tools/toolstest"
	"github.com/chainwright/chainwright/transport/internal/oauth"
	"github.com/chainwright/chainwright/transport/internal/oauth/oauthtest"
	"github.com/chainwright/chainwright/transport/mcp"
	"github.com/chainwright/chainwright/transport/web"
)

// site serves the page for the accounts of an issuer.
func site(t *testing.T, clientID string) (*oauthtest.Issuer, string) {
	t.Helper()
	stack, err := toolstest.New(toolstest.WithGrace(100 * time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	i := oauthtest.New(t)
	server := httptest.NewUnstartedServer(nil)
	at := "http://" + server.Listener.Addr().String()
	verifier, err := oauth.New(oauth.Settings{PublicURL: at, Path: Path, Issuers: []string{i.URL}, PageClientID: clientID})
	if err != nil {
		t.Fatal(err)
	}
	s := made(t, mcp.New(stack.Set, mcp.Options{}), Options{OAuth: verifier, Page: web.New(web.Options{Set: stack.Set, Runner: stack.Runner, Log: zerolog.Nop()})})
	server.Config.Handler = s.site
	server.Start()
	t.Cleanup(server.Close)
	return i, at
}

// visit sends a GET without following redirects, as a browser with these cookies.
func visit(t *testing.T, at string, cookies ...*http.Cookie) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range cookies {
		req.AddCookie(cookie)
	}
	client := &http.Client{Transport: ownClient.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// beginAccount goes to the issuer, and returns what it is asked for, and the cookie of the
// login.
func beginAccount(t *testing.T, at string) (url.Values, *http.Cookie) {
	t.Helper()
	res, body := visit(t, at+"/api/login/account")
	to, err := url.Parse(res.Header.Get("Location"))
	if err != nil || res.StatusCode != http.StatusSeeOther || len(res.Cookies()) != 1 {
		t.Fatalf("%d %s, %v", res.StatusCode, body, err)
	}
	return to.Query(), res.Cookies()[0]
}

// A person logs in to the page with an account, and has the principal and the
// scopes of the access token until it expires.
func TestAccountLogin(t *testing.T) {
	t.Parallel()
	i, at := site(t, "page")
	if _, body := visit(t, at+"/api/session"); !strings.Contains(body, `"accounts":true`) {
		t.Errorf("the page is not told of accounts: %s", body)
	}
	asked, state := beginAccount(t, at)
	for name, want := range map[string]string{"client_id": "page", "response_type": "code", "redirect_uri": at + oauth.CallbackPath, "resource": at + Path, "code_challenge_method": "S256"} {
		if asked.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, asked.Get(name), want)
		}
	}
	if !state.HttpOnly || state.SameSite != http.SameSiteLaxMode {
		t.Errorf("the cookie of the login: %+v", state)
	}
	token := i.Token(i.Good(at+Path, "ann", "tools:read runs:read", time.Now()).With(oauthtest.Claims{"exp": time.Now().Add(3 * time.Second).Unix()}))
	res, body := visit(t, at+oauth.CallbackPath+"?"+url.Values{"code": {i.Code(asked.Get("code_challenge"), token)}, "state": {asked.Get("state")}, "iss": {i.URL}}.Encode(), state)
	if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "../../" {
		t.Fatalf("%d %s %s", res.StatusCode, res.Header.Get("Location"), body)
	}
	var login *http.Cookie
	for _, cookie := range res.Cookies() {
		if cookie.MaxAge == 0 {
			login = cookie
		}
		if strings.Contains(cookie.Value, token) {
			t.Error("the cookie holds the token")
		}
	}
	if login == nil || login.SameSite != http.SameSiteStrictMode || !login.HttpOnly {
		t.Fatalf("the login: %+v", login)
	}
	var who struct {
		Way, Principal string
		May            map[string]bool
	}
	_, body = visit(t, at+"/api/session", login)
	if err := json.Unmarshal([]byte(body), &who); err != nil || who.Way != "account" || who.Principal != i.URL+"|ann" || who.May["run"] || who.May["answer"] {
		t.Errorf("%s, %v", body, err)
	}
	for path, want := range map[string]int{"/api/runs": http.StatusOK, "/api/trees": http.StatusOK} {
		if res, body := visit(t, at+path, login); res.StatusCode != want {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
		}
	}
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) { // until it expires
		if res, _ := visit(t, at+"/api/runs", login); res.StatusCode == http.StatusUnauthorized {
			break
		}
		if time.Since(begun) > time.Minute {
			t.Fatal("the login does not end with the token")
		}
	}
}

// What does not come back as it began, or has no good token, logs nobody in.
func TestAccountAttacks(t *testing.T) {
	t.Parallel()
	i, at := site(t, "page")
	good := i.Good(at+Path, "ann", "runs:read", time.Now())
	for name, spoil := range map[string]func(asked, sent url.Values, state *http.Cookie){
		"no code":           func(_, sent url.Values, _ *http.Cookie) { sent.Del("code") },
		"an error":          func(_, sent url.Values, _ *http.Cookie) { sent.Del("code"); sent.Set("error", "access_denied") },
		"no state":          func(_, sent url.Values, _ *http.Cookie) { sent.Del("state") },
		"another state":     func(_, sent url.Values, state *http.Cookie) { sent.Set("state", "x"); state.Value = "x" },
		"another browser":   func(_, _ url.Values, state *http.Cookie) { state.Value = "x" },
		"another issuer":    func(_, sent url.Values, _ *http.Cookie) { sent.Set("iss", "https://evil.example") },
		"a made-up code":    func(_, sent url.Values, _ *http.Cookie) { sent.Set("code", "x") },
		"a code of another": func(_, sent url.Values, _ *http.Cookie) { sent.Set("code", i.Code("another", i.Token(good))) },
		"a token for another": func(asked, sent url.Values, _ *http.Cookie) {
			sent.Set("code", i.Code(asked.Get("code_challenge"), i.Token(good.With(oauthtest.Claims{"aud": "x"}))))
		},
		"an ID token": func(asked, sent url.Values, _ *http.Cookie) {
			sent.Set("code", i.Code(asked.Get("code_challenge"), i.Token(good.With(oauthtest.Claims{"typ": "ID"}))))
		},
		"a token that is none": func(asked, sent url.Values, _ *http.Cookie) {
			sent.Set("code", i.Code(asked.Get("code_challenge"), "opaque"))
		},
	} {
		asked, state := beginAccount(t, at)
		sent := url.Values{"code": {i.Code(asked.Get("code_challenge"), i.Token(good))}, "state": {asked.Get("state")}, "iss": {i.URL}}
		spoil(asked, sent, state)
		res, _ := visit(t, at+oauth.CallbackPath+"?"+sent.Encode(), state)
		if res.Header.Get("Location") != "../../#account=refused" || len(res.Cookies()) != 1 || res.Cookies()[0].MaxAge >= 0 {
			t.Errorf("%s: %d %v", name, res.StatusCode, res.Header)
		}
	}
	asked, state := beginAccount(t, at)
	again := at + oauth.CallbackPath + "?" + url.Values{"code": {i.Code(asked.Get("code_challenge"), i.Token(good))}, "state": {asked.Get("state")}}.Encode()
	if res, _ := visit(t, again, state); res.Header.Get("Location") != "../../" {
		t.Errorf("without iss: %v", res.Header)
	}
	if res, _ := visit(t, again, state); res.Header.Get("Location") != "../../#account=refused" {
		t.Errorf("twice: %v", res.Header)
	}
	_, none := site(t, "")
	for _, path := range []string{"/api/login/account", oauth.CallbackPath} {
		if res, _ := visit(t, none+path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s without accounts: %d", path, res.StatusCode)
		}
	}
}
