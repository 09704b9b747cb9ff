package rest

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// TestTokensOfAnOAuthClient has the executor call a server with tokens of an
// authorization server. A token that is refused is renewed once.
func TestTokensOfAnOAuthClient(t *testing.T) {
	t.Parallel()
	tokens := executortest.NewTokens(t)
	var strict atomic.Bool // refuses every token
	var calls atomic.Int32
	elsewhere := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "got "+r.Header.Get("Authorization"))
	})
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		if strict.Load() || !tokens.Accepts(r) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, "not with "+r.Header.Get("Authorization"))
			return
		}
		if r.URL.Path == "/away" {
			http.Redirect(w, r, strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1), http.StatusFound)
			return
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s with %s", body, r.Header.Get("Authorization"))
	})
	file := t.TempDir() + "/secret"
	if err := os.WriteFile(file, []byte(executortest.TokensSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	d := newCaller(t, policy.Config{
		Network:      policy.Network{Allow: []string{"127.0.0.1", "localhost"}},
		OAuthClients: map[string]policy.OAuthClient{"crm": {TokenURL: tokens.URL + "/token", ClientID: executortest.TokensID, ClientSecretFile: file}},
		Secrets:      map[string]policy.Secret{"CRM": {OAuth: "crm", Hosts: []string{strings.TrimPrefix(server.URL, "http://")}}},
	})
	post := func(path string) string {
		return fmt.Sprintf(`{"url": %q, "method": "POST", "body": "hello", "auth": {"type": "bearer", "token": "${{ secrets.CRM }}"}}`, server.URL+path)
	}
	for range 2 {
		out, failure := d.call(post("/"))
		if failure != nil || out.Text == nil || *out.Text != "hello with Bearer [secret]" {
			t.Fatalf("%+v, %+v", out, failure)
		}
	}
	if calls.Load() != 2 || tokens.Asked() != 1 {
		t.Errorf("%d calls, %d tokens", calls.Load(), tokens.Asked())
	}

	tokens.Revoke()
	if out, failure := d.call(post("/")); failure != nil || *out.Text != "hello with Bearer [secret]" {
		t.Errorf("%+v, %+v", out, failure)
	}
	if calls.Load() != 4 || tokens.Asked() != 2 {
		t.Errorf("%d calls, %d tokens", calls.Load(), tokens.Asked())
	}

	strict.Store(true) // a server that refuses every token is not asked for ever
	if out, failure := d.call(post("/")); failure == nil || out.StatusCode != 401 || strings.Contains(*out.Text+failure.Message, "access-") {
		t.Errorf("%+v, %+v", out, failure)
	}
	if calls.Load() != 6 || tokens.Asked() != 3 {
		t.Errorf("%d calls, %d tokens", calls.Load(), tokens.Asked())
	}
	strict.Store(false)

	out, failure := d.call(strings.Replace(post("/away"), `"POST", "body": "hello"`, `"GET"`, 1))
	if failure != nil || *out.Text != "got " {
		t.Errorf("a redirect took the token along: %+v, %+v", out, failure)
	}
	if _, failure := d.call(fmt.Sprintf(`{"url": %q, "auth": {"type": "bearer", "token": "${{ secrets.CRM }}"}}`, elsewhere.URL)); failure == nil {
		t.Error("the token was sent to a host that it is not bound to")
	}
}
