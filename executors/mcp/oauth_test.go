package mcp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/mcp"
	"github.com/chainwright/chainwright/executors/policy"
)

// TestOAuthConnections has a connection find its authorization server by the MCP
// server's metadata, renew a refused token once, and never show one.
func TestOAuthConnections(t *testing.T) {
	t.Parallel()
	to, err := url.Parse(old(t, "2025-06-18", false))
	if err != nil {
		t.Fatal(err)
	}
	tokens := executortest.NewTokens(t)
	var strict atomic.Bool
	behind := httputil.NewSingleHostReverseProxy(to)
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("/mcp", func(w http.ResponseWriter, r *http.Request) {
		if strict.Load() || !tokens.Accepts(r) {
			w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="`+server.URL+`/metadata"`)
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, "not with "+r.Header.Get("Authorization"))
			return
		}
		behind.ServeHTTP(w, r)
	})
	mux.HandleFunc("/metadata", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"resource": %q, "authorization_servers": [%q]}`, server.URL+"/mcp", server.URL)
	})
	mux.HandleFunc("/.well-known/oauth-authorization-server", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer": %q, "token_endpoint": %q}`, server.URL, tokens.URL+"/token")
	})
	file := t.TempDir() + "/secret"
	if err := os.WriteFile(file, []byte(executortest.TokensSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	pol := executortest.Policy(t, policy.Config{
		OAuthClients: map[string]policy.OAuthClient{"crm": {ClientID: executortest.TokensID, ClientSecretFile: file}},
		Connections:  map[string]policy.Connection{"tickets": {Kind: "mcp", URL: server.URL + "/mcp", OAuth: "crm"}},
	})
	d := &caller{t, executortest.Registry(t, pol, mcp.New())}
	base := object{"transport": "http", "url": "tickets", "operation": "call_tool", "tool_name": "add"}
	call := func() {
		t.Helper()
		if out, err := d.call(t.Context(), base); err != nil || !out.Success {
			t.Fatalf("%+v, %+v", out, err)
		}
	}
	call()
	call()
	if tokens.Asked() != 1 {
		t.Errorf("%d tokens", tokens.Asked())
	}
	tokens.Revoke()
	call()
	call()
	if tokens.Asked() != 2 {
		t.Errorf("%d tokens after one was refused", tokens.Asked())
	}
	strict.Store(true)
	_, failure := d.call(t.Context(), base)
	if failure == nil || strings.Contains(fmt.Sprintf("%+v", failure), "access-") || !strings.Contains(failure.Message, "401") {
		t.Errorf("%+v", failure)
	}
	asked := tokens.Asked()
	_, _ = d.call(t.Context(), base)
	if asked > 4 || tokens.Asked() > asked+2 {
		t.Errorf("a server that refuses every token is asked again and again: %d, then %d tokens", asked, tokens.Asked())
	}
}
