package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
)

// Sessions is the access of one caller to sessions. Validate fails for a
// session that this caller does not have.
type Sessions interface {
	Generate() (id string)
	Validate(id string) (terminated bool, err error)
	Terminate(id string) (notAllowed bool, err error)
}

// HTTPOptions configure the SDK's HTTP server.
type HTTPOptions struct {
	Log zerolog.Logger
	// Heartbeat is the interval of writes to an idle stream.
	Heartbeat time.Duration
	// Sessions returns the sessions of a request's caller. The SDK passes a nil
	// request when it acts for itself. Nil: no sessions are kept.
	Sessions func(r *http.Request) Sessions
}

// HTTP serves everything except tools/call over HTTP, with the SDK.
type HTTP struct{ sdk *server.StreamableHTTPServer }

// HTTP returns the part of an HTTP server that uses the SDK.
func (s *Server) HTTP(opts HTTPOptions) *HTTP {
	sdk := []server.StreamableHTTPOption{
		// Only warnings of the SDK are logged.
		server.WithStreamableHTTPLogger(slog.New(zerolog.NewSlogHandler(opts.Log.Level(zerolog.WarnLevel)))),
		server.WithDisableLocalhostProtection(true), // the transport's check of hosts is stricter
		server.WithHeartbeatInterval(opts.Heartbeat),
	}
	if opts.Sessions == nil {
		// Streams without sessions leak one client's notifications to another.
		sdk = append(sdk, server.WithStateLess(true), server.WithDisableStreaming(true))
	} else {
		sdk = append(sdk, server.WithSessionIdManagerResolver(resolver(opts.Sessions)))
	}
	return &HTTP{server.NewStreamableHTTPServer(s.sdk, sdk...)}
}

type resolver func(r *http.Request) Sessions

// ResolveSessionIdManager implements server.SessionIdManagerResolver.
func (f resolver) ResolveSessionIdManager(r *http.Request) server.SessionIdManager { return f(r) }

// Serve answers a request; m is its message, nil if it has none.
func (h *HTTP) Serve(w http.ResponseWriter, r *http.Request, m *jsonrpc.Message) {
	if m == nil || !m.IsRequest() || (m.Method != string(mcp.MethodResourcesRead) && m.Method != string(mcp.MethodPromptsGet)) {
		h.sdk.ServeHTTP(w, r)
		return
	}
	ctx, refusal := withRefusal(r.Context())
	modern := Modern(r.Header.Get(HeaderVersion))
	h.sdk.ServeHTTP(&refusing{ResponseWriter: w, refusal: refusal, id: m.ID, modern: modern}, r.WithContext(ctx))
}

// Shutdown ends the sessions and their streams.
func (h *HTTP) Shutdown(ctx context.Context) error { return h.sdk.Shutdown(ctx) }

// Forget makes the SDK drop a session. The SDK only supports this through a
// DELETE request, which Sessions must allow.
func (h *HTTP) Forget(session string) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodDelete, "/", http.NoBody)
	if err != nil {
		return
	}
	req.Header.Set(HeaderSession, session)
	h.sdk.ServeHTTP(&discard{header: http.Header{}}, req)
}

// Feed returns a feed that announces on the stream of a session, while the client
// has one open.
func (s *Server) Feed(session string) *Feed {
	return NewFeed(func(method string, params []byte) error {
		var fields map[string]any
		if err := json.Unmarshal(params, &fields); err != nil {
			return err
		}
		return s.sdk.SendNotificationToSpecificClient(session, method, fields)
	})
}

// discard is a response writer that drops everything.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

// refusing replaces the SDK's reply by the handler's refusal, if there is one.
// It does not implement http.Flusher, so the SDK replies in one piece.
type refusing struct {
	http.ResponseWriter
	refusal *jsonrpc.Error
	id      []byte
	modern  bool
}

// WriteHeader implements http.ResponseWriter.
func (w *refusing) WriteHeader(status int) {
	if w.modern && w.refusal.Code != 0 {
		status = StatusOf(w.refusal)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *refusing) Write(p []byte) (int, error) {
	if w.refusal.Code == 0 {
		return w.ResponseWriter.Write(p)
	}
	if _, err := w.ResponseWriter.Write(w.refusal.Reply(w.id)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// StatusOf returns the HTTP status that modern revisions prescribe for the
// refusal of a request.
func StatusOf(refusal *jsonrpc.Error) int {
	switch refusal.Code {
	case mcp.METHOD_NOT_FOUND:
		return http.StatusNotFound
	case mcp.INTERNAL_ERROR, mcp.RESOURCE_NOT_FOUND:
		return http.StatusOK
	}
	return http.StatusBadRequest
}

// CheckHeaders compares the headers of a modern tools/call with its message:
// they must agree, so that a proxy can rely on the headers. wrong is the error
// of Decode. It returns nil if they agree.
func (s *Server) CheckHeaders(h http.Header, c *Call, wrong *jsonrpc.Error) *jsonrpc.Error {
	if refusal := checkVersion(h, c.Version); refusal != nil {
		return refusal
	}
	if wrong != nil {
		return wrong
	}
	if h.Get(mcp.HeaderMethod) != ToolsCall || h.Get(mcp.HeaderName) != c.Name || c.Name == "" { // otherwise they agree
		params := append(plainjson.AppendString([]byte(`{"name":`), c.Name), '}')
		if err := mcp.ValidateStandardHeaders(h.Get, c.Version, mcp.MethodToolsCall, params); err != nil {
			return mismatch(err.Error())
		}
	}
	var tool tools.Tool
	if s.set != nil {
		tool, _ = s.set.Lookup(c.Name)
	}
	if c.Arguments == nil || !bytes.Contains(tool.Input, []byte(`"x-mcp-header"`)) {
		return nil // no argument of the tool is also sent as a header
	}
	sent := func(name string) (string, bool) { return h.Get(name), len(h.Values(name)) > 0 }
	published, params := mcpTool(tool), slices.Concat([]byte(`{"arguments":`), c.Arguments, []byte("}"))
	if err := mcp.ValidateParamHeadersLookup(sent, &published, params); err != nil {
		return mismatch(err.Error())
	}
	return nil
}

// CheckTaskHeaders is CheckHeaders for a request about tasks, whose name is the
// id of its task.
func CheckTaskHeaders(h http.Header, q *TaskQuery) *jsonrpc.Error {
	refusal := checkMethod(h, q.Version, q.Method)
	switch {
	case refusal != nil, q.TaskID == "":
		return refusal
	case q.Method != tasksGet && q.Method != tasksUpdate && q.Method != tasksCancel:
		return nil // no method of these revisions
	}
	if name, ok := mcp.DecodeHeaderValue(h.Get(mcp.HeaderName)); !ok || name != q.TaskID {
		return mismatch(fmt.Sprintf("%s header must be params.taskId, %q", mcp.HeaderName, shorten.Bytes(q.TaskID, 100)))
	}
	return nil
}

// CheckListenHeaders is CheckHeaders for a subscriptions/listen request.
func CheckListenHeaders(h http.Header, m *jsonrpc.Message) *jsonrpc.Error {
	return checkMethod(h, VersionOf(m), m.Method)
}

// checkMethod compares the headers that name the revision and the method.
func checkMethod(h http.Header, version, method string) *jsonrpc.Error {
	refusal := checkVersion(h, version)
	if refusal == nil && h.Get(mcp.HeaderMethod) != method {
		return mismatch(fmt.Sprintf("%s header %q does not match the method %q", mcp.HeaderMethod, shorten.Bytes(h.Get(mcp.HeaderMethod), 100), method))
	}
	return refusal
}

// checkVersion compares the header of a modern request that names the revision
// with its message.
func checkVersion(h http.Header, named string) *jsonrpc.Error {
	version := h.Get(HeaderVersion)
	switch {
	case h.Get(mcp.HeaderLastEventID) != "":
		return mismatch("Last-Event-ID is not supported in revision " + mcp.ProtocolVersion20260728 + ": streams can't be resumed; send the request again with a new id")
	case version == "":
		return mismatch(HeaderVersion + " header is required, as " + mcp.MetaKeyProtocolVersion + " is in the message")
	case named == "":
		return &jsonrpc.Error{Code: mcp.INVALID_PARAMS, Message: "missing or invalid _meta field " + mcp.MetaKeyProtocolVersion}
	case version != named:
		return mismatch(HeaderVersion + " header " + version + " does not match " + mcp.MetaKeyProtocolVersion + " " + named)
	}
	return nil
}

func mismatch(text string) *jsonrpc.Error {
	return &jsonrpc.Error{Code: mcp.HEADER_MISMATCH, Message: text}
}
