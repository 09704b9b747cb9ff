package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
	"github.com/chainwright/chainwright/executors/web"
)

// maxMessage bounds what a server may send in one message.
const maxMessage = 8 << 20

// peerError is what a server says went wrong.
type peerError struct {
	code    int
	message string
}

func (e *peerError) Error() string { return e.message }

func (e *peerError) failure() *executors.Error {
	kind := executors.ExecutionError
	if e.code == mcp.RESOURCE_NOT_FOUND {
		kind = executors.NotFound
	}
	failed := executors.Errorf(kind, "%s", e.message)
	if e.code != 0 {
		return failed.WithCode(strconv.Itoa(e.code))
	}
	return failed
}

// maxAnswers bounds of how many pages a list is put together.
const maxAnswers = 1000

// answers are what came for one operation: the last result as it was, how
// much there was in all, and what was wrong with it, which the library loses.
type answers struct {
	last  json.RawMessage
	count int
	bytes int

	mu     sync.Mutex
	failed error
}

// take is an error where a server goes on without end, or gives what is not
// JSON as it is read here: too deep, keys twice.
func (a *answers) take(result json.RawMessage) error {
	a.last = nil
	a.count++
	a.bytes += len(result)
	switch {
	case a.bytes > maxMessage:
		return tooLong()
	case a.count > maxAnswers:
		return executors.Errorf(executors.ExecutionError, "the server's list has more than %d pages", maxAnswers)
	}
	if result = strictjson.Mend(result); len(result) > 0 {
		if err := strictjson.Check(result); err != nil {
			return executors.Errorf(executors.ExecutionError, "the server's result can't be read: %w", err)
		}
	}
	a.last = result
	return nil
}

// fail notes what is wrong with a body.
func (a *answers) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed == nil {
		a.failed = err
	}
}

func (a *answers) failure() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed
}

// answersKey is where a request's context holds them.
type answersKey struct{}

// read looks at an answer before the library does, which loses the code of an
// error and what it does not know in a result. The messages that agree on a
// revision are left to it.
func read(ctx context.Context, request transport.JSONRPCRequest, response *transport.JSONRPCResponse, err error) (*transport.JSONRPCResponse, error) {
	all, _ := ctx.Value(answersKey{}).(*answers)
	if err != nil && all != nil && all.failure() != nil {
		return nil, all.failure()
	}
	if err != nil || request.Method == string(mcp.MethodInitialize) || request.Method == string(mcp.MethodServerDiscover) {
		return response, err
	}
	if said := response.Error; said != nil {
		return nil, &peerError{said.Code, "the server says: " + said.Message}
	}
	if all != nil {
		if err := all.take(response.Result); err != nil {
			return nil, err
		}
	}
	return response, nil
}

type httpWire struct{ *transport.StreamableHTTP }

// SendRequest sends a request, and reads the answer.
func (w httpWire) SendRequest(ctx context.Context, request transport.JSONRPCRequest) (*transport.JSONRPCResponse, error) {
	response, err := w.StreamableHTTP.SendRequest(ctx, request)
	if err != nil && strings.Contains(err.Error(), "unexpected nil response") { // how the library calls a stream that ends too early
		err = io.ErrUnexpectedEOF
	}
	return read(ctx, request, response, err)
}

type stdioWire struct{ *transport.Stdio }

// SendRequest sends a request, and reads the answer.
func (w stdioWire) SendRequest(ctx context.Context, request transport.JSONRPCRequest) (*transport.JSONRPCResponse, error) {
	response, err := w.Stdio.SendRequest(ctx, request)
	return read(ctx, request, response, err)
}

// lines lets whole lines through up to a length. The library reads a line to
// its end, however long it is.
type lines struct {
	from    io.Reader
	length  int
	tooLong bool
}

// Read ends the stream at a line that is too long, as if the program had. The
// library would log any other end.
func (l *lines) Read(b []byte) (int, error) {
	if l.tooLong {
		return 0, io.EOF
	}
	n, err := l.from.Read(b)
	if last := bytes.LastIndexByte(b[:n], '\n'); last >= 0 {
		l.length = n - last - 1
	} else {
		l.length += n
	}
	if l.length > maxMessage {
		l.tooLong = true
		return 0, io.EOF
	}
	if err != nil {
		err = io.EOF
	}
	return n, err
}

// bounded is a round-tripper whose answers have an end.
type bounded struct{ http.RoundTripper }

// RoundTrip turns statuses that no negotiation is made of into errors.
func (b bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	switch code := response.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusTooManyRequests, code >= 500:
		said, _ := io.ReadAll(io.LimitReader(response.Body, 2048))
		_ = response.Body.Close()
		return nil, web.StatusError(code, response.Header, "the server answers "+response.Status+": "+web.Excerpt(string(said)))
	case code >= 300 && code < 400:
		_ = response.Body.Close()
		return nil, executors.Errorf(executors.NetworkError, "the server sends us elsewhere: %s", response.Header.Get("Location")).
			WithField("url").WithHint("use that address, if it is to be trusted")
	}
	all, _ := request.Context().Value(answersKey{}).(*answers)
	limited := &body{response.Body, maxMessage, all}
	response.Body = limited
	if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); kind == "text/event-stream" && request.Method == http.MethodPost {
		response.Body = newOneLine(limited)
	}
	return response, nil
}

// body gives an error once more came than may.
type body struct {
	io.ReadCloser
	left int64
	of   *answers // nil where nobody waits for them
}

// Read reads on while there is room.
func (b *body) Read(p []byte) (int, error) {
	if b.left <= 0 {
		err := tooLong()
		if b.of != nil {
			b.of.fail(err)
		}
		return 0, err
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
