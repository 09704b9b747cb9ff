package endtoend

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// keycloak is a Keycloak server with the realm of testdata.
type keycloak struct {
	t    *testing.T
	base string
}

// tokens are the answer of a token endpoint.
type tokens struct {
	Access  string `json:"access_token"`
	ID      string `json:"id_token"`
	Refresh string `json:"refresh_token"`
}

func (k *keycloak) send(req *http.Request) (int, []byte) {
	k.t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		k.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		k.t.Fatal(err)
	}
	return res.StatusCode, body
}

func (k *keycloak) login(realm, client, user, password, scope string) tokens {
	k.t.Helper()
	form := url.Values{"grant_type": {"password"}, "client_id": {client}, "username": {user}, "password": {password}, "scope": {scope}}
	req, err := http.NewRequestWithContext(k.t.Context(), http.MethodPost, k.base+"/realms/"+realm+"/protocol/openid-connect/token", strings.NewReader(form.Encode()))
	if err != nil {
		k.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status, body := k.send(req)
	var got tokens
	if err := json.Unmarshal(body, &got); err != nil || status != http.StatusOK {
		k.t.Fatalf("%d %s, %v", status, body, err)
	}
	return got
}

// rotate gives the realm a new key, which signs from now on.
func (k *keycloak) rotate() {
	k.t.Helper()
	admin := k.login("master", "admin-cli", peers.KeycloakAdmin, peers.KeycloakAdmin, "openid").Access
	body := `{"name":"new","providerId":"rsa-generated","providerType":"org.keycloak.keys.KeyProvider","config":{"priority":["200"],"keySize":["2048"]}}`
	req, err := http.NewRequestWithContext(k.t.Context(), http.MethodPost, k.base+"/admin/realms/work/components", strings.NewReader(body))
	if err != nil {
		k.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+admin)
	if status, body := k.send(req); status != http.StatusCreated {
		k.t.Fatalf("%d %s", status, body)
	}
}

// call sends a request to a server with a token.
func (k *keycloak) call(server, token, body string) (status int, text string) {
	k.t.Helper()
	req, err := http.NewRequestWithContext(k.t.Context(), http.MethodPost, server, bytes.NewReader([]byte(body)))
	if err != nil {
		k.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	req.Header.Set("Authorization", "Bearer "+token)
	status, raw := k.send(req)
	return status, string(raw)
}

// A real Keycloak: scopes or roles, audience, ID and refresh tokens, and a new key.
func TestKeycloak(t *testing.T) {
	t.Parallel()
	realm, err := os.ReadFile(filepath.Join("testdata", "keycloak", "realm.json"))
	if err != nil {
		t.Fatal(err)
	}
	k := &keycloak{t, peers.StartKeycloak(t, "work", realm)}
	start := func(more string) string {
		file := filepath.Join(t.TempDir(), "settings.yaml")
		text := "http: {stateless: true, public_url: 'https://tools.example.com'}\noauth:\n  issuers: ['" + k.base + "/realms/work']\n" + more
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return serve(t, "--config", file)
	}
	const (
		list = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
		sum  = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"data_processor","arguments":{"data":[1,2],"operation":"sum"}}}`
		runs = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_runs","arguments":{}}}`
	)
	scopes := start("")
	roles := start("  roles_claim: realm_access.roles\n  scopes:\n    chainwright-user: ['tools:read']\n    chainwright-operator: ['tools:read', 'tools:call', 'runs:read']\n")
	both, reads := k.login("work", "assistant", "ann", "secret", "openid tools:read tools:call"), k.login("work", "assistant", "ann", "secret", "openid tools:read")
	operator := k.login("work", "assistant", "bob", "secret", "openid tools:read")
	for name, c := range map[string]struct {
		server, token, body string
		status              int
		says                string
	}{
		"a list":               {scopes, reads.Access, list, 200, "data_processor"},
		"a call":               {scopes, both.Access, sum, 200, "completed"},
		"a call without scope": {scopes, reads.Access, sum, 403, "tools:call"},
		"another scope":        {scopes, both.Access, runs, 403, "runs:read"},
		"no audience":          {scopes, k.login("work", "assistant", "ann", "secret", "openid tools:call").Access, list, 401, "audience"},
		"another realm":        {scopes, k.login("master", "admin-cli", peers.KeycloakAdmin, peers.KeycloakAdmin, "openid").Access, list, 401, "issuer"},
		"an ID token":          {scopes, both.ID, list, 401, "refused"},
		"a refresh token":      {scopes, both.Refresh, list, 401, "refused"},
		"a user's role":        {roles, both.Access, list, 200, "data_processor"},
		"more than the role":   {roles, both.Access, sum, 403, "tools:call"},
		"an operator's role":   {roles, operator.Access, runs, 200, "completed"},
	} {
		if status, text := k.call(c.server, c.token, c.body); status != c.status || !strings.Contains(text, c.says) {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	k.rotate()
	fresh := k.login("work", "assistant", "ann", "secret", "openid tools:read").Access
	if strings.Split(fresh, ".")[0] == strings.Split(reads.Access, ".")[0] {
		t.Error("the new token has the old key")
	}
	for begun := time.Now(); ; time.Sleep(100 * time.Millisecond) { // keys are read at most every 5 seconds
		status, text := k.call(scopes, fresh, list)
		if status == http.StatusOK {
			break
		}
		if time.Since(begun) > executortest.Patience {
			t.Fatalf("a token with the new key: %d %s", status, text)
		}
	}
}
