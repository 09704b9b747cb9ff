package app_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/transport/app"
	"github.com/chainwright/chainwright/transport/internal/oauth/oauthtest"
)

// The handler accepts the tokens of an issuer at the public address, and says
// where to get them.
func TestOAuth(t *testing.T) {
	t.Parallel()
	i := oauthtest.New(t)
	settings := app.HTTP{Stateless: true, PublicURL: "https://tools.example.com/team/", OAuth: &app.OAuth{
		Issuers: []string{i.URL}, RolesClaim: "groups", Scopes: map[string][]string{"ops": {"tools:read", "tool:data_processor"}},
	}}
	server := open(t, append(slices.Clone(unrecorded), app.WithHTTP(settings))...)
	good := i.Good("https://tools.example.com/team/mcp", "ann", "", time.Now()).With(oauthtest.Claims{"groups": []string{"ops"}})
	send := func(host, token string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "http://"+host+"/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		server.Handler().ServeHTTP(w, r)
		return w
	}
	for _, host := range []string{"tools.example.com", "tools.example.com:443", "localhost"} {
		if w := send(host, i.Token(good)); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "data_processor") || strings.Contains(w.Body.String(), `"get_run"`) {
			t.Errorf("%s: %d %s", host, w.Code, w.Body)
		}
	}
	if w := send("evil.example", i.Token(good)); w.Code != http.StatusForbidden {
		t.Errorf("another host: %d", w.Code)
	}
	const about = `resource_metadata="https://tools.example.com/.well-known/oauth-protected-resource/team/mcp"`
	if w := send("tools.example.com", "x"); w.Code != http.StatusUnauthorized || !strings.Contains(w.Header().Get("WWW-Authenticate"), about) {
		t.Errorf("%d %s", w.Code, w.Header())
	}
	for _, path := range []string{"/.well-known/oauth-protected-resource/team/mcp", "/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"} {
		w := httptest.NewRecorder()
		server.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil))
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"resource":"https://tools.example.com/team/mcp"`) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// Wrong settings stop what serves HTTP, and nothing else.
func TestOAuthSettings(t *testing.T) {
	t.Parallel()
	for want, h := range map[string]app.HTTP{
		"needs http.public_url":   {OAuth: &app.OAuth{Issuers: []string{"https://login.example.com"}}},
		"http.public_url must":    {PublicURL: "tools.example.com"},
		`no tool "rest_executer"`: {PublicURL: "https://a.example", OAuth: &app.OAuth{Issuers: []string{"https://login.example.com"}, Scopes: map[string][]string{"x": {"tool:rest_executer"}}}},
		"oauth.ca_file":           {PublicURL: "https://a.example", OAuth: &app.OAuth{Issuers: []string{"https://login.example.com"}, CAFile: t.TempDir() + "/missing.pem"}},
	} {
		server := open(t, append(slices.Clone(unrecorded), app.WithHTTP(h))...)
		if err := server.Serve(t.Context(), "127.0.0.1:0"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
