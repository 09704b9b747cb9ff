package http

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/transport/internal/oauth"
	"github.com/chainwright/chainwright/transport/internal/oauth/oauthtest"
)

const (
	publicURL = "https://tools.example.com"
	resource  = publicURL + "/mcp"
	metadata  = publicURL + "/.well-known/oauth-protected-resource/mcp"
)

// protected serves the real tools for the tokens of an issuer, and for one
// static token with few scopes.
func protected(t *testing.T, settings oauth.Settings) (*oauthtest.Issuer, string) {
	t.Helper()
	i := oauthtest.New(t)
	settings.PublicURL, settings.Path, settings.Issuers = publicURL, Path, []string{i.URL}
	verifier, err := oauth.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	_, url := whole(t, Options{
		Stateless: true, OAuth: verifier, Tokens: []Token{{Name: "ci", Value: "static", Principal: "ci", Scopes: []string{"tools:read"}}},
	})
	return i, url
}

func bearer(token string) []string { return []string{"Authorization", "Bearer " + token} }

// The description of the resource is public, at both addresses. It names the
// configured address, whatever the request is addressed to.
func TestResourceMetadata(t *testing.T) {
	t.Parallel()
	i, url := protected(t, oauth.Settings{})
	for _, path := range []string{"/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"} {
		res, body := request(t, http.MethodGet, url+path, "", "Host", "localhost:99", "X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example")
		var got struct {
			Resource string   `json:"resource"`
			Servers  []string `json:"authorization_servers"`
			Scopes   []string `json:"scopes_supported"`
			Methods  []string `json:"bearer_methods_supported"`
		}
		if err := json.Unmarshal([]byte(body), &got); err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/json" ||
			got.Resource != resource || !slices.Equal(got.Servers, []string{i.URL}) || len(got.Scopes) != 8 || !slices.Equal(got.Methods, []string{"header"}) {
			t.Errorf("%s: %d %s, %v", path, res.StatusCode, body, err)
		}
	}
	if res, _ := request(t, http.MethodGet, url+"/.well-known/oauth-protected-resource/other", ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("another resource: %d", res.StatusCode)
	}
	_, plain := whole(t, Options{Token: "x"})
	if res, _ := request(t, http.MethodGet, plain+oauth.WellKnown, ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("without OAuth: %d", res.StatusCode)
	}
}

// Requests without a valid token get 401 and learn where to get one, those with
// two 400, and those that can't be verified now 503. Nothing but the header
// Authorization holds a token.
func TestOAuthRefusals(t *testing.T) {
	t.Parallel()
	i, url := protected(t, oauth.Settings{})
	good := i.Good(resource, "ann", "tools:read tools:call", time.Now())
	token := i.Token(good)
	about := `resource_metadata="` + metadata + `", scope="tools:read tools:call runs:read"`
	invalid := func(reason string) string {
		return `Bearer error="invalid_token", error_description="the token is refused: ` + reason + `", ` + about
	}
	for name, c := range map[string]struct {
		path      string
		headers   []string
		status    int
		challenge string
	}{
		"no token":               {"", nil, 401, "Bearer " + about},
		"basic":                  {"", []string{"Authorization", "Basic " + token}, 401, "Bearer " + about},
		"in the address":         {"?access_token=" + token, nil, 401, "Bearer " + about},
		"in a cookie":            {"", []string{"Cookie", "access_token=" + token}, 401, "Bearer " + about},
		"as a session":           {"", []string{"Mcp-Session-Id", token}, 401, "Bearer " + about},
		"unknown":                {"", bearer("other"), 401, invalid("it is not known")},
		"expired":                {"", bearer(i.Token(good.With(oauthtest.Claims{"exp": 1}))), 401, invalid("it has expired")},
		"for another":            {"", bearer(i.Token(good.With(oauthtest.Claims{"aud": "x"}))), 401, invalid("it is for another audience")},
		"with text after it":     {"", bearer(token + " x"), 401, invalid("it is not a signed JWT")},
		"twice in one":           {"", bearer(token + ", Bearer " + token), 401, invalid("it is not known")},
		"huge":                   {"", bearer(token + strings.Repeat("x", 50<<10)), 401, invalid("it is longer than 16 KiB")},
		"valid":                  {"", bearer(token), 200, ""},
		"valid, scheme in lower": {"", []string{"Authorization", "bearer " + token}, 200, ""},
		"static":                 {"", bearer("static"), 200, ""},
	} {
		res, body := request(t, http.MethodPost, url+Path+c.path, method("ping", "{}"), c.headers...)
		got := res.Header.Get("WWW-Authenticate")
		if res.StatusCode != c.status || c.challenge != "" && got != c.challenge || strings.Contains(body+got, token) {
			t.Errorf("%s: %d %s, %s", name, res.StatusCode, got, body)
		}
	}
	for name, values := range map[string][]string{"two": {"Bearer " + token, "Bearer " + token}, "a static one first": {"Bearer static", "Bearer " + token}, "another scheme": {"Basic eA==", "Bearer " + token}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+Path, strings.NewReader(method("ping", "{}")))
		if err != nil {
			t.Fatal(err)
		}
		req.Header["Authorization"] = values
		req.Header.Set("Content-Type", "application/json")
		res, err := ownClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if res.Body.Close(); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
}

// A slow issuer holds up nobody who has a static token or whose keys are known,
// and its own callers get 503.
func TestSlowIssuer(t *testing.T) {
	t.Parallel()
	i, url := protected(t, oauth.Settings{})
	asked := make(chan struct{}, 10)
	i.Answer(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	})
	ended := make(chan *http.Response, 1)
	go func() {
		res, _ := request(t, http.MethodPost, url+Path, method("ping", "{}"), bearer(i.Token(i.Good(resource, "ann", "", time.Now())))...)
		ended <- res
	}()
	<-asked
	if res, body := request(t, http.MethodPost, url+Path, method("ping", "{}"), bearer("static")...); res.StatusCode != http.StatusOK {
		t.Errorf("a static token: %d %s", res.StatusCode, body)
	}
	if res := <-ended; res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || res.Header.Get("WWW-Authenticate") != "" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
}

// The scopes of a token decide what is listed and called, as those of a static
// token do. A refusal names all scopes that are needed, and those that the
// caller has.
func TestOAuthScopes(t *testing.T) {
	t.Parallel()
	i, url := protected(t, oauth.Settings{})
	token := func(scope string) []string { return bearer(i.Token(i.Good(resource, "ann", scope, time.Now()))) }
	call := func(tool, arguments string) string { return era{}.call("1", tool, arguments, "") }
	for name, c := range map[string]struct {
		scope, body string
		scopes      string // of the refusal; empty: it is allowed
		has, lacks  string
	}{
		"no scopes, ping":        {"openid", method("ping", "{}"), "", "result", ""},
		"no scopes, list":        {"openid", method("tools/list", "{}"), "tools:read", "", ""},
		"no scopes, a call":      {"", call("list_runs", "{}"), "tools:call runs:read", "", ""},
		"step-up keeps":          {"tools:read tools:call openid", call("cancel_run", `{"run_id":"x"}`), "tools:call runs:write tools:read", "", ""},
		"a tree to save":         {"tools:call", call("list_runs", "{}"), "tools:call runs:read", "", ""},
		"an approval":            {"tools:read tools:call", call("answer_run", `{}`), "tools:call approve tools:read", "", ""},
		"a list":                 {"tools:read", method("tools/list", "{}"), "", "test_echo", ""},
		"a narrowed list":        {"tools:read tool:test_echo", method("tools/list", "{}"), "", "test_echo", "run_task_tree"},
		"a tool that is none":    {"tools:read tool:no_such_tool", method("tools/list", "{}"), "", `"tools":[]`, "test_echo"},
		"a toolset":              {"tools:read toolset:runs", method("tools/list", "{}"), "", "get_run", "test_echo"},
		"a call":                 {"tools:call", call("test_echo", `{"text":"hello"}`), "", "hello", ""},
		"a call of another tool": {"tools:call tool:test_echo", call("run_task_tree", `{"tasks":[]}`), "tools:call tool:run_task_tree tool:test_echo", "", ""},
	} {
		res, body := request(t, http.MethodPost, url+Path, c.body, token(c.scope)...)
		if c.scopes == "" {
			if res.StatusCode != http.StatusOK || !strings.Contains(body, c.has) || c.lacks != "" && strings.Contains(body, c.lacks) {
				t.Errorf("%s: %d %s", name, res.StatusCode, body)
			}
			continue
		}
		want := fmt.Sprintf(`Bearer error="insufficient_scope", resource_metadata=%q, scope=%q`, metadata, c.scopes)
		if got := res.Header.Get("WWW-Authenticate"); res.StatusCode != http.StatusForbidden || got != want {
			t.Errorf("%s: %d %s, want %s", name, res.StatusCode, got, want)
		}
	}
	roles, other := protected(t, oauth.Settings{RolesClaim: "roles"})
	res, _ := request(t, http.MethodPost, other+Path, method("tools/list", "{}"), bearer(roles.Token(roles.Good(resource, "ann", "tools:read", time.Now())))...)
	if got, want := res.Header.Get("WWW-Authenticate"), fmt.Sprintf(`Bearer error="insufficient_scope", resource_metadata=%q`, metadata); res.StatusCode != http.StatusForbidden || got != want {
		t.Errorf("with roles, scopes are not asked for: %d %s", res.StatusCode, got)
	}
}

// Runs belong to the issuer and the subject of a token, whichever token it is.
func TestOAuthPrincipals(t *testing.T) {
	t.Parallel()
	i, url := protected(t, oauth.Settings{})
	const scope = "tools:read tools:call runs:read runs:write"
	of := func(subject string) []string { return bearer(i.Token(i.Good(resource, subject, scope, time.Now()))) }
	tree := era{}.call("1", "run_task_tree", `{"wait_seconds":10,"tasks":[{"name":"a","schemas":{"method":"test_echo"},"inputs":{"text":"x"}}]}`, "")
	_, body := request(t, http.MethodPost, url+Path, tree, of("ann")...)
	var ev event
	if err := json.Unmarshal([]byte(body), &ev); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	_, run := ev.status(t)
	for subject, sees := range map[string]bool{"ann": true, "bob": false, "ann|": false, "ANN": false} {
		_, body := request(t, http.MethodPost, url+Path, era{}.call("1", "get_run", `{"run_id":"`+run+`"}`, ""), of(subject)...)
		if got := strings.Contains(body, `not_found`); got == sees {
			t.Errorf("%s: %s", subject, body)
		}
	}
}

// A stream ends with the token that opened it.
func TestStreamsEndWithTheToken(t *testing.T) {
	t.Parallel()
	i := oauthtest.New(t)
	verifier, err := oauth.New(oauth.Settings{PublicURL: publicURL, Path: Path, Issuers: []string{i.URL}})
	if err != nil {
		t.Fatal(err)
	}
	_, url := whole(t, Options{OAuth: verifier})
	good := i.Good(resource, "ann", "tools:read", time.Now())
	id := session(t, url, bearer(i.Token(good))...)
	soon := i.Token(good.With(oauthtest.Claims{"exp": time.Now().Add(2 * time.Second).Unix()}))
	res, _ := request(t, http.MethodGet, url+Path, "", append(bearer(soon), "Mcp-Session-Id", id, "Accept", eventStream)...) // returns when the stream ends
	if res.StatusCode != http.StatusOK {
		t.Errorf("%d", res.StatusCode)
	}
	if res, _ := request(t, http.MethodGet, url+Path, "", append(bearer(soon), "Mcp-Session-Id", id, "Accept", eventStream)...); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("after its end: %d", res.StatusCode)
	}
}
