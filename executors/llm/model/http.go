package model

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/chainwright/chainwright/executors/policy"
)

// Bounds on what an endpoint may send. A reply of a million tokens is a few
// megabytes; an error is a sentence or a proxy's page.
const (
	maxReply = 32 << 20
	maxError = 64 << 10
)

// errTooLong is the error of a body that is longer than any reply.
var errTooLong = fmt.Errorf("the endpoint sent over %d MiB, which no reply is", maxReply>>20)

// ClientOptions set up the HTTP client of a provider.
type ClientOptions struct {
	// Connect bounds dialling and the TLS handshake, each.
	Connect time.Duration
	// Connections is how many are kept open.
	Connections int
	// Fields, where set, gives JSON members ("a":1,"b":2) to put into the
	// body of a request.
	Fields func(context.Context) []byte
}

// Exchange is what is known of one HTTP exchange beside what a client library
// passes on.
type Exchange struct {
	// Status of the response; 0 where there was none.
	Status int
	// RetryAfter is how long the endpoint asked to wait.
	RetryAfter time.Duration
}

type exchangeKey struct{}

// Watched gives a context whose next HTTP exchange is noted.
func Watched(ctx context.Context) (context.Context, *Exchange) {
	x := new(Exchange)
	return context.WithValue(ctx, exchangeKey{}, x), x
}

// NewHTTPClient makes the client that providers use: the operator's
// endpoints, so it honours the environment's proxy and dials any address. It
// caps bodies, and follows no redirect: the key would go with it.
func NewHTTPClient(opts ClientOptions) *http.Client {
	dialer := &net.Dialer{Timeout: opts.Connect, KeepAlive: 30 * time.Second}
	transport := policy.NewPool(&http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           2 * opts.Connections,
		MaxIdleConnsPerHost:    opts.Connections,
		IdleConnTimeout:        60 * time.Second,
		TLSHandshakeTimeout:    opts.Connect,
		MaxResponseHeaderBytes: 1 << 20,
	})
	return &http.Client{Transport: &bounded{next: transport, fields: opts.Fields}}
}

// bounded caps the bodies of responses and notes what they say about waiting.
type bounded struct {
	next   *policy.Pool
	fields func(context.Context) []byte
}

// CloseIdleConnections is what http.Client.CloseIdleConnections looks for.
func (b *bounded) CloseIdleConnections() { b.next.CloseIdleConnections() }

// RoundTrip makes one exchange.
func (b *bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	if b.fields != nil && req.Body != nil {
		if fields := b.fields(req.Context()); len(fields) > 0 {
			var err error
			if req, err = withFields(req, fields); err != nil {
				return nil, err
			}
		}
	}
	resp, err := b.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if x, ok := req.Context().Value(exchangeKey{}).(*Exchange); ok {
		x.Status, x.RetryAfter = resp.StatusCode, retryAfter(resp.Header, time.Now())
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 { // neither followed nor taken for a success
		resp.StatusCode = http.StatusMisdirectedRequest
	}
	if resp.StatusCode >= 400 {
		resp.Body = cut{io.LimitReader(resp.Body, maxError), resp.Body}
	} else {
		resp.Body = &capped{ReadCloser: resp.Body, left: maxReply}
	}
	return resp, nil
}

// withFields puts members at the front of a body that is a JSON object.
func withFields(req *http.Request, fields []byte) (*http.Request, error) {
	body, err := io.ReadAll(req.Body)
	if closeErr := req.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, fmt.Errorf("reading the request to send: %w", err)
	}
	if len(body) < 3 || body[0] != '{' {
		return nil, fmt.Errorf("the request to send is no JSON object with members")
	}
	whole := make([]byte, 0, len(body)+len(fields)+1)
	whole = append(append(append(append(whole, '{'), fields...), ','), body[1:]...)
	again := req.Clone(req.Context())
	again.GetBody = func() (io.ReadCloser, error) { return newBody(whole), nil }
	again.Body, again.ContentLength = newBody(whole), int64(len(whole))
	return again, nil
}

// cut ends a body early, as if there were no more.
type cut struct {
	io.Reader
	io.Closer
}

// capped fails where a body goes on for too long.
type capped struct {
	io.ReadCloser
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTooLong
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.ReadCloser.Read(p)
	c.left -= int64(n)
	return n, err
}
