package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/chainwright/chainwright/executors/strictjson"
	"github.com/chainwright/chainwright/executors/telemetry"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
)

// methods are those that spans and metrics name. Others could be anything.
var methods = map[string]bool{
	Initialize: true, Ping: true, ToolsCall: true, "tools/list": true, "server/discover": true, "completion/complete": true, "logging/setLevel": true,
	"resources/list": true, "resources/read": true, "resources/templates/list": true, "resources/subscribe": true, "resources/unsubscribe": true,
	"prompts/list": true, "prompts/get": true, tasksGet: true, tasksUpdate: true, tasksCancel: true, tasksResult: true, tasksList: true,
}

// otherMethod stands for all other methods.
const otherMethod = "_OTHER"

// longestID is how much of a request's id a span shows.
const longestID = 64

// operation is the telemetry of one request. Nil: it is off.
type operation struct {
	server *Server
	span   trace.Span
	method string
	began  time.Time
	tool   string // of a call; empty: none, or not one of this server's

	mu     sync.Mutex // a call that is given up is answered on another goroutine
	failed string     // the kind of the error; empty: none
}

type operationKey struct{}

type httpKey struct{}

// OverHTTP returns the context of requests that arrive over HTTP, for their telemetry.
// Others arrive on stdio.
func OverHTTP(ctx context.Context) context.Context { return context.WithValue(ctx, httpKey{}, true) }

// networkOf returns the transport of a request's bytes.
func networkOf(ctx context.Context) string {
	if ctx.Value(httpKey{}) != nil {
		return telemetry.TCP
	}
	return telemetry.Pipe
}

// operationOf returns the operation of a context, or nil.
func operationOf(ctx context.Context) *operation {
	op, _ := ctx.Value(operationKey{}).(*operation)
	return op
}

// fail notes how a request failed, if its operation is not nil.
func (op *operation) fail(kind string) {
	if op != nil {
		op.mu.Lock()
		defer op.mu.Unlock()
		op.failed = kind
	}
}

// refused notes the code of a JSON-RPC error.
func (op *operation) refused(code int) {
	if op != nil {
		op.fail(strconv.Itoa(code))
		op.span.SetAttributes(telemetry.StatusCode.String(strconv.Itoa(code)))
	}
}

// Observe begins the telemetry of a request other than a call, which Call observes
// itself. The function ends it.
func (s *Server) Observe(ctx context.Context, m *jsonrpc.Message) (inside context.Context, end func(refusal *jsonrpc.Error)) {
	if s.telemetry == nil || m == nil || !m.IsRequest() || m.Method == ToolsCall || Listens(m) {
		return ctx, func(*jsonrpc.Error) {}
	}
	var parent, state string
	for key, value := range strictjson.Members(m.Params) {
		if key != "_meta" || len(value) == 0 || value[0] != '{' {
			continue
		}
		for key, value := range strictjson.Members(value) {
			switch key {
			case "traceparent":
				parent = strictjson.Text(value)
			case "tracestate":
				state = strictjson.Text(value)
			}
		}
	}
	method := m.Method
	known := methods[method]
	if !known {
		method = otherMethod
	}
	ctx, op := s.begin(ctx, method, "", m.ID, VersionOf(m), telemetry.Parse(parent, state))
	if !known {
		op.refused(mcp.METHOD_NOT_FOUND)
	}
	return ctx, op.end
}

// beginCall begins the telemetry of a call.
func (s *Server) beginCall(ctx context.Context, c *Call) (context.Context, *operation) {
	tool := ""
	if _, ok := s.set.Lookup(c.Name); ok { // other names are not ours, and could be anything
		tool = c.Name
	}
	ctx, op := s.begin(ctx, ToolsCall, tool, c.ID, c.Version, telemetry.Parse(c.trace, c.traceState))
	c.operation = op
	if own := telemetry.Traceparent(op.span.SpanContext()); own != "" {
		c.trace = own // runs link to the span of the call, which has the caller as its parent
	}
	return ctx, op
}

// begin begins a span. Its parent is the trace context of the message, with a link to
// that of the HTTP request, or else the latter.
func (s *Server) begin(ctx context.Context, method, tool string, id json.RawMessage, version string, caller trace.SpanContext) (context.Context, *operation) {
	op := &operation{server: s, method: method, tool: tool, began: time.Now()}
	if version == "" {
		version = versionOf(ctx)
	}
	name, attributes := method, append(make([]attribute.KeyValue, 0, 7), telemetry.MCPMethod.String(method), telemetry.NetworkTransport.String(networkOf(ctx)))
	if tool != "" {
		name += " " + tool
		attributes = append(attributes, telemetry.Operation.String(telemetry.ExecuteTool), telemetry.ToolName.String(tool))
	}
	if Known(version) {
		attributes = append(attributes, telemetry.MCPProtocolVersion.String(version))
	}
	if len(id) <= longestID {
		attributes = append(attributes, telemetry.RequestID.String(textOf(id)))
	}
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attributes...)}
	if caller.IsValid() {
		options = append(options, trace.WithLinks(telemetry.Links(trace.SpanContextFromContext(ctx))...))
		ctx = trace.ContextWithRemoteSpanContext(ctx, caller)
	}
	ctx, op.span = s.telemetry.Start(ctx, name, options...)
	return context.WithValue(ctx, operationKey{}, op), op
}

// textOf returns an id as people read it.
func textOf(id json.RawMessage) string {
	if text := strictjson.Text(id); text != "" {
		return text
	}
	return string(id)
}

// end ends the span.
func (op *operation) end(refusal *jsonrpc.Error) {
	if refusal != nil {
		op.refused(refusal.Code)
	}
	op.mu.Lock()
	defer op.mu.Unlock()
	if op.failed != "" {
		telemetry.Fail(op.span, op.failed)
	}
	op.span.End()
	op.server.telemetry.Request(op.method, op.tool, op.failed, time.Since(op.began))
}

// observed notes an error that the SDK answers with.
func observed(ctx context.Context, err error) {
	op := operationOf(ctx)
	if op == nil {
		return
	}
	code := mcp.INTERNAL_ERROR
	if refusal, ok := ctx.Value(refusalKey{}).(*jsonrpc.Error); ok && refusal.Code != 0 {
		code = refusal.Code
	} else if errors.Is(err, server.ErrUnsupported) {
		code = mcp.METHOD_NOT_FOUND
	}
	op.refused(code)
}

// noted notes how a call ended.
func (c *Call) noted(res *tools.Result) {
	if res.IsError() {
		c.operation.fail(telemetry.ToolError)
	}
}
