// Package oauth makes HTTP an OAuth 2.1 resource server: it verifies access
// tokens, which are JWTs of pinned issuers, and describes the server to clients
// (RFC 9728). Nothing runs and nothing is connected to before a token arrives.
package oauth

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/tools"
)

// Settings are those of the section oauth, and http.public_url.
type Settings struct {
	// PublicURL is the address at which clients reach the server, without Path.
	PublicURL string
	// Path is where MCP is served.
	Path string
	// Issuers are the servers whose tokens are accepted.
	Issuers []string
	// Audiences are the accepted audiences. None: the address of MCP.
	Audiences []string
	// Algorithms are the accepted algorithms of signatures. None: all of
	// Algorithms.
	Algorithms []string
	// RolesClaim names the claim that holds the scopes, instead of scope and scp.
	// Dots lead into objects: realm_access.roles.
	RolesClaim string
	// Scopes are the scopes that a value of these claims stands for. A value that
	// is a scope itself needs no entry.
	Scopes map[string][]string
	// PageClientID is the id of the page at the first issuer, as a public client.
	// Empty: people do not log in to the page with their accounts.
	PageClientID string
	// CA reads the certificates that issuers are verified with. Nil: those of the
	// system.
	CA func() (io.ReadCloser, error)
	// CheckNames returns an error for tools and toolsets that do not exist.
	CheckNames func(*tools.Selection) error
	Log        zerolog.Logger
	// Now returns the time (time.Now).
	Now func() time.Time
}

// Algorithms are the algorithms that tokens may be signed with. All are
// asymmetric, so that nobody who can verify a token can make one.
var Algorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
}

// ErrNoPublicURL is the error of a server that has issuers, and no address.
var ErrNoPublicURL = errors.New("oauth.issuers needs http.public_url, the address at which clients reach this server, such as https://tools.example.com: " +
	"tokens are made for this address, and it is not taken from requests")

// check checks the settings and returns the address of MCP.
func (s *Settings) check() (*url.URL, error) {
	if s.PublicURL == "" {
		return nil, ErrNoPublicURL
	}
	public, err := ParsePublicURL(s.PublicURL)
	if err != nil {
		return nil, err
	}
	errs := s.checkIssuers()
	for _, name := range s.Algorithms {
		if !slices.Contains(Algorithms, name) {
			errs = append(errs, fmt.Errorf("oauth.algorithms must name some of %s; got %q", strings.Join(Algorithms, ", "), name))
		}
	}
	if slices.Contains(s.Audiences, "") {
		errs = append(errs, errors.New("oauth.audiences has an empty entry"))
	}
	for _, value := range slices.Sorted(maps.Keys(s.Scopes)) {
		scopes, err := tools.ParseScopes(s.Scopes[value])
		if selection := scopes.Selection(); err == nil && selection != nil && s.CheckNames != nil {
			err = s.CheckNames(selection)
		}
		if len(scopes) == 0 && err == nil {
			err = errors.New("the list is empty; name the scopes that it stands for")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("oauth.scopes.%s: %w", value, err))
		}
	}
	public.Path += s.Path
	return public, errors.Join(errs...)
}

func (s *Settings) checkIssuers() (errs []error) {
	if len(s.Issuers) == 0 {
		errs = append(errs, errors.New("oauth has settings, but oauth.issuers names no server whose tokens are accepted"))
	}
	seen := map[string]bool{}
	for i, issuer := range s.Issuers {
		if err := checkURL(issuer); err != nil {
			errs = append(errs, fmt.Errorf("oauth.issuers[%d] %w", i, err))
		} else if seen[issuer] {
			errs = append(errs, fmt.Errorf("oauth.issuers[%d] is there twice: %s", i, issuer))
		}
		seen[issuer] = true
	}
	return errs
}

var plainPath = regexp.MustCompile(`^[A-Za-z0-9._~/-]*$`)

// ParsePublicURL checks http.public_url.
func ParsePublicURL(text string) (*url.URL, error) {
	if err := checkURL(text); err != nil {
		return nil, fmt.Errorf("http.public_url %w", err)
	}
	at, err := url.Parse(strings.TrimRight(text, "/"))
	if err != nil {
		return nil, fmt.Errorf("http.public_url: %w", err)
	}
	switch {
	case strings.HasSuffix(at.Path, "/mcp"):
		return nil, fmt.Errorf("http.public_url must be the address without /mcp; got %q", text)
	case !plainPath.MatchString(at.EscapedPath()):
		return nil, fmt.Errorf("the path of http.public_url may have letters, digits and - . _ ~ only; got %q", text)
	}
	return at, nil
}

// checkURL returns an error unless a text is the address of a server that proves
// its identity, or that is on this machine.
func checkURL(text string) error {
	at, err := url.Parse(text)
	switch {
	case err != nil || at.Host == "" || at.Opaque != "":
		return fmt.Errorf("must be a complete address such as https://login.example.com; got %q", text)
	case at.User != nil, at.RawQuery != "", at.ForceQuery, strings.Contains(text, "#"):
		return errors.New("must have no user, no query and no fragment")
	case at.Scheme == "https", at.Scheme == "http" && isLoopback(at.Hostname()):
		return nil
	}
	return fmt.Errorf("must begin with https://, except on this machine; got %q", text)
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// maxCA is the largest file of certificates in bytes.
const maxCA = 1 << 20

// roots reads the certificates; nil: those of the system.
func (s *Settings) roots() (*x509.CertPool, error) {
	if s.CA == nil {
		return nil, nil
	}
	file, err := s.CA()
	if err != nil {
		return nil, fmt.Errorf("oauth.ca_file: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxCA))
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("oauth.ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, errors.New("oauth.ca_file has no certificate in PEM form")
	}
	return pool, nil
}

func (s *Settings) algorithms() []string {
	if len(s.Algorithms) == 0 {
		return Algorithms
	}
	return s.Algorithms
}

func (s *Settings) audiences(resource string) []string {
	if len(s.Audiences) == 0 {
		return []string{resource}
	}
	return s.Audiences
}

// now returns the time.
func (s *Settings) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// pageURL returns the address of the page, without a slash at its end.
func (s *Settings) pageURL() string { return strings.TrimRight(s.PublicURL, "/") }

// claimName returns the claims that hold scopes, in words.
func (s *Settings) claimName() string { return cmp.Or(s.RolesClaim, "scope or scp") }
