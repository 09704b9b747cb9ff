package policy

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// maxAuthority limits a file with certificates, in bytes.
const maxAuthority = 1 << 20

// peerKinds are the kinds of connections that take a token or headers.
var peerKinds = []string{"grpc", "mcp"}

// checkPeer checks the settings of connections of these kinds, and that other
// connections don't have them.
func (p *Policy) checkPeer(key string, c Connection, bad *problems) {
	if !slices.Contains(peerKinds, c.Kind) {
		if c.URL != "" || c.CAFile != "" || c.TokenEnv != "" || c.TokenFile != "" || c.OAuth != "" || len(c.HeadersEnv) > 0 {
			bad.add(key, "has url, ca_file, token_env, token_file, oauth or headers_env, which connections of kind %s don't have", c.Kind)
		}
		return
	}
	switch {
	case c.Kind == "grpc" && c.URL != "":
		bad.add(key+".url", "is not allowed for grpc; set host and port")
	case c.Kind == "grpc" && c.Host == "":
		bad.add(key+".host", "is required")
	case c.Kind == "mcp":
		at, err := url.Parse(c.URL)
		if err != nil || at.Hostname() == "" || at.User != nil || at.Scheme != "http" && at.Scheme != "https" {
			bad.add(key+".url", "must be an http:// or https:// address without a user")
		}
		if c.Host != "" || c.Port != 0 || c.TLS != "" {
			bad.add(key, "has host, port or tls; for mcp, set only url")
		}
	}
	switch {
	case c.TokenEnv != "" && c.TokenFile != "":
		bad.add(key, "has both token_env and token_file; set only one")
	case c.OAuth != "" && c.TokenEnv+c.TokenFile != "":
		bad.add(key, "has oauth and a token of its own; set only one")
	case c.OAuth != "":
		p.useOAuth(key, strings.TrimPrefix(key, "connections."), c.OAuth, c.URL, bad)
	}
	if c.TLS == "starttls" {
		bad.add(key+".tls", "must be tls or none for grpc")
	}
	for _, name := range sortedKeys(c.HeadersEnv) {
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			bad.add(key+".headers_env", "%q is not a header name", name)
		case strings.EqualFold(name, "authorization") && c.TokenEnv+c.TokenFile+c.OAuth != "":
			bad.add(key+".headers_env", "has %s in addition to a token, which is sent in this header; set only one", name)
		case c.HeadersEnv[name] == "":
			bad.add(key+".headers_env."+name, "must name a variable")
		}
	}
}

// Headers returns the headers of every call to a connection of kind grpc or mcp:
// its token and its own headers. They are read again each time, and redacted
// from then on. The token of an OAuth client is asked for when there is no valid one.
func (p *Policy) Headers(ctx context.Context, name string) (http.Header, error) {
	headers, err := p.ownHeaders(name)
	if err != nil || p.connections[name].OAuth == "" {
		return headers, err
	}
	token, err := p.accessToken(ctx, "connections."+name, "the connection "+name)
	if err != nil {
		return nil, err
	}
	headers.Set("Authorization", "Bearer "+token)
	return headers, nil
}

// ownHeaders returns the headers of a connection that need not be asked for.
func (p *Policy) ownHeaders(name string) (http.Header, error) {
	c, err := p.Connection(name)
	if err != nil {
		return nil, err
	}
	headers := http.Header{}
	take := func(header, prefix, env, file string) error {
		value, err := p.readValue(env, file)
		switch {
		case err != nil:
			return fmt.Errorf("%s of the connection %s: %w", header, name, err)
		case value == "":
			return &Denied{Message: fmt.Sprintf("the connection %s has no value for %s: %s is not set", name, header, sourceOf(env, file))}
		case len(value) < shortest(c.AllowShort):
			return &Denied{Message: fmt.Sprintf("the connection %s can't be used: %s", name, tooShort(c.AllowShort, env, file))}
		case !httpguts.ValidHeaderFieldValue(value):
			return &Denied{Message: fmt.Sprintf("the connection %s can't be used: the value of %s can't be sent in a header", name, sourceOf(env, file))}
		}
		p.redactor.know(name, value)
		headers.Set(header, prefix+value)
		return nil
	}
	if c.TokenEnv != "" || c.TokenFile != "" {
		if err := take("Authorization", "Bearer ", c.TokenEnv, c.TokenFile); err != nil {
			return nil, err
		}
	}
	for _, header := range sortedKeys(c.HeadersEnv) {
		if err := take(header, "", c.HeadersEnv[header], ""); err != nil {
			return nil, err
		}
	}
	return headers, nil
}

// Authority returns the CA certificates of a connection as PEM, or "" for the
// machine's.
func (p *Policy) Authority(name string) (string, error) {
	c, err := p.Connection(name)
	if err != nil || c.CAFile == "" {
		return "", err
	}
	pem, err := p.authorityIn("policy.connections."+name+".ca_file", c.CAFile)
	if err != nil {
		return "", fmt.Errorf("ca_file of the connection %s: %w", name, err)
	}
	return pem, nil
}

// authorityIn returns the CA certificates in a file that a setting names.
func (p *Policy) authorityIn(setting, path string) (string, error) {
	file, err := p.OpenTrusted(Trusted{Setting: setting, Path: path})
	if err != nil {
		return "", err
	}
	defer file.Close()
	pem, err := io.ReadAll(io.LimitReader(file, maxAuthority))
	if err == nil && !x509.NewCertPool().AppendCertsFromPEM(pem) {
		err = errors.New("it contains no certificate")
	}
	return string(pem), err
}
