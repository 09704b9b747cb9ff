package telemetry_test

import (
	"context"
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/chainwright/chainwright/executors/telemetry"
)

// The names are those of the semantic conventions.
func TestNames(t *testing.T) {
	t.Parallel()
	for ours, theirs := range map[attribute.Key]attribute.Key{
		telemetry.MCPMethod: semconv.McpMethodNameKey, telemetry.MCPProtocolVersion: semconv.McpProtocolVersionKey, telemetry.RequestID: semconv.JSONRPCRequestIDKey,
		telemetry.StatusCode: semconv.RPCResponseStatusCodeKey, telemetry.ErrorType: semconv.ErrorTypeKey, telemetry.NetworkTransport: semconv.NetworkTransportKey, telemetry.Operation: semconv.GenAIOperationNameKey,
		telemetry.ToolName: semconv.GenAIToolNameKey, telemetry.WorkflowName: semconv.GenAIWorkflowNameKey, telemetry.Provider: semconv.GenAIProviderNameKey,
		telemetry.RequestModel: semconv.GenAIRequestModelKey, telemetry.ResponseModel: semconv.GenAIResponseModelKey,
		telemetry.InputTokens: semconv.GenAIUsageInputTokensKey, telemetry.OutputTokens: semconv.GenAIUsageOutputTokensKey, telemetry.TokenType: semconv.GenAITokenTypeKey,
	} {
		if ours != theirs {
			t.Errorf("%s is %s in the conventions", ours, theirs)
		}
	}
	for ours, theirs := range map[string]attribute.KeyValue{
		telemetry.ExecuteTool: semconv.GenAIOperationNameExecuteTool, telemetry.InvokeWorkflow: semconv.GenAIOperationNameInvokeWorkflow, telemetry.Chat: semconv.GenAIOperationNameChat,
		telemetry.Pipe: semconv.NetworkTransportPipe, telemetry.TCP: semconv.NetworkTransportTCP,
	} {
		if ours != theirs.Value.AsString() {
			t.Errorf("%s is %s in the conventions", ours, theirs.Value.AsString())
		}
	}
}

// Trace contexts are read as W3C says, and what is not valid is ignored.
func TestTraceContext(t *testing.T) {
	t.Parallel()
	const valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for given, ok := range map[string]bool{
		valid: true, "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more": true, // of a later version
		"": false, "00": false, "ff" + valid[2:]: false, valid + "-more": false, valid[:54]: false,
		"00-00000000000000000000000000000000-b7ad6b7169203331-01": false, "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01": false,
		"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01": false,
	} {
		span := telemetry.Parse(given, "")
		if span.IsValid() != ok {
			t.Errorf("%q is valid: %t", given, span.IsValid())
		}
		if back := telemetry.Traceparent(span); given == valid && back != valid || !ok && back != "" {
			t.Errorf("%q is written %q", given, back)
		}
	}
	ctx := trace.ContextWithRemoteSpanContext(t.Context(), telemetry.Parse(valid, "vendor=x"))
	header := http.Header{}
	telemetry.InjectHeader(ctx, header)
	if header.Get("Traceparent") != valid || header.Get("Tracestate") != "vendor=x" {
		t.Errorf("headers %v", header)
	}
	own := http.Header{"Traceparent": {"mine"}}
	telemetry.InjectHeader(ctx, own)
	if own.Get("Traceparent") != "mine" || len(own) != 1 {
		t.Errorf("the caller's header was replaced: %v", own)
	}
	telemetry.Inject(context.Background(), func(key, _ string) { t.Errorf("%s is set without a span", key) })
}

// The span of a run has ids that follow from the run, and all others have ids of their own.
func TestIDs(t *testing.T) {
	t.Parallel()
	first, second := telemetry.RunContext("run", 0), telemetry.RunContext("run", 1)
	if !first.IsValid() || first.TraceID() == second.TraceID() || !first.Equal(telemetry.RunContext("run", 0)) || first.TraceID() == telemetry.RunContext("run2", 0).TraceID() {
		t.Errorf("%v and %v", first, second)
	}
	seen := map[trace.TraceID]bool{}
	for range 100 {
		id, span := telemetry.IDs{}.NewIDs(t.Context())
		if !id.IsValid() || !span.IsValid() || seen[id] {
			t.Errorf("%s %s", id, span)
		}
		seen[id] = true
	}
}

// A Telemetry that is off does nothing, and costs nothing.
func TestOff(t *testing.T) {
	var off *telemetry.Telemetry
	ctx := t.Context()
	if allocated := testing.AllocsPerRun(100, func() {
		inside, span := off.Start(ctx, "x")
		span.End()
		if telemetry.With(inside, off) != ctx || telemetry.From(inside) != nil {
			t.Error("the context has changed")
		}
		telemetry.Inject(inside, nil)
	}); allocated != 0 {
		t.Errorf("%v allocations", allocated)
	}
}
