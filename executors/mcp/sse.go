package mcp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/chainwright/chainwright/executors"
)

// firstRevision is the one that had this transport: answers come over a stream
// that is opened first, and each request is posted to where the stream says.
const firstRevision = "2024-11-05"

// longestAnswer is longer than any call: how long one waits is the call's
// context to say.
const longestAnswer = 24 * time.Hour

// connectBySSE connects to a server of the first revision. Those who were told
// 4xx to their first message try this, as later revisions have it.
func connectBySSE(ctx context.Context, t *target) (*peer, error) {
	origin, err := url.Parse(t.url)
	if err != nil {
		return nil, invalid("url", "can't be used: %v", err)
	}
	p := newPeer()
	over := t.transport()
	p.direct = t.direct(over)
	stream, err := transport.NewSSE(t.url, transport.WithHeaders(t.header), transport.WithSSELogger(slog.New(slog.DiscardHandler)),
		transport.WithHTTPClient(&http.Client{Transport: &streaming{bounded{over}, origin}}), transport.WithResponseTimeout(longestAnswer))
	if err != nil {
		return nil, invalid("url", "can't be used: %v", err)
	}
	wire := &sseWire{SSE: stream, lost: make(chan struct{})}
	stream.SetConnectionLostHandler(func(error) { wire.end.Do(func() { close(wire.lost) }) })
	p.gone = wire.lost
	p.client = client.NewClient(wire, client.WithProtocolVersion(firstRevision))
	p.client.OnNotification(p.notified)
	// The stream outlives the call, but not if the call ends before it is there.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	keep := context.AfterFunc(ctx, end)
	if err = p.client.Start(life); err == nil {
		err = p.greet(ctx)
	}
	if !keep() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = p.close()
		end()
		return nil, err
	}
	return p, nil
}

// neither says that a server speaks in no way that is known.
func neither(t *target, err error) error {
	return executors.Errorf(executors.NetworkError, "%s: there is no MCP server at this path: it takes no messages, and %w", t.name, err).
		WithField("url").WithHint("servers are often at /mcp, and old ones at /sse")
}

type sseWire struct {
	*transport.SSE
	lost chan struct{} // closed when the stream has ended by itself
	end  sync.Once
}

// SendRequest sends a request, and reads the answer. It ends with the stream.
func (w *sseWire) SendRequest(ctx context.Context, request transport.JSONRPCRequest) (*transport.JSONRPCResponse, error) {
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the library would make a text of the deadline
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-w.lost:
			cancel()
		case <-done:
		}
	}()
	response, err := w.SSE.SendRequest(sending, request)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		select {
		case <-w.lost:
			return nil, fmt.Errorf("the stream of its answers has ended: %w", io.ErrUnexpectedEOF)
		default:
		}
	}
	return read(ctx, request, response, err)
}

// SendNotification sends a notification; without a stream nobody listens.
func (w *sseWire) SendNotification(ctx context.Context, notification mcp.JSONRPCNotification) error {
	select {
	case <-w.lost:
		return io.ErrUnexpectedEOF
	default:
		return w.SSE.SendNotification(ctx, notification)
	}
}

// streaming is a round-tripper that goes to one server, and whose stream goes
// on while each event has an end.
type streaming struct {
	bounded
	origin *url.URL
}

// RoundTrip refuses to post to where a stream leads away to.
func (s *streaming) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Scheme != s.origin.Scheme || request.URL.Host != s.origin.Host {
		return nil, executors.Errorf(executors.NetworkError, "the server wants its messages sent elsewhere: %s", request.URL.Redacted()).WithField("url")
	}
	response, err := s.bounded.RoundTrip(request)
	if err != nil || request.Method != http.MethodGet {
		return response, err
	}
	if limited, ok := response.Body.(*body); ok {
		response.Body = &events{ReadCloser: limited.ReadCloser}
	}
	return response, nil
}

// events is a stream of events, none of which is longer than a message may be.
type events struct {
	io.ReadCloser
	length int
	inLine bool // something stands before the end of the line
}

// Read gives an error at an event that is too long.
func (e *events) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	for rest := p[:n]; len(rest) > 0; {
		line, after, whole := bytes.Cut(rest, []byte{'\n'})
		e.length += len(rest) - len(after)
		e.inLine = e.inLine || len(bytes.TrimSuffix(line, []byte{'\r'})) > 0
		if whole && !e.inLine {
			e.length = 0
		}
		e.inLine = e.inLine && !whole
		rest = after
	}
	if e.length > maxMessage {
		return 0, executors.Errorf(executors.ExecutionError, "the server sends an event that is longer than %d bytes", maxMessage)
	}
	return n, err
}
