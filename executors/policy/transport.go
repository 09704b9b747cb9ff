package policy

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// TransportOptions select one of the shared transports.
type TransportOptions struct {
	// InsecureSkipVerify accepts any certificate.
	InsecureSkipVerify bool
}

// idlePerHost is how many idle connections to one host are kept: as many as a wide
// fan-out uses at a time, so that the next requests need not dial.
const idlePerHost = 1024

// Transport returns the shared transport for callers' URLs. It pools connections
// and checks addresses when it dials. It ignores the environment's proxy, which
// would dial without the checks. Redirects and the time limit of the whole
// exchange are up to the http.Client.
func (p *Policy) Transport(opts TransportOptions) http.RoundTripper {
	if opts.InsecureSkipVerify {
		return p.unverified
	}
	return p.verified
}

// TunnelProxy returns the environment's proxy for requests that stay encrypted
// through it. A proxy would read the secrets in any other request, so that goes
// directly to its server.
func TunnelProxy(req *http.Request) (*url.URL, error) {
	if req.URL.Scheme != "https" {
		return nil, nil
	}
	return http.ProxyFromEnvironment(req)
}

func (p *Policy) newTransport(insecure bool) *Pool {
	return NewPool(&http.Transport{
		DialContext:            p.DialContext,
		TLSClientConfig:        &tls.Config{InsecureSkipVerify: insecure, MinVersion: tls.VersionTLS12}, // the caller's explicit choice
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           4 * idlePerHost,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        60 * time.Second,
		TLSHandshakeTimeout:    15 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 1 << 20,
		WriteBufferSize:        4 << 10,
		ReadBufferSize:         8 << 10,
	})
}

// CheckURL parses a caller's URL. Without resolving names it refuses what a dial
// would refuse: invalid hosts, addresses that are not allowed, and schemes other
// than the given ones (http and https by default).
func (p *Policy) CheckURL(raw string, schemes ...string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, &Denied{Message: fmt.Sprintf("%q is not a URL: %v", raw, unwrapURL(err))}
	}
	if len(schemes) == 0 {
		schemes = []string{"http", "https"}
	}
	if !slices.Contains(schemes, u.Scheme) {
		return nil, &Denied{Message: fmt.Sprintf("the URL must begin with %s://; got %q", strings.Join(schemes, ":// or "), raw)}
	}
	if u.Hostname() == "" {
		return nil, &Denied{Message: fmt.Sprintf("the URL %q has no host", raw)}
	}
	port := uint64(defaultPort(u.Scheme))
	if u.Port() != "" {
		if port, err = strconv.ParseUint(u.Port(), 10, 16); err != nil || port == 0 {
			return nil, &Denied{Message: fmt.Sprintf("the port of %q must be a number from 1 to 65535", raw)}
		}
	}
	if _, err := p.checkHost(u.Hostname()); err != nil {
		return nil, err
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		if err := p.guard.check("", netip.AddrPortFrom(ip, uint16(port))); err != nil { // parsed as 16 bits
			return nil, err
		}
	}
	return u, nil
}

func defaultPort(scheme string) uint16 {
	switch scheme {
	case "https", "wss", "grpcs":
		return 443
	case "ssh":
		return 22
	case "postgres", "postgresql":
		return 5432
	case "mysql":
		return 3306
	}
	return 80
}

func unwrapURL(err error) error {
	if e, ok := err.(*url.Error); ok { //nolint:errorlint // url.Parse returns this very type
		return e.Err
	}
	return err
}
