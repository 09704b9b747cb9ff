package rest

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/bind"
	"github.com/chainwright/chainwright/executors/internal/web"
	"github.com/chainwright/chainwright/executors/policy"
)

// Endpoint is a server from an operator's file. It may be at a private address
// and is reached through the environment's proxy if it is an https address.
// Requests to other hosts, such
// as redirects, are checked like a caller's.
type Endpoint struct {
	origin *url.URL
	direct *policy.Pool
}

// NewEndpoint returns the endpoint with the scheme, host and port of origin.
func NewEndpoint(pol *policy.Policy, origin *url.URL) *Endpoint {
	return &Endpoint{origin: origin, direct: policy.NewPool(&http.Transport{
		Proxy:                  policy.TunnelProxy,
		DialContext:            pol.DialTrusted,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        60 * time.Second,
		TLSHandshakeTimeout:    15 * time.Second,
		MaxResponseHeaderBytes: 1 << 20,
	})}
}

// Close closes the idle connections.
func (e *Endpoint) Close() error {
	e.direct.CloseIdleConnections()
	return nil
}

// Do sends a request with the inputs of rest_executor, which must be valid:
// see executors.Definition.Complete. After an error, the output is the failed
// response, if there was one.
func (e *Endpoint) Do(ctx context.Context, call *executors.Call, inputs map[string]any) (any, error) {
	var in input
	if err := bind.Into(&in, inputs); err != nil {
		return nil, err
	}
	own := *call
	own.Inputs = inputs
	out, err := perform(ctx, &own, in, e)
	if out == nil {
		return nil, err
	}
	return out, err
}

// check calls web.CheckURL for URLs outside the endpoint. A nil endpoint
// contains no URL.
func (e *Endpoint) check(pol *policy.Policy, raw string) (*url.URL, error) {
	if target, err := web.ParseURL(raw); e != nil && err == nil && target.User == nil && web.SameHost(e.origin, target) {
		target.Fragment, target.RawFragment = "", ""
		return target, nil
	}
	return web.CheckURL(pol, raw)
}

// transport returns a transport that connects directly to the endpoint, and
// through guarded to other hosts.
func (e *Endpoint) transport(guarded http.RoundTripper) http.RoundTripper {
	if e == nil {
		return guarded
	}
	return &branch{endpoint: e, guarded: guarded}
}

type branch struct {
	endpoint *Endpoint
	guarded  http.RoundTripper
}

// RoundTrip sends the request through the transport for its host.
func (b *branch) RoundTrip(req *http.Request) (*http.Response, error) {
	if web.SameHost(b.endpoint.origin, req.URL) {
		return b.endpoint.direct.RoundTrip(req)
	}
	return b.guarded.RoundTrip(req)
}
