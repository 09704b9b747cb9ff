package policy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors/policy/oauth"
)

// OAuthClient is a client of an OAuth 2 authorization server. It gets tokens for
// itself, with its own credentials.
type OAuthClient struct {
	// TokenURL is the token endpoint. Issuer is the authorization server whose
	// metadata names it. Without both, a connection of kind mcp uses the one that its
	// server names.
	TokenURL string `yaml:"token_url,omitempty"`
	Issuer   string `yaml:"issuer,omitempty"`
	ClientID string `yaml:"client_id"`
	// ClientSecretEnv names the variable that holds the client's secret,
	// ClientSecretFile the file. KeyFile holds its private key instead.
	ClientSecretEnv  string `yaml:"client_secret_env,omitempty"`
	ClientSecretFile string `yaml:"client_secret_file,omitempty"`
	KeyFile          string `yaml:"key_file,omitempty"`
	// Auth is how the client proves itself: basic (the default), post, or
	// private_key_jwt (the default with KeyFile).
	Auth   string   `yaml:"auth,omitempty"`
	Scopes []string `yaml:"scopes,omitempty"`
	// Resource and Audience say what the tokens are for.
	Resource string `yaml:"resource,omitempty"`
	Audience string `yaml:"audience,omitempty"`
	// CAFile holds the CA certificates of the authorization server. The default is
	// the machine's.
	CAFile string `yaml:"ca_file,omitempty"`
}

// auth returns how a client proves itself.
func (c *OAuthClient) auth() string {
	switch {
	case c.Auth != "":
		return c.Auth
	case c.KeyFile != "":
		return oauth.PrivateKeyJWT
	}
	return oauth.Basic
}

func (p *Policy) checkOAuth(bad *problems) {
	for _, name := range sortedKeys(p.config.OAuthClients) {
		c, key := p.config.OAuthClients[name], "oauth_clients."+name
		if c.ClientID == "" {
			bad.add(key+".client_id", "is required")
		}
		given := 0
		for _, source := range []string{c.ClientSecretEnv, c.ClientSecretFile, c.KeyFile} {
			if source != "" {
				given++
			}
		}
		if given != 1 {
			bad.add(key, "needs one of client_secret_env (a variable), client_secret_file and key_file")
		}
		switch ways := []string{oauth.Basic, oauth.Post, oauth.PrivateKeyJWT}; {
		case !slices.Contains(ways, c.auth()):
			bad.add(key+".auth", "must be one of %s; got %q", strings.Join(ways, ", "), c.Auth)
		case (c.auth() == oauth.PrivateKeyJWT) != (c.KeyFile != ""):
			bad.add(key+".auth", "must be private_key_jwt with key_file, and basic or post with a secret; got %q", c.auth())
		}
		if c.TokenURL != "" && c.Issuer != "" {
			bad.add(key, "has both token_url and issuer; set only one")
		}
		for field, raw := range map[string]string{"token_url": c.TokenURL, "issuer": c.Issuer} {
			if raw != "" && !safeURL(raw) {
				bad.add(key+"."+field, "must be an https:// address without a user; http:// is allowed on this machine only")
			}
		}
		for field, path := range map[string]string{"client_secret_file": c.ClientSecretFile, "key_file": c.KeyFile, "ca_file": c.CAFile} {
			if path != "" {
				if _, err := absolute(path); err != nil {
					bad.add(key+"."+field, "%v", err)
				}
			}
		}
		if secret, err := p.readValue(c.ClientSecretEnv, c.ClientSecretFile); c.KeyFile == "" && err == nil && secret != "" {
			p.redactor.know(name, secret)
		}
	}
}

func safeURL(raw string) bool {
	at, err := url.Parse(raw)
	if err != nil || at.Hostname() == "" || at.User != nil || at.Fragment != "" {
		return false
	}
	ip := net.ParseIP(at.Hostname())
	return at.Scheme == "https" || at.Scheme == "http" && (at.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// useOAuth creates the client for a secret or a connection, which are its user. Each
// user has a client of its own: its tokens are bound to its hosts.
func (p *Policy) useOAuth(key, user, name, server string, bad *problems) {
	c, ok := p.config.OAuthClients[name]
	switch {
	case !ok:
		known := "none are configured"
		if names := sortedKeys(p.config.OAuthClients); len(names) > 0 {
			known = "they are " + strings.Join(names, ", ")
		}
		bad.add(key+".oauth", "must name one of policy.oauth_clients: %s; got %q", known, name)
		return
	case c.TokenURL == "" && c.Issuer == "" && server == "":
		bad.add(key+".oauth", "names %s, which has neither token_url nor issuer: only a connection of kind mcp can find them out", name)
		return
	}
	authority := ""
	if c.CAFile != "" {
		var err error
		if authority, err = p.authorityIn("policy.oauth_clients."+name+".ca_file", c.CAFile); err != nil {
			bad.add("oauth_clients."+name+".ca_file", "%v", err)
			return
		}
	}
	opts := oauth.Options{
		TokenURL: c.TokenURL, Issuer: c.Issuer, ClientID: c.ClientID, Auth: c.auth(), Scopes: c.Scopes, Resource: c.Resource, Audience: c.Audience,
		Authority: authority, Dial: p.DialTrusted, Proxy: TunnelProxy,
		Know: func(secret string) { p.redactor.know(user, secret) },
		Secret: func() (string, error) {
			secret, err := p.readValue(c.ClientSecretEnv, c.ClientSecretFile)
			if err == nil && secret == "" {
				err = &Denied{Message: fmt.Sprintf("the OAuth client %s has no secret: %s is not set", name, sourceOf(c.ClientSecretEnv, c.ClientSecretFile))}
			}
			if err == nil {
				p.redactor.know(name, secret)
			}
			return secret, err
		},
		Key: func() (string, error) { return p.readValue("", c.KeyFile) },
	}
	if c.TokenURL == "" && server != "" {
		opts.Server = server
		if c.Resource == "" && c.Issuer != "" {
			opts.Resource = server
		}
	}
	p.oauth[key] = oauth.New(opts)
}

// accessToken returns the token of a secret or a connection.
func (p *Policy) accessToken(ctx context.Context, key, what string) (string, error) {
	client := p.oauth[key]
	if client == nil {
		return "", fmt.Errorf("%s has no OAuth client", what)
	}
	token, err := client.Token(ctx)
	return token, tokenFailure(what, err)
}

// tokenFailure returns a *Denied for a refusal that only the operator can change.
func tokenFailure(what string, err error) error {
	var refused *oauth.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused) && refused.Status >= 400 && refused.Status < 500 && refused.Status != 429:
		return &Denied{
			Message: fmt.Sprintf("%s has no token: %v", what, refused),
			Hint:    "the operator checks client_id, its secret or key, scopes, resource and audience in policy.oauth_clients",
		}
	}
	return &Unavailable{Message: fmt.Sprintf("%s has no token: %v", what, err), cause: err}
}

// Unavailable is a token that could not be had now.
type Unavailable struct {
	Message string
	cause   error
}

// Error returns the message.
func (u *Unavailable) Error() string { return u.Message }

// Unwrap returns the cause.
func (u *Unavailable) Unwrap() error { return u.cause }

// RenewedHeader is Renewed for headers that a server has answered with 401. The
// header itself stays as it is.
func (p *Policy) RenewedHeader(ctx context.Context, header http.Header) (http.Header, bool, error) {
	if len(p.oauth) == 0 {
		return header, false, nil
	}
	for name, values := range header {
		for i, value := range values {
			fresh, changed, err := p.Renewed(ctx, value)
			if err != nil {
				return header, false, err
			}
			if changed {
				renewed := header.Clone()
				renewed[name][i] = fresh
				return renewed, true, nil
			}
		}
	}
	return header, false, nil
}

// Renewed returns a text with a new token in place of one that a server has refused.
// It reports false if the text has no token of an OAuth client, or there is no other.
func (p *Policy) Renewed(ctx context.Context, text string) (string, bool, error) {
	for key, client := range p.oauth {
		old := client.In(text)
		if old == "" {
			continue
		}
		fresh, err := client.Renew(ctx, old)
		if err != nil {
			return text, false, tokenFailure(key, err)
		}
		if fresh == old {
			return text, false, nil
		}
		return strings.ReplaceAll(text, old, fresh), true, nil
	}
	return text, false, nil
}
