package oauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/shorten"
)

const (
	// maxAnswer is the longest answer of an issuer in bytes.
	maxAnswer = 256 << 10
	// maxKeys is the largest number of keys of an issuer.
	maxKeys = 100
	// discoverTimeout is the time limit for reading the metadata and the keys of
	// an issuer, and connectTimeout that of one connection.
	discoverTimeout = 5 * time.Second
	connectTimeout  = 3 * time.Second
)

// Discovered is what an issuer says of itself.
type Discovered struct {
	Issuer    string `json:"issuer"`
	KeysURL   string `json:"jwks_uri"`
	Authorize string `json:"authorization_endpoint"`
	Token     string `json:"token_endpoint"`

	keys []jose.JSONWebKey
}

// Keys returns the number of keys.
func (d *Discovered) Keys() int { return len(d.keys) }

// client reads from issuers. Each answer is bounded in time and size.
type client struct{ http *http.Client }

// newClient returns a client that verifies issuers with these certificates; nil:
// with those of the system. It keeps no connections.
func newClient(roots *x509.CertPool) *client {
	return &client{&http.Client{
		Timeout: discoverTimeout,
		Transport: &http.Transport{
			Proxy:                  policy.TunnelProxy,
			DialContext:            (&net.Dialer{Timeout: connectTimeout}).DialContext,
			TLSHandshakeTimeout:    connectTimeout,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// discover reads the metadata of an issuer and its keys. The metadata is that of
// OpenID Connect, or else that of RFC 8414.
func (c *client) discover(ctx context.Context, issuer string) (*Discovered, error) {
	ctx, done := context.WithTimeout(ctx, discoverTimeout)
	defer done()
	found, err := c.metadata(ctx, issuer)
	if err != nil {
		return nil, err
	}
	if found.Issuer != issuer {
		return nil, fmt.Errorf("the metadata of %s names another issuer, %q; both must be the same to the letter", issuer, shorten.Bytes(found.Issuer, 200))
	}
	if err := checkURL(found.KeysURL); err != nil {
		return nil, fmt.Errorf("the metadata of %s: jwks_uri %w", issuer, err)
	}
	if from, err := url.Parse(issuer); err == nil && from.Scheme == "https" && !strings.HasPrefix(strings.ToLower(found.KeysURL), "https:") {
		return nil, fmt.Errorf("the metadata of %s: jwks_uri must begin with https://", issuer)
	}
	raw, err := c.get(ctx, found.KeysURL)
	if err != nil {
		return nil, fmt.Errorf("the keys of %s: %w", issuer, err)
	}
	if found.keys, err = parseKeys(raw); err != nil {
		return nil, fmt.Errorf("the keys of %s: %w", issuer, err)
	}
	return found, nil
}

func (c *client) metadata(ctx context.Context, issuer string) (*Discovered, error) {
	var errs []error
	for _, address := range metadataURLs(issuer) {
		raw, err := c.get(ctx, address)
		var found Discovered
		if err == nil {
			err = json.Unmarshal(raw, &found)
		}
		if err == nil {
			return &found, nil
		}
		errs = append(errs, fmt.Errorf("reading %s: %w", address, err))
		var status statusError
		if !errors.As(err, &status) {
			break // the server does not answer
		}
	}
	return nil, errors.Join(errs...)
}

// metadataURLs returns where the metadata of an issuer may be.
func metadataURLs(issuer string) []string {
	list := []string{strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"}
	if at, err := url.Parse(issuer); err == nil {
		path := strings.TrimSuffix(at.EscapedPath(), "/")
		list = append(list, at.Scheme+"://"+at.Host+"/.well-known/oauth-authorization-server"+path)
	}
	return list
}

// statusError is the status of an answer that is not 200.
type statusError struct{ status, location string }

func (e statusError) Error() string {
	if e.location != "" {
		return fmt.Sprintf("it answers %s and leads to %q; redirects are not followed", e.status, shorten.Bytes(e.location, 200))
	}
	return "it answers " + e.status
}

func (c *client) get(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	return c.do(req)
}

func (c *client) do(req *http.Request) ([]byte, error) {
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, statusError{res.Status, res.Header.Get("Location")}
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case len(raw) > maxAnswer:
		return nil, fmt.Errorf("its answer is longer than %d KiB", maxAnswer>>10)
	}
	return raw, nil
}

// parseKeys returns the public keys for signatures. Others, and those of a kind
// that is not known, are left out.
func parseKeys(raw []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, fmt.Errorf("they are not a JSON object with keys: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("there are %d; at most %d are accepted", len(set.Keys), maxKeys)
	}
	var keys []jose.JSONWebKey
	for _, each := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(each) == nil && key.Valid() && key.IsPublic() && (key.Use == "" || key.Use == "sig") {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no public key for signatures")
	}
	return keys, nil
}
