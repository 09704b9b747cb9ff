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
	"github.com/chainwright/chainwright/executors/internal/web"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// maxMessage is the largest message from a server, in bytes.
const maxMessage = 8 << 20

// peerError is an error that the server reported.
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

// maxPages is the largest number of pages of a list.
const maxPages = 1000

// responses collects the responses of one operation: the results unchanged, the
// totals, and an error of the body, which the library would drop.
type responses struct {
	last     json.RawMessage
	pages    []json.RawMessage
	count    int
	bytes    int
	replaced bool // characters of a result were not valid

	mu     sync.Mutex
	failed error
}

// take records a result. It fails if the totals are too large or the result is
// not strict JSON: too deep, or with duplicate keys.
func (a *responses) take(result json.RawMessage) error {
	a.last = nil
	a.count++
	a.bytes += len(result)
	switch {
	case a.bytes > maxMessage:
		return tooLong()
	case a.count > maxPages:
		return executors.Errorf(executors.ExecutionError, "the server's list has more than %d pages", maxPages)
	}
	mended := strictjson.Mend(result)
	a.replaced = a.replaced || !bytes.Equal(mended, result)
	if result = mended; len(result) > 0 {
		if err := strictjson.Check(result); err != nil {
			return executors.Errorf(executors.ExecutionError, "the server's result is invalid: %w", err)
		}
	}
	a.last, a.pages = result, append(a.pages, result)
	return nil
}

// joined returns the results as one: the elements of all pages in the member of
// this name, and the other members of the last page, all as the server sent them.
func (a *responses) joined(name string) (json.RawMessage, error) {
	elements := []json.RawMessage{}
	var all map[string]json.RawMessage
	for _, page := range a.pages {
		all = nil
		if len(page) == 0 {
			continue
		}
		if err := json.Unmarshal(page, &all); err != nil {
			return nil, err
		}
		var list []json.RawMessage
		if raw := all[name]; len(raw) > 0 {
			if err := json.Unmarshal(raw, &list); err != nil {
				return nil, err
			}
		}
		elements = append(elements, list...)
	}
	if all == nil {
		all = map[string]json.RawMessage{}
	}
	delete(all, "nextCursor")
	var err error
	if all[name], err = plainjson.Marshal(elements); err != nil {
		return nil, err
	}
	return plainjson.Marshal(all)
}

// fail records the first error of a body.
func (a *responses) fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed == nil {
		a.failed = err
	}
}

func (a *responses) failure() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed
}

// responsesKey is the context key of *responses.
type responsesKey struct{}

// read checks a response before the library does, because the library drops
// error codes and unknown fields of a result. Handshake responses are not
// checked.
func read(ctx context.Context, request transport.JSONRPCRequest, response *transport.JSONRPCResponse, err error) (*transport.JSONRPCResponse, error) {
	all, _ := ctx.Value(responsesKey{}).(*responses)
	if err != nil && all != nil && all.failure() != nil {
		return nil, all.failure()
	}
	if err != nil || request.Method == string(mcp.MethodInitialize) || request.Method == string(mcp.MethodServerDiscover) {
		return response, err
	}
	if said := response.Error; said != nil {
		return nil, &peerError{said.Code, "the server reports: " + said.Message}
	}
	if all != nil {
		if err := all.take(response.Result); err != nil {
			return nil, err
		}
	}
	return response, nil
}

type httpWire struct{ *transport.StreamableHTTP }

// SendRequest sends a request and reads the response.
func (w httpWire) SendRequest(ctx context.Context, request transport.JSONRPCRequest) (*transport.JSONRPCResponse, error) {
	response, err := w.StreamableHTTP.SendRequest(ctx, request)
	if err != nil && strings.Contains(err.Error(), "unexpected nil response") { // the library's error for a stream that ends early
		err = io.ErrUnexpectedEOF
	}
	return read(ctx, request, response, err)
}

type stdioWire struct{ *transport.Stdio }

// SendRequest sends a request and reads the response.
func (w stdioWire) SendRequest(ctx context.Context, request transport.JSONRPCRequest) (*transport.JSONRPCResponse, error) {
	response, err := w.Stdio.SendRequest(ctx, request)
	return read(ctx, request, response, err)
}

// lines limits the length of a line. The library reads a line to its end,
// however long it is.
type lines struct {
	from    io.Reader
	length  int
	tooLong bool
}

// Read ends the stream with io.EOF at a line that is too long and after any
// error: the library would log other errors.
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

// renewing sends a request again, once, with a new token of an OAuth client if the
// server refuses the one that it has.
type renewing struct {
	http.RoundTripper
	policy *policy.Policy
}

// RoundTrip sends the request.
func (r renewing) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.RoundTripper.RoundTrip(request)
	if err != nil || response.StatusCode != http.StatusUnauthorized || request.Body != nil && request.GetBody == nil {
		return response, err
	}
	header, changed, err := r.policy.RenewedHeader(request.Context(), request.Header)
	if err != nil || !changed {
		return response, nil //nolint:nilerr // the refusal says more
	}
	again := request.Clone(request.Context())
	again.Header = header
	if request.GetBody != nil {
		if again.Body, err = request.GetBody(); err != nil {
			return response, nil //nolint:nilerr // the refusal says more
		}
	}
	_ = response.Body.Close()
	return r.RoundTripper.RoundTrip(again)
}

// bounded is an http.RoundTripper that limits the size of responses.
type bounded struct{ http.RoundTripper }

// RoundTrip turns redirects and statuses that are not part of the negotiation
// into errors.
func (b bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	switch code := response.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusTooManyRequests, code >= 500:
		said, _ := io.ReadAll(io.LimitReader(response.Body, 2048))
		_ = response.Body.Close()
		return nil, web.StatusError(code, response.Header, "the server returned "+response.Status+": "+web.Excerpt(string(said)))
	case code >= 300 && code < 400:
		_ = response.Body.Close()
		return nil, executors.Errorf(executors.NetworkError, "the server redirects to %s", response.Header.Get("Location")).
			WithField("url").WithHint("if you trust that address, use it as the url")
	}
	all, _ := request.Context().Value(responsesKey{}).(*responses)
	limited := &body{response.Body, maxMessage, all}
	response.Body = limited
	if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); kind == "text/event-stream" && request.Method == http.MethodPost {
		response.Body = newOneLine(limited)
	}
	return response, nil
}

// body fails when more than left bytes are read.
type body struct {
	io.ReadCloser
	left int64
	of   *responses // nil: not part of an operation
}

// Read reads until the limit is reached.
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
