// Package oauth gets access tokens for this program. It is not a stable API.
//
// It is a client of OAuth 2 with client credentials. The token endpoint is
// configured, or found by the metadata of an authorization server (RFC 8414) or of
// an MCP server (RFC 9728).
package oauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

const (
	// tokenFor is the time limit for a token, discovery included.
	tokenFor = 30 * time.Second
	// early is how long before its end a token is no longer used.
	early = 10 * time.Second
	// maxBefore is how many earlier tokens are known.
	maxBefore = 1000
	// maxReply limits a reply of the authorization server, in bytes.
	maxReply = 256 << 10
)

// The ways in which a client proves itself to the token endpoint.
const (
	Basic         = "basic"
	Post          = "post"
	PrivateKeyJWT = "private_key_jwt"
)

// Options configure New. ClientID, Secret or Key, and one of TokenURL, Issuer and
// Server are required.
type Options struct {
	// TokenURL is the token endpoint. Issuer is the authorization server whose
	// metadata names it. Server is the MCP server whose metadata names the
	// authorization server; if Issuer is set, it must be that one.
	TokenURL, Issuer, Server string
	ClientID                 string
	// Auth is Basic, Post or PrivateKeyJWT.
	Auth string
	// Secret returns the client's secret, and Key its private key as PEM, for
	// PrivateKeyJWT. They are called for each token.
	Secret, Key func() (string, error)
	Scopes      []string
	// Resource and Audience are sent with the request for a token if they are set.
	Resource, Audience string
	// Authority are CA certificates as PEM; empty: the machine's.
	Authority string
	// Dial connects to the authorization server.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Proxy is the environment's proxy; nil: none.
	Proxy func(*http.Request) (*url.URL, error)
	// Know is called with each secret text before it is used: the token and the
	// client's assertion.
	Know func(secret string)
}

// Client gets tokens and keeps the last one until it ends. It is safe for
// concurrent use.
type Client struct {
	opts      Options
	http      *http.Client
	transport *http.Transport

	mu      sync.Mutex
	token   string
	before  []string  // the tokens before, which calls and connections in use may have
	ends    time.Time // zero: not known
	pending *request  // nil: none

	ctx    context.Context // canceled by Close
	stop   context.CancelFunc
	asking sync.WaitGroup
}

// request is a request for a token that callers wait for.
type request struct {
	done  chan struct{}
	token string
	err   error
}

// New returns a client. It sends nothing.
func New(opts Options) *Client {
	c := &Client{opts: opts, transport: &http.Transport{
		Proxy: opts.Proxy, DialContext: opts.Dial, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 2,
		TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}}
	c.ctx, c.stop = context.WithCancel(context.Background())
	if opts.Authority != "" {
		c.transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		c.transport.TLSClientConfig.RootCAs.AppendCertsFromPEM([]byte(opts.Authority))
	}
	c.http = &http.Client{
		Transport: bounded{c.transport}, Timeout: tokenFor,
		// A redirect would send the client's secret to another address.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c
}

// Close ends the requests in flight.
func (c *Client) Close() {
	c.stop()
	c.asking.Wait()
	c.transport.CloseIdleConnections()
}

// Token returns the token that is kept, or a new one.
func (c *Client) Token(ctx context.Context) (string, error) { return c.other(ctx, "") }

// Renew returns a token other than the one that a server has refused. Only the
// first of several callers with the same token gets a new one; the others share it.
func (c *Client) Renew(ctx context.Context, refused string) (string, error) {
	return c.other(ctx, refused)
}

// In returns the token of this client that a text holds; "" if it holds none.
func (c *Client) In(text string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token == "" {
		return ""
	}
	for _, token := range append([]string{c.token}, c.before...) {
		if strings.Contains(text, token) {
			return token
		}
	}
	return ""
}

func (c *Client) other(ctx context.Context, refused string) (string, error) {
	c.mu.Lock()
	if c.token != "" && c.token != refused && (c.ends.IsZero() || time.Until(c.ends) > early) {
		defer c.mu.Unlock()
		return c.token, nil
	}
	r := c.pending
	if r == nil {
		r = &request{done: make(chan struct{})}
		c.pending = r
		c.asking.Go(func() {
			asking, stop := context.WithTimeout(c.ctx, tokenFor) // of this client: the other callers wait for it too
			defer stop()
			c.ask(asking, r)
		})
	}
	c.mu.Unlock()
	select {
	case <-r.done:
		return r.token, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// ask requests a token for all who wait.
func (c *Client) ask(ctx context.Context, r *request) {
	defer close(r.done)
	token, err := c.request(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending = nil
	if err != nil {
		r.err = err
		return
	}
	if c.token != "" && c.token != token.AccessToken {
		c.before = append(c.before, c.token)
		c.before = c.before[max(0, len(c.before)-maxBefore):]
	}
	c.token, c.ends, r.token = token.AccessToken, token.Expiry, token.AccessToken
}

func (c *Client) request(ctx context.Context) (*oauth2.Token, error) {
	at, err := c.find(ctx)
	if err != nil {
		return nil, err
	}
	config := clientcredentials.Config{ClientID: c.opts.ClientID, TokenURL: at.tokenURL, Scopes: at.scopes, EndpointParams: url.Values{}}
	for name, value := range map[string]string{"resource": at.resource, "audience": c.opts.Audience} {
		if value != "" {
			config.EndpointParams.Set(name, value)
		}
	}
	switch c.opts.Auth {
	case PrivateKeyJWT:
		assertion, err := c.assertion(at)
		if err != nil {
			return nil, err
		}
		config.AuthStyle = oauth2.AuthStyleInParams
		config.EndpointParams.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		config.EndpointParams.Set("client_assertion", assertion)
	default:
		config.AuthStyle = oauth2.AuthStyleInHeader
		if c.opts.Auth == Post {
			config.AuthStyle = oauth2.AuthStyleInParams
		}
		if config.ClientSecret, err = c.opts.Secret(); err != nil {
			return nil, err
		}
	}
	token, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, c.http)) // the time of its end is in the token
	if err != nil {
		return nil, refusal(at.tokenURL, err)
	}
	if kind := token.Type(); kind != "Bearer" {
		return nil, fmt.Errorf("%s returned a token of the type %q; only bearer tokens can be used", host(at.tokenURL), kind)
	}
	if !sendable(token.AccessToken) {
		return nil, fmt.Errorf("%s returned a token that can't be sent in a header", host(at.tokenURL))
	}
	c.opts.Know(token.AccessToken)
	return token, nil
}

// sendable reports whether a token has 8 to 16,384 visible ASCII characters. A
// shorter one could not be redacted.
func sendable(token string) bool {
	for i := range len(token) {
		if token[i] <= ' ' || token[i] > '~' {
			return false
		}
	}
	return len(token) >= 8 && len(token) <= 16<<10
}

// Error is a refusal of the authorization server.
type Error struct {
	Host   string
	Code   string // of OAuth, such as invalid_client; empty if the server gave none
	Status int
	Text   string
}

// Error returns the refusal as one line.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s gave no token: status %d", e.Host, e.Status)
	if e.Code != "" {
		text += ", " + e.Code
	}
	if e.Text != "" {
		text += ": " + e.Text
	}
	return text
}

// refusal returns the error of a token endpoint. What the server wrote besides the
// fields of OAuth is left out: it may hold what was sent.
func refusal(at string, err error) error {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		var sent *url.Error
		if errors.As(err, &sent) {
			err = sent.Err
		}
		return fmt.Errorf("asking %s for a token: %w", host(at), err)
	}
	e := &Error{Host: host(at), Code: plain(refused.ErrorCode, 60), Text: plain(refused.ErrorDescription, 200)}
	if refused.Response != nil {
		e.Status = refused.Response.StatusCode
		if e.Status >= 300 && e.Status < 400 {
			e.Text = "it redirects, and the client's secret is not sent on"
		}
	}
	return e
}

// plain returns the visible ASCII characters of a text, up to n.
func plain(text string, n int) string {
	out := make([]byte, 0, min(len(text), n))
	for i := 0; i < len(text) && len(out) < n; i++ {
		if text[i] >= ' ' && text[i] <= '~' {
			out = append(out, text[i])
		}
	}
	return string(out)
}

func host(raw string) string {
	if at, err := url.Parse(raw); err == nil && at.Host != "" {
		return at.Host
	}
	return "the token endpoint"
}

// bounded limits the size of replies.
type bounded struct{ http.RoundTripper }

// RoundTrip sends a request.
func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxReply), resp.Body}
	return resp, nil
}
