package policy

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// maxAuthority bounds a file with certificates.
const maxAuthority = 1 << 20

// peerKinds are the connections to servers that take a token or headers.
var peerKinds = []string{"grpc", "mcp"}

// checkPeer checks what only those connections have, or what they don't.
func (p *Policy) checkPeer(key string, c Connection, bad *problems) {
	if !slices.Contains(peerKinds, c.Kind) {
		if c.URL != "" || c.CAFile != "" || c.TokenEnv != "" || c.TokenFile != "" || len(c.HeadersEnv) > 0 {
			bad.add(key, "has url, ca_file, token_env, token_file or headers_env, which a connection of kind %s does not take", c.Kind)
		}
		return
	}
	switch {
	case c.Kind == "grpc" && c.URL != "":
		bad.add(key+".url", "is not for grpc; give host and port")
	case c.Kind == "grpc" && c.Host == "":
		bad.add(key+".host", "is required")
	case c.Kind == "mcp":
		at, err := url.Parse(c.URL)
		if err != nil || at.Hostname() == "" || at.User != nil || at.Scheme != "http" && at.Scheme != "https" {
			bad.add(key+".url", "must be an http:// or https:// address without a user")
		}
		if c.Host != "" || c.Port != 0 || c.TLS != "" {
			bad.add(key, "has host, port or tls; url says it all for mcp")
		}
	}
	if c.TokenEnv != "" && c.TokenFile != "" {
		bad.add(key, "has both token_env and token_file; one is meant")
	}
	if c.TLS == "starttls" {
		bad.add(key+".tls", "must be tls or none for grpc")
	}
	for _, name := range sortedKeys(c.HeadersEnv) {
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			bad.add(key+".headers_env", "%q is no name of a header", name)
		case strings.EqualFold(name, "authorization") && c.TokenEnv+c.TokenFile != "":
			bad.add(key+".headers_env", "has %s beside a token, which is sent in it", name)
		case c.HeadersEnv[name] == "":
			bad.add(key+".headers_env."+name, "names no variable")
		}
	}
}

// Headers are what goes along with every call to a connection of kind grpc or
// mcp: its token, and the headers of its own. They are read anew each time,
// and redacted from then on.
func (p *Policy) Headers(name string) (http.Header, error) {
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
		case len(value) < minSecret:
			return &Denied{Message: fmt.Sprintf("the connection %s can't be used: %s holds fewer than %d characters, which can't be redacted safely", name, sourceOf(env, file), minSecret)}
		case !httpguts.ValidHeaderFieldValue(value):
			return &Denied{Message: fmt.Sprintf("the connection %s can't be used: what %s holds can't be sent in a header", name, sourceOf(env, file))}
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

// Authority are the certificates by which a connection's server is known, as
// PEM; empty where they are the machine's.
func (p *Policy) Authority(name string) (string, error) {
	c, err := p.Connection(name)
	if err != nil || c.CAFile == "" {
		return "", err
	}
	file, err := os.Open(c.CAFile)
	if err != nil {
		return "", fmt.Errorf("ca_file of the connection %s: %w", name, cause(err))
	}
	defer file.Close()
	pem, err := io.ReadAll(io.LimitReader(file, maxAuthority))
	if err == nil && !x509.NewCertPool().AppendCertsFromPEM(pem) {
		err = errors.New("it holds no certificate")
	}
	if err != nil {
		return "", fmt.Errorf("ca_file of the connection %s: %w", name, err)
	}
	return string(pem), nil
}
