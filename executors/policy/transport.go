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

// TransportOptions choose one of the shared transports.
type TransportOptions struct {
	// InsecureSkipVerify accepts any certificate.
	InsecureSkipVerify bool
}

// idlePerHost is how many idle connections to one host are kept: as many as
// requests to one host run at a time in a wide fan-out, so that the next wave
// dials nothing.
const idlePerHost = 1024

// Transport returns the shared transport for addresses that callers give:
// pooled, guarded at dial time, without the environment's proxy (a proxy
// would dial for us, unguarded). It neither follows redirects nor bounds the
// whole exchange; that is for the http.Client around it.
func (p *Policy) Transport(opts TransportOptions) http.RoundTripper {
	if opts.InsecureSkipVerify {
		return p.unverified
	}
	return p.verified
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

// CheckURL parses a URL that a caller gave and refuses what is refused at
// dial time anyway, where that shows without resolving a name: schemes other
// than the given ones (http and https without any), addresses, and hosts that
// are none.
func (p *Policy) CheckURL(raw string, schemes ...string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, &Denied{Message: fmt.Sprintf("%q is no URL: %v", raw, unwrapURL(err))}
	}
	if len(schemes) == 0 {
		schemes = []string{"http", "https"}
	}
	if !slices.Contains(schemes, u.Scheme) {
		return nil, &Denied{Message: fmt.Sprintf("the URL must begin with %s://; got %q", strings.Join(schemes, ":// or "), raw)}
	}
	if u.Hostname() == "" {
		return nil, &Denied{Message: fmt.Sprintf("the URL %q names no host", raw)}
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
	}
	return 80
}

func unwrapURL(err error) error {
	if e, ok := err.(*url.Error); ok { //nolint:errorlint // url.Parse returns this very type
		return e.Err
	}
	return err
}
