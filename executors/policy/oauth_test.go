package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// withOAuth is a policy with a client, and its secret in a variable.
func withOAuth(tokens *executortest.Tokens, secret string) (policy.Config, policy.Option) {
	return policy.Config{
			OAuthClients: map[string]policy.OAuthClient{"crm": {TokenURL: tokens.URL + "/token", ClientID: executortest.TokensID, ClientSecretEnv: "CRM_SECRET"}},
			Secrets:      map[string]policy.Secret{"CRM": {OAuth: "crm", Hosts: []string{"api.example.com"}}},
			Connections:  map[string]policy.Connection{"tickets": {Kind: "mcp", URL: "https://tickets.example.com/mcp", OAuth: "crm"}},
		}, policy.WithEnvironment(func(name string) (string, bool) {
			return secret, name == "CRM_SECRET" && secret != ""
		})
}

func TestTokensOfOAuthClients(t *testing.T) {
	t.Parallel()
	tokens := executortest.NewTokens(t)
	cfg, env := withOAuth(tokens, executortest.TokensSecret)
	p, err := policy.New(cfg, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	if tokens.Asked() != 0 {
		t.Fatal("a token was requested before it was needed")
	}
	if _, err := p.Secret(t.Context(), "CRM", "rest_executor", "https://other.example.com"); !errors.As(err, new(*policy.Denied)) || tokens.Asked() != 0 {
		t.Fatalf("another host: %v, %d requests", err, tokens.Asked())
	}
	value, err := p.Secret(t.Context(), "CRM", "rest_executor", "https://api.example.com/x")
	if err != nil || !strings.HasPrefix(value, "access-") {
		t.Fatal(value, err)
	}
	again, _ := p.Secret(t.Context(), "CRM", "rest_executor", "https://api.example.com/y")
	headers, err := p.Headers(t.Context(), "tickets")
	own := strings.TrimPrefix(headers.Get("Authorization"), "Bearer ")
	if err != nil || again != value || own == value || tokens.Asked() != 2 {
		t.Fatalf("%v; %q, %q, %q; %d requests", err, value, again, own, tokens.Asked())
	}
	for _, secret := range append(tokens.Given(), executortest.TokensSecret) {
		if shown := p.RedactString("it is " + secret + "!"); strings.Contains(shown, secret) {
			t.Errorf("not redacted: %s", shown)
		}
	}
	if err := p.MaySend(policy.DestinationOf("https://api.example.com"), "Bearer "+value); err != nil {
		t.Error(err)
	}
	for _, text := range []string{value, own, executortest.TokensSecret} {
		if err := p.MaySend(policy.DestinationOf("https://other.example.com"), "Bearer "+text); err == nil {
			t.Errorf("a redirect may take %s elsewhere", text)
		}
	}
	for _, each := range p.Describe() {
		if strings.Contains(each.Value, "access-") || strings.Contains(each.Value, executortest.TokensSecret) {
			t.Errorf("%s shows %s", each.Name, each.Value)
		}
	}
	// A new token comes once; then the server's refusal stands.
	renewed, changed, err := p.Renewed(t.Context(), "Bearer "+value)
	if err != nil || !changed || renewed == "Bearer "+value || !strings.HasPrefix(renewed, "Bearer access-") {
		t.Fatal(renewed, changed, err)
	}
	if _, changed, _ := p.Renewed(t.Context(), "Bearer another"); changed {
		t.Error("a text without a token was changed")
	}
	if next, _ := p.Secret(t.Context(), "CRM", "rest_executor", "https://api.example.com"); "Bearer "+next != renewed {
		t.Error("the new token is not used")
	}
}

func TestRefusedOAuthClients(t *testing.T) {
	t.Parallel()
	tokens := executortest.NewTokens(t)
	for secret, want := range map[string]string{"": "CRM_SECRET is not set", "wrong-secret-0123": "invalid_client"} {
		cfg, env := withOAuth(tokens, secret)
		p, err := policy.New(cfg, env)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Secret(t.Context(), "CRM", "rest_executor", "https://api.example.com")
		if err == nil || !strings.Contains(err.Error(), want) || secret != "" && strings.Contains(p.RedactString(err.Error()), secret) {
			t.Errorf("%q: %v", secret, err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestProblemsOfOAuthClients(t *testing.T) {
	t.Parallel()
	good := policy.OAuthClient{TokenURL: "https://login.example.com/token", ClientID: "me", ClientSecretEnv: "S"}
	change := func(f func(*policy.OAuthClient)) policy.Config {
		c := good
		f(&c)
		return policy.Config{OAuthClients: map[string]policy.OAuthClient{"crm": c}}
	}
	clients := map[string]policy.OAuthClient{"crm": good, "found": {ClientID: "me", ClientSecretEnv: "S"}}
	for want, cfg := range map[string]policy.Config{
		"oauth_clients.crm.client_id: is required":                   change(func(c *policy.OAuthClient) { c.ClientID = "" }),
		"needs one of client_secret_env":                             change(func(c *policy.OAuthClient) { c.ClientSecretEnv = "" }),
		"crm: needs one of client_secret_env":                        change(func(c *policy.OAuthClient) { c.ClientSecretFile = "/s" }),
		"auth: must be one of basic, post, private_key_jwt":          change(func(c *policy.OAuthClient) { c.Auth = "magic" }),
		"must be private_key_jwt with key_file":                      change(func(c *policy.OAuthClient) { c.Auth = "private_key_jwt" }),
		"has both token_url and issuer":                              change(func(c *policy.OAuthClient) { c.Issuer = "https://login.example.com" }),
		"oauth_clients.crm.token_url: must be an https":              change(func(c *policy.OAuthClient) { c.TokenURL = "http://login.example.com/token" }),
		"oauth_clients.crm.issuer: must be an https":                 change(func(c *policy.OAuthClient) { c.TokenURL, c.Issuer = "", "https://me:pw@login.example.com" }),
		"client_secret_file: must be absolute":                       change(func(c *policy.OAuthClient) { c.ClientSecretEnv, c.ClientSecretFile = "", "relative" }),
		"secrets.X.oauth: must name one of":                          {Secrets: map[string]policy.Secret{"X": {OAuth: "nobody", Hosts: []string{"a.example"}}}},
		"secrets.X: has oauth and a value of its own":                {OAuthClients: clients, Secrets: map[string]policy.Secret{"X": {OAuth: "crm", Env: "E", Hosts: []string{"a.example"}}}},
		"secrets.X: must be bound to the hosts":                      {OAuthClients: clients, Secrets: map[string]policy.Secret{"X": {OAuth: "crm", Executors: []string{"rest_executor"}}}},
		"secrets.X.oauth: names found, which has neither":            {OAuthClients: clients, Secrets: map[string]policy.Secret{"X": {OAuth: "found", Hosts: []string{"a.example"}}}},
		"connections.g.oauth: names found, which has neither":        {OAuthClients: clients, Connections: map[string]policy.Connection{"g": {Kind: "grpc", Host: "h", OAuth: "found"}}},
		"connections.m: has oauth and a token of its own":            {OAuthClients: clients, Connections: map[string]policy.Connection{"m": {Kind: "mcp", URL: "https://h/mcp", OAuth: "crm", TokenEnv: "T"}}},
		"connections.d: has url, ca_file, token_env, token_file, oa": {OAuthClients: clients, Connections: map[string]policy.Connection{"d": {Kind: "sqlite", DSN: "/x", OAuth: "crm"}}},
		"which is sent in this header":                               {OAuthClients: clients, Connections: map[string]policy.Connection{"m": {Kind: "mcp", URL: "https://h/mcp", OAuth: "crm", HeadersEnv: map[string]string{"Authorization": "T"}}}},
	} {
		if _, err := policy.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q; got %v", want, err)
		}
	}
	p, err := policy.New(policy.Config{OAuthClients: clients, Connections: map[string]policy.Connection{"m": {Kind: "mcp", URL: "https://h/mcp", OAuth: "found"}}})
	if err != nil {
		t.Fatal(err)
	}
	_ = p.Close()
}
