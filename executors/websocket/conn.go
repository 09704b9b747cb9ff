package websocket

import (
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"time"

	ws "github.com/coder/websocket"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/web"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/telemetry"
)

// closing is the time for a server to answer a close frame.
const closing = 5 * time.Second

// conn is an open WebSocket with its network connection.
type conn struct {
	*ws.Conn
	below net.Conn
}

// dial opens a WebSocket through the policy's guard. It follows no redirects: a
// redirect is a failed handshake.
func dial(ctx context.Context, pol *policy.Policy, p *plan) (*conn, error) {
	header := p.header.Clone()
	telemetry.InjectHeader(ctx, header)
	opened := &conn{}
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) { opened.below = got.Conn },
	})
	socket, resp, err := ws.Dial(traced, p.target.String(), &ws.DialOptions{ //nolint:bodyclose // the library has read it
		HTTPClient: &http.Client{
			Transport:     pol.Transport(policy.TransportOptions{InsecureSkipVerify: p.insecure}),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		HTTPHeader:   header,
		Subprotocols: p.subprotocols,
	})
	if err == nil {
		opened.Conn = socket
		return opened, nil
	}
	if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, refused(p.name(), resp)
	}
	failure := web.Failure(ctx, p.name(), err)
	if resp != nil { // the server switched, but not to a valid WebSocket
		failure.Retryable = false
	}
	return nil, failure
}

// refused returns the error of a handshake that got another response.
func refused(name string, resp *http.Response) error {
	message := "returned " + strconv.Itoa(resp.StatusCode) + " " + http.StatusText(resp.StatusCode) + " instead of opening a WebSocket"
	if body, err := web.ReadBody(resp, 1024); err == nil && len(body.Data) > 0 {
		message += ": " + web.Excerpt(string(body.Data))
	}
	failure := web.StatusError(resp.StatusCode, resp.Header, name+" "+message)
	if location := resp.Header.Get("Location"); location != "" {
		failure.WithHint("redirects are not followed; use this URL instead: " + location)
	}
	return failure
}

// finish sends a close frame and waits up to closing for the server's.
func (c *conn) finish(ctx context.Context) {
	late := time.AfterFunc(closing, c.cut)
	defer late.Stop()
	defer context.AfterFunc(ctx, c.cut)()
	_ = c.Close(ws.StatusNormalClosure, "") // the exchange is complete: an error has no effect
}

// drop closes the network connection.
func (c *conn) drop() {
	c.cut()
	_ = c.CloseNow() // it may already be closed
}

func (c *conn) cut() { _ = c.below.Close() }

// closeFailure returns the error of a close before the exchange was complete.
func closeFailure(name string, closed ws.CloseError, responses int) error {
	kind := executors.ExecutionError
	switch closed.Code {
	case ws.StatusPolicyViolation:
		kind = executors.PermissionDenied
	case ws.StatusAbnormalClosure:
		kind = executors.NetworkError
	case 3000: // unauthorized, as registered with IANA
		kind = executors.AuthenticationError
	}
	why := strconv.Itoa(int(closed.Code))
	if closed.Reason != "" {
		why += ": " + closed.Reason
	}
	failure := executors.Errorf(kind, "%s closed the WebSocket after %d responses (%s)", name, responses, why).WithCode(strconv.Itoa(int(closed.Code)))
	switch closed.Code {
	case ws.StatusGoingAway, ws.StatusInternalError, ws.StatusServiceRestart, ws.StatusTryAgainLater:
		failure.Retry(0)
	}
	return failure
}
