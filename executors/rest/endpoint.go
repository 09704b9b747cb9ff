package rest

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/bind"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/web"
)

// Endpoint is a server that an operator named, in a file of their own: it may
// be dialled wherever it is, and the environment's proxy counts for it. What
// leads away from it, such as a redirect, is guarded like an address of a
// caller's.
type Endpoint struct {
	origin *url.URL
	direct *policy.Pool
}

// NewEndpoint is the endpoint with the scheme, host and port of an address.
func NewEndpoint(pol *policy.Policy, origin *url.URL) *Endpoint {
	return &Endpoint{origin: origin, direct: policy.NewPool(&http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            pol.DialTrusted,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        60 * time.Second,
		TLSHandshakeTimeout:    15 * time.Second,
		MaxResponseHeaderBytes: 1 << 20,
	})}
}

// Close gives back the idle connections.
func (e *Endpoint) Close() error {
	e.direct.CloseIdleConnections()
	return nil
}

// Do makes a request of the inputs that rest_executor takes. They must be
// valid: see executors.Definition.Complete. The output beside an error is the
// failed answer.
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

// check is web.CheckURL, but for the endpoint itself. A nil endpoint is none.
func (e *Endpoint) check(pol *policy.Policy, raw string) (*url.URL, error) {
	if target, err := url.Parse(raw); e != nil && err == nil && target.User == nil && web.SameHost(e.origin, target) {
		target.Fragment, target.RawFragment = "", ""
		return target, nil
	}
	return web.CheckURL(pol, raw)
}

// transport goes to the endpoint directly, and everywhere else guarded.
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

// RoundTrip chooses by where the request goes.
func (b *branch) RoundTrip(req *http.Request) (*http.Response, error) {
	if web.SameHost(b.endpoint.origin, req.URL) {
		return b.endpoint.direct.RoundTrip(req)
	}
	return b.guarded.RoundTrip(req)
}
