package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// endpoint is where a token is requested, and for what.
type endpoint struct {
	tokenURL string
	issuer   string // the audience of an assertion; empty: the token endpoint
	resource string
	scopes   []string
}

// find returns the token endpoint. It is looked up for each token, because an MCP
// server may change its authorization server.
func (c *Client) find(ctx context.Context) (endpoint, error) {
	at := endpoint{tokenURL: c.opts.TokenURL, issuer: c.opts.Issuer, resource: c.opts.Resource, scopes: c.opts.Scopes}
	if at.tokenURL != "" {
		return at, nil
	}
	if at.issuer == "" {
		if err := c.findIssuer(ctx, &at); err != nil {
			return at, fmt.Errorf("finding the authorization server of %s: %w", host(c.opts.Server), err)
		}
	}
	if err := c.findEndpoint(ctx, &at); err != nil {
		return at, fmt.Errorf("reading the metadata of the authorization server %s: %w", host(at.issuer), err)
	}
	return at, nil
}

// protected is the metadata of a protected resource.
type protected struct {
	Resource string   `json:"resource"`
	Servers  []string `json:"authorization_servers"`
	Scopes   []string `json:"scopes_supported"`
}

var (
	namedMetadata = regexp.MustCompile(`(?i)\bresource_metadata="([^"]+)"`)
	namedScope    = regexp.MustCompile(`(?i)\bscope="([^"]+)"`)
)

// findIssuer reads the metadata of the MCP server (RFC 9728): where its refusal
// names it, else at the well-known paths. A server without it is its own
// authorization server, as in the first revision of MCP that had authorization.
func (c *Client) findIssuer(ctx context.Context, at *endpoint) error {
	server, err := url.Parse(c.opts.Server)
	if err != nil {
		return err
	}
	places, scope := c.challenge(ctx, server)
	wellKnown := url.URL{Scheme: server.Scheme, Host: server.Host, Path: "/.well-known/oauth-protected-resource"}
	if path := strings.TrimSuffix(server.Path, "/"); path != "" {
		under := wellKnown
		under.Path += path
		places = append(places, under.String())
	}
	var about protected
	found, err := c.first(ctx, append(places, wellKnown.String()), &about)
	switch {
	case errors.Is(err, errNone):
		at.issuer = (&url.URL{Scheme: server.Scheme, Host: server.Host}).String()
		return nil
	case err != nil:
		return err
	case len(about.Servers) == 0:
		return fmt.Errorf("%s names no authorization server", found)
	case !covers(about.Resource, server):
		return fmt.Errorf("%s is for another resource, %q", found, plain(about.Resource, 200))
	}
	at.issuer = about.Servers[0]
	if at.resource == "" {
		at.resource = about.Resource
	}
	if len(at.scopes) == 0 && scope != "" {
		at.scopes = strings.Fields(scope)
	} else if len(at.scopes) == 0 {
		at.scopes = about.Scopes
	}
	return nil
}

// covers reports whether a resource is the server, or contains it.
func covers(resource string, server *url.URL) bool {
	r, err := url.Parse(resource)
	if err != nil || r.Scheme != server.Scheme || !strings.EqualFold(r.Host, server.Host) {
		return false
	}
	path := strings.TrimSuffix(r.Path, "/")
	return path == "" || server.Path == path || strings.HasPrefix(server.Path, path+"/")
}

// challenge asks the server without a token, and returns where its refusal says
// that the metadata is, on the server's own host, and the scope that it wants.
func (c *Client) challenge(ctx context.Context, server *url.URL) (places []string, scope string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.String(), nil)
	if err != nil {
		return nil, ""
	}
	req.Header.Set("Accept", "application/json, text/event-stream")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, "" // the metadata is asked for at the well-known paths
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		return nil, ""
	}
	for _, header := range resp.Header.Values("WWW-Authenticate") {
		if m := namedMetadata.FindStringSubmatch(header); m != nil {
			if at, err := url.Parse(m[1]); err == nil && at.Scheme == server.Scheme && strings.EqualFold(at.Host, server.Host) {
				places = append(places, at.String())
			}
		}
		if m := namedScope.FindStringSubmatch(header); m != nil {
			scope = m[1]
		}
	}
	return places, scope
}

// findEndpoint reads the metadata of the authorization server (RFC 8414, or OpenID
// Connect Discovery).
func (c *Client) findEndpoint(ctx context.Context, at *endpoint) error {
	issuer, err := url.Parse(at.issuer)
	if err != nil || issuer.Host == "" || issuer.User != nil || !safe(issuer) {
		return fmt.Errorf("%q is not an https address", plain(at.issuer, 200))
	}
	path := strings.TrimSuffix(issuer.Path, "/")
	place := func(path string) string {
		return (&url.URL{Scheme: issuer.Scheme, Host: issuer.Host, Path: path}).String()
	}
	places := []string{place("/.well-known/oauth-authorization-server" + path), place("/.well-known/openid-configuration" + path)}
	if path != "" {
		places = append(places, place(path+"/.well-known/openid-configuration"))
	}
	var about struct {
		Issuer   string `json:"issuer"`
		Endpoint string `json:"token_endpoint"`
	}
	found, err := c.first(ctx, places, &about)
	if err != nil {
		return err
	}
	if about.Issuer != at.issuer && strings.TrimSuffix(about.Issuer, "/") != strings.TrimSuffix(at.issuer, "/") {
		return fmt.Errorf("%s is of another issuer, %q", found, plain(about.Issuer, 200))
	}
	to, err := url.Parse(about.Endpoint)
	if err != nil || to.Host == "" || to.User != nil || !safe(to) {
		return fmt.Errorf("%s has no token_endpoint that can be used: %q is not an https address", found, plain(about.Endpoint, 200))
	}
	at.tokenURL, at.issuer = to.String(), about.Issuer
	return nil
}

// safe reports whether secrets may be sent to a URL: it is encrypted, or on this
// machine.
func safe(at *url.URL) bool {
	ip := net.ParseIP(at.Hostname())
	return at.Scheme == "https" || at.Scheme == "http" && (at.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

var errNone = errors.New("none of the well-known addresses has it")

// first reads the first of several JSON documents that exists.
func (c *Client) first(ctx context.Context, places []string, into any) (found string, err error) {
	for _, place := range places {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, place, nil)
		if err != nil {
			return "", err
		}
		req.Header.Set("Accept", "application/json")
		resp, err := c.http.Do(req)
		if err != nil {
			var sent *url.Error
			if errors.As(err, &sent) {
				err = sent.Err
			}
			return "", err
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		switch {
		case resp.StatusCode >= 400 && resp.StatusCode < 500:
			continue
		case resp.StatusCode != http.StatusOK:
			return "", fmt.Errorf("%s: status %d", place, resp.StatusCode)
		case err != nil:
			return "", fmt.Errorf("%s: %w", place, err)
		}
		if err := json.Unmarshal(text, into); err != nil {
			return "", fmt.Errorf("%s is not the JSON of metadata", place)
		}
		return place, nil
	}
	return "", errNone
}
