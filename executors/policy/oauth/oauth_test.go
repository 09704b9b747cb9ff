package oauth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/executors/policy/oauth"
)

const secret = "s3cret-of-the-client"

// authority is an authorization server of a test.
type authority struct {
	*httptest.Server
	asked  atomic.Int32 // for tokens
	forms  chan url.Values
	answer func(w http.ResponseWriter, r *http.Request, n int32)
	mux    *http.ServeMux
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{mux: http.NewServeMux(), forms: make(chan url.Values, 100)}
	a.mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		if user, password, ok := r.BasicAuth(); ok {
			r.PostForm.Set("basic", user+":"+password)
		}
		a.forms <- r.PostForm
		n := a.asked.Add(1)
		if a.answer != nil {
			a.answer(w, r, n)
			return
		}
		give(w, fmt.Sprintf("token-number-%d", n), 3600)
	})
	a.Server = httptest.NewServer(a.mux)
	t.Cleanup(a.Close)
	return a
}

func give(w http.ResponseWriter, token string, seconds int) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"access_token": %q, "token_type": "bearer", "expires_in": %d}`, token, seconds)
}

// serves answers a path with a JSON document, in which URL is the server's own.
func (a *authority) serves(path, document string) {
	a.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, strings.ReplaceAll(document, "URL", a.URL))
	})
}

func open(t *testing.T, opts oauth.Options) *oauth.Client {
	t.Helper()
	opts.ClientID = "me"
	if opts.Secret == nil {
		opts.Secret = func() (string, error) { return secret, nil }
	}
	if opts.Know == nil {
		opts.Know = func(string) {}
	}
	c := oauth.New(opts)
	t.Cleanup(c.Close)
	return c
}

func TestATokenIsKeptUntilItEnds(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	c := open(t, oauth.Options{TokenURL: a.URL + "/token", Scopes: []string{"a", "b"}, Audience: "api", Resource: "https://api.example.com"})
	for range 3 {
		token, err := c.Token(t.Context())
		require.NoError(t, err)
		require.Equal(t, "token-number-1", token)
	}
	form := <-a.forms
	require.Equal(t, url.Values{"grant_type": {"client_credentials"}, "scope": {"a b"}, "audience": {"api"}, "resource": {"https://api.example.com"}, "basic": {"me:" + secret}}, form)

	ended := newAuthority(t)
	ended.answer = func(w http.ResponseWriter, _ *http.Request, n int32) { give(w, fmt.Sprintf("short-lived-%d", n), 5) }
	c = open(t, oauth.Options{TokenURL: ended.URL + "/token", Auth: oauth.Post})
	for n := range 3 {
		token, err := c.Token(t.Context())
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("short-lived-%d", n+1), token)
	}
	form = <-ended.forms
	require.Equal(t, secret, form.Get("client_secret"))
}

func TestManyCallersShareOneRequest(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	c := open(t, oauth.Options{TokenURL: a.URL + "/token"})
	all := func(get func() (string, error)) map[string]bool {
		var mu sync.Mutex
		got := map[string]bool{}
		var callers sync.WaitGroup
		for range 20 {
			callers.Go(func() {
				token, err := get()
				mu.Lock()
				defer mu.Unlock()
				got[fmt.Sprint(token, err)] = true
			})
		}
		callers.Wait()
		return got
	}
	require.Equal(t, map[string]bool{"token-number-1<nil>": true}, all(func() (string, error) { return c.Token(t.Context()) }))
	require.Equal(t, "token-number-1", c.In("Bearer token-number-1"))
	require.Equal(t, map[string]bool{"token-number-2<nil>": true}, all(func() (string, error) { return c.Renew(t.Context(), "token-number-1") }))
	require.Equal(t, "token-number-1", c.In("Bearer token-number-1"), "calls in flight may have the token before")
	require.Empty(t, c.In("Bearer other"))
	require.EqualValues(t, 2, a.asked.Load())
}

func TestACallerDoesNotWaitForOthers(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	free := make(chan struct{})
	a.answer = func(w http.ResponseWriter, r *http.Request, _ int32) {
		select {
		case <-free:
		case <-r.Context().Done():
		}
		give(w, "the-slow-token", 3600)
	}
	c := open(t, oauth.Options{TokenURL: a.URL + "/token"})
	impatient, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := c.Token(impatient)
		left <- err
	}()
	<-a.forms
	leave()
	require.ErrorIs(t, <-left, context.Canceled)
	close(free)
	token, err := c.Token(t.Context())
	require.NoError(t, err)
	require.Equal(t, "the-slow-token", token)
	require.EqualValues(t, 1, a.asked.Load(), "the request of the caller that left was used")
}

// TestBadAnswers has what a token endpoint may answer instead of a token. None of it
// is used, and the client's secret goes nowhere else.
func TestBadAnswers(t *testing.T) {
	t.Parallel()
	elsewhere := make(chan string, 10)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { elsewhere <- r.URL.String() }))
	t.Cleanup(other.Close)
	say := func(status int, text string) func(http.ResponseWriter, *http.Request, int32) {
		return func(w http.ResponseWriter, _ *http.Request, _ int32) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			fmt.Fprint(w, text)
		}
	}
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request, int32)
		want   string
		code   string
	}{
		"a wrong secret": {say(401, `{"error": "invalid_client", "error_description": "no\u001b[31m such client"}`), "status 401, invalid_client: no[31m such client", "invalid_client"},
		"a wrong scope":  {say(400, `{"error": "invalid_scope"}`), "status 400, invalid_scope", "invalid_scope"},
		"a failure":      {say(500, "<html>"), "status 500", ""},
		"a redirect": {func(w http.ResponseWriter, r *http.Request, _ int32) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		}, "it redirects", ""},
		"no JSON":             {say(200, "<html>"), "asking", ""},
		"no token":            {say(200, `{"token_type": "bearer"}`), "asking", ""},
		"another type":        {say(200, `{"access_token": "0123456789", "token_type": "mac"}`), "only bearer tokens", ""},
		"a line break":        {say(200, `{"access_token": "0123456789\r\nX: y", "token_type": "bearer"}`), "can't be sent in a header", ""},
		"too short":           {say(200, `{"access_token": "abc", "token_type": "bearer"}`), "can't be sent in a header", ""},
		"too long":            {say(200, `{"token_type": "bearer", "access_token": "`+strings.Repeat("x", 100_000)+`"}`), "can't be sent in a header", ""},
		"an endless body":     {say(200, `{"token_type": "bearer", "access_token": "`+strings.Repeat("x", 2_000_000)), "asking", ""},
		"a broken connection": {func(http.ResponseWriter, *http.Request, int32) { panic(http.ErrAbortHandler) }, "asking", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAuthority(t)
			a.answer = c.answer
			token, err := open(t, oauth.Options{TokenURL: a.URL + "/token"}).Token(t.Context())
			require.ErrorContains(t, err, c.want)
			require.Empty(t, token)
			require.NotContains(t, err.Error(), secret)
			var refused *oauth.Error
			if errors.As(err, &refused) {
				require.Equal(t, c.code, refused.Code)
			}
		})
	}
	t.Cleanup(func() { require.Empty(t, elsewhere) })
}

func TestTheTokenEndpointIsFound(t *testing.T) {
	t.Parallel()
	const metadata = `{"issuer": "URL", "token_endpoint": "URL/token"}`
	for name, c := range map[string]struct {
		serves map[string]string
		server string // path of the MCP server
		issuer string // path of a configured issuer, after URL
		want   string // of the error; empty: a token
		form   url.Values
	}{
		"by the issuer":             {issuer: "URL", serves: map[string]string{"/.well-known/oauth-authorization-server": metadata}},
		"by an issuer with a path":  {issuer: "URL/tenant", serves: map[string]string{"/.well-known/oauth-authorization-server/tenant": `{"issuer": "URL/tenant", "token_endpoint": "URL/token"}`}},
		"by OpenID Connect":         {issuer: "URL/tenant", serves: map[string]string{"/tenant/.well-known/openid-configuration": `{"issuer": "URL/tenant", "token_endpoint": "URL/token"}`}},
		"by an issuer of another":   {issuer: "URL", serves: map[string]string{"/.well-known/oauth-authorization-server": `{"issuer": "https://evil.example", "token_endpoint": "URL/token"}`}, want: "of another issuer"},
		"without an endpoint":       {issuer: "URL", serves: map[string]string{"/.well-known/oauth-authorization-server": `{"issuer": "URL"}`}, want: "no token_endpoint"},
		"with a plain endpoint":     {issuer: "URL", serves: map[string]string{"/.well-known/oauth-authorization-server": `{"issuer": "URL", "token_endpoint": "http://login.example/token"}`}, want: "not an https address"},
		"with a broken document":    {issuer: "URL", serves: map[string]string{"/.well-known/oauth-authorization-server": `<html>`}, want: "not the JSON of metadata"},
		"nowhere":                   {issuer: "URL", want: "none of the well-known addresses"},
		"by the server":             {server: "/mcp", serves: map[string]string{"/.well-known/oauth-protected-resource/mcp": `{"resource": "URL/mcp", "authorization_servers": ["URL"], "scopes_supported": ["x", "y"]}`, "/.well-known/oauth-authorization-server": metadata}, form: url.Values{"resource": {"URL/mcp"}, "scope": {"x y"}}},
		"by the root":               {server: "/mcp", serves: map[string]string{"/.well-known/oauth-protected-resource": `{"resource": "URL", "authorization_servers": ["URL"]}`, "/.well-known/oauth-authorization-server": metadata}, form: url.Values{"resource": {"URL"}}},
		"by a server without it":    {server: "/mcp", serves: map[string]string{"/.well-known/oauth-authorization-server": metadata}},
		"for another resource":      {server: "/mcp", serves: map[string]string{"/.well-known/oauth-protected-resource/mcp": `{"resource": "https://other.example/mcp", "authorization_servers": ["URL"]}`, "/.well-known/oauth-authorization-server": metadata}, want: "for another resource"},
		"for another path":          {server: "/mcp", serves: map[string]string{"/.well-known/oauth-protected-resource/mcp": `{"resource": "URL/other", "authorization_servers": ["URL"]}`, "/.well-known/oauth-authorization-server": metadata}, want: "for another resource"},
		"without an authorization":  {server: "/mcp", serves: map[string]string{"/.well-known/oauth-protected-resource/mcp": `{"resource": "URL/mcp"}`}, want: "names no authorization server"},
		"with a plain issuer":       {server: "/mcp", serves: map[string]string{"/.well-known/oauth-protected-resource/mcp": `{"resource": "URL/mcp", "authorization_servers": ["http://login.example"]}`}, want: "not an https address"},
		"with a file as the issuer": {server: "/mcp", serves: map[string]string{"/.well-known/oauth-protected-resource/mcp": `{"resource": "URL/mcp", "authorization_servers": ["file:///etc"]}`}, want: "not an https address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAuthority(t)
			for path, document := range c.serves {
				a.serves(path, document)
			}
			opts := oauth.Options{Issuer: strings.ReplaceAll(c.issuer, "URL", a.URL)}
			if c.server != "" {
				opts.Server = a.URL + c.server
			}
			token, err := open(t, opts).Token(t.Context())
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				require.Zero(t, a.asked.Load())
				return
			}
			require.NoError(t, err)
			require.Equal(t, "token-number-1", token)
			form := <-a.forms
			for name, values := range c.form {
				require.Equal(t, strings.ReplaceAll(values[0], "URL", a.URL), form.Get(name))
			}
		})
	}
}

func TestARefusalNamesTheMetadata(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	a.serves("/here", `{"resource": "URL", "authorization_servers": ["URL"], "scopes_supported": ["all"]}`)
	a.serves("/.well-known/oauth-authorization-server", `{"issuer": "URL", "token_endpoint": "URL/token"}`)
	a.mux.HandleFunc("GET /mcp", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="`+a.URL+`/here", scope="one two"`)
		w.WriteHeader(http.StatusUnauthorized)
	})
	_, err := open(t, oauth.Options{Server: a.URL + "/mcp"}).Token(t.Context())
	require.NoError(t, err)
	require.Equal(t, "one two", (<-a.forms).Get("scope"))
}

func TestAClientProvesItselfWithItsKey(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	a := newAuthority(t)
	a.serves("/.well-known/oauth-authorization-server", `{"issuer": "URL", "token_endpoint": "URL/token"}`)
	var known []string
	c := open(t, oauth.Options{Issuer: a.URL, Auth: oauth.PrivateKeyJWT, Key: func() (string, error) { return text, nil }, Know: func(s string) { known = append(known, s) }})
	_, err = c.Token(t.Context())
	require.NoError(t, err)
	form := <-a.forms
	require.Equal(t, "me", form.Get("client_id"))
	require.Empty(t, form.Get("client_secret"))
	require.Contains(t, known, form.Get("client_assertion"))
	require.Contains(t, known, "token-number-1")
	signed, err := jwt.ParseSigned(form.Get("client_assertion"), []jose.SignatureAlgorithm{jose.ES256})
	require.NoError(t, err)
	var claims jwt.Claims
	require.NoError(t, signed.Claims(&key.PublicKey, &claims))
	require.Equal(t, "me", claims.Issuer)
	require.Equal(t, "me", claims.Subject)
	require.Equal(t, jwt.Audience{a.URL}, claims.Audience)
	require.NotEmpty(t, claims.ID)

	for _, wrong := range []string{"", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		_, err := open(t, oauth.Options{Issuer: a.URL, Auth: oauth.PrivateKeyJWT, Key: func() (string, error) { return wrong, nil }}).Token(t.Context())
		require.ErrorContains(t, err, "the client's key")
	}
}
