package model

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/chainwright/chainwright/executors/policy"
)

// MaxReply is the limit of a reply's body in bytes. A reply of a million tokens
// has a few megabytes. It is a variable because tests lower it.
var MaxReply = 32 << 20

// maxError is the limit of an error's body: a sentence or a proxy's page.
const maxError = 64 << 10

// tooLong is the error for a body longer than MaxReply.
type tooLong struct{}

func (tooLong) Error() string {
	return fmt.Sprintf("the endpoint sent more than %d MiB", MaxReply>>20)
}

// ClientOptions configure the HTTP client of a provider.
type ClientOptions struct {
	// Connect limits the dial and the TLS handshake, each.
	Connect time.Duration
	// Connections is the number of idle connections kept.
	Connections int
}

// Exchange is data of an HTTP response that the client libraries drop.
type Exchange struct {
	// Status is the HTTP status; 0: there was no response.
	Status int
	// RetryAfter is the pause that the endpoint requested.
	RetryAfter time.Duration

	tail []byte // the end of the body of a successful response
}

type exchangeKey struct{}

// Watched returns a context that records its next HTTP exchange.
func Watched(ctx context.Context) (context.Context, *Exchange) {
	x := new(Exchange)
	return context.WithValue(ctx, exchangeKey{}, x), x
}

// NewHTTPClient returns the HTTP client of a provider. Over https it uses the environment's
// proxy and connects to any address, because endpoints are the operator's. It
// limits bodies and follows no redirects: the key would be sent along.
func NewHTTPClient(opts ClientOptions) *http.Client {
	dialer := &net.Dialer{Timeout: opts.Connect, KeepAlive: 30 * time.Second}
	transport := policy.NewPool(&http.Transport{
		Proxy:                  policy.TunnelProxy,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           2 * opts.Connections,
		MaxIdleConnsPerHost:    opts.Connections,
		IdleConnTimeout:        60 * time.Second,
		TLSHandshakeTimeout:    opts.Connect,
		MaxResponseHeaderBytes: 1 << 20,
	})
	return &http.Client{Transport: &bounded{transport}}
}

// bounded limits response bodies and records pauses.
type bounded struct{ next *policy.Pool }

// CloseIdleConnections implements the method that http.Client looks for.
func (b *bounded) CloseIdleConnections() { b.next.CloseIdleConnections() }

// RoundTrip sends one request.
func (b *bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	x, watched := req.Context().Value(exchangeKey{}).(*Exchange)
	if watched {
		x.Status, x.RetryAfter = resp.StatusCode, retryAfter(resp.Header, time.Now())
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 { // do not follow it and do not treat it as a success
		resp.StatusCode = http.StatusMisdirectedRequest
	}
	if resp.StatusCode >= 400 {
		resp.Body = cut{io.LimitReader(resp.Body, maxError), resp.Body}
	} else {
		resp.Body = &capped{ReadCloser: resp.Body, left: int64(MaxReply), x: x}
	}
	return resp, nil
}

// cut ends a body early with io.EOF.
type cut struct {
	io.Reader
	io.Closer
}

// lost is the error of a body that could not be read to its end.
type lost struct{ error }

func (l lost) Unwrap() error { return l.error }

// capped fails with tooLong when the limit is exceeded, and keeps the end of the
// body for the exchange.
type capped struct {
	io.ReadCloser
	left int64
	x    *Exchange // nil if the exchange is not watched
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, tooLong{}
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.ReadCloser.Read(p)
	c.left -= int64(n)
	if c.x != nil {
		c.x.keep(p[:n])
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = lost{err}
	}
	return n, err
}
