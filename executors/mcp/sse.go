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

// firstRevision uses HTTP+SSE: the client opens an event stream for the
// responses and posts requests to the URL that the stream names.
const firstRevision = "2024-11-05"

// longestResponse is longer than any call: the call's context limits the time.
const longestResponse = 24 * time.Hour

// connectBySSE connects to a server of the first revision. The protocol tells
// clients to try it after a 4xx response to their first message.
func connectBySSE(ctx context.Context, t *target) (*peer, error) {
	origin, err := url.Parse(t.url)
	if err != nil {
		return nil, invalid("url", "is not usable: %v", err)
	}
	p := newPeer()
	over := t.transport()
	p.direct = t.direct(over)
	stream, err := transport.NewSSE(t.url, transport.WithHeaders(t.header), transport.WithSSELogger(slog.New(slog.DiscardHandler)),
		transport.WithHTTPClient(&http.Client{Transport: &streaming{bounded{over}, origin}}), transport.WithResponseTimeout(longestResponse))
	if err != nil {
		return nil, invalid("url", "is not usable: %v", err)
	}
	wire := &sseWire{SSE: stream, lost: make(chan struct{})}
	stream.SetConnectionLostHandler(func(error) { wire.end.Do(func() { close(wire.lost) }) })
	p.dead = wire.lost
	p.client = client.NewClient(wire, client.WithProtocolVersion(firstRevision))
	p.client.OnNotification(p.notified)
	// The stream outlives the call, unless the call ends before it is connected.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	keep := context.AfterFunc(ctx, end)
	if err = p.client.Start(life); err == nil {
		err = p.initialize(ctx)
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

// noServer returns the error for a server that supports no known transport.
func noServer(t *target, err error) error {
	return executors.Errorf(executors.NetworkError, "%s: no MCP server at this path: it accepts no messages, and %w", t.name, err).
		WithField("url").WithHint("the usual paths are /mcp, and /sse for old servers")
}

type sseWire struct {
	*transport.SSE
	lost chan struct{} // closed when the stream breaks
	end  sync.Once
}

// SendRequest sends a request and reads the response. It fails if the stream
// ends.
func (w *sseWire) SendRequest(ctx context.Context, request transport.JSONRPCRequest) (*transport.JSONRPCResponse, error) {
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx)) // the library would reduce the deadline error to text
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
			return nil, fmt.Errorf("the response stream ended: %w", io.ErrUnexpectedEOF)
		default:
		}
	}
	return read(ctx, request, response, err)
}

// SendNotification sends a notification. It fails after the stream has ended.
func (w *sseWire) SendNotification(ctx context.Context, notification mcp.JSONRPCNotification) error {
	select {
	case <-w.lost:
		return io.ErrUnexpectedEOF
	default:
		return w.SSE.SendNotification(ctx, notification)
	}
}

// streaming is an http.RoundTripper for one server that limits each event of a
// stream instead of the whole stream.
type streaming struct {
	bounded
	origin *url.URL
}

// RoundTrip fails if the stream directs messages to another host.
func (s *streaming) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Scheme != s.origin.Scheme || request.URL.Host != s.origin.Host {
		return nil, executors.Errorf(executors.NetworkError, "the server directs messages to another host: %s", request.URL.Redacted()).WithField("url")
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

// events is an event stream with at most maxMessage bytes an event.
type events struct {
	io.ReadCloser
	length int
	inLine bool // the current line is not empty
}

// Read fails at an event that is too long.
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
		return 0, executors.Errorf(executors.ExecutionError, "the server sent an event longer than %d bytes", maxMessage)
	}
	return n, err
}
