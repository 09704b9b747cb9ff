// Package telemetry is how every layer creates spans and counts. It is not a stable API.
// It uses the API of OpenTelemetry only; the server sets the SDK up. A nil
// *Telemetry is off: its methods do nothing and allocate nothing.
//
// Spans and metrics have no arguments, results, messages of errors or names of
// files and hosts: a collector is outside of the reach of the policy.
package telemetry

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"net/http"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// scope is the name of the instrumentation.
const scope = "github.com/chainwright/chainwright"

// Telemetry creates spans, and counts. Nil: off.
type Telemetry struct {
	tracer  trace.Tracer // nil: there are no spans
	metrics *Metrics     // nil: nothing is counted
}

// New returns a Telemetry that creates spans with a provider, and counts in metrics.
// Either may be nil. The provider must use IDs as its generator of ids.
func New(traces trace.TracerProvider, metrics *Metrics) *Telemetry {
	t := &Telemetry{metrics: metrics}
	if traces != nil {
		t.tracer = traces.Tracer(scope)
	}
	return t
}

// Traces reports whether there are spans.
func (t *Telemetry) Traces() bool { return t != nil && t.tracer != nil }

// Start begins a span. Off, it returns the context as it is, and a span that does
// nothing.
func (t *Telemetry) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	if !t.Traces() {
		return ctx, noop.Span{}
	}
	return t.tracer.Start(ctx, name, options...)
}

// Fail marks a span as failed with the kind of an error: that of a result, or the
// code of a JSON-RPC error.
func Fail(span trace.Span, kind string) {
	span.SetAttributes(ErrorType.String(kind))
	span.SetStatus(codes.Error, "")
}

// contextKey carries a *Telemetry.
type contextKey struct{}

// With returns a context that carries t, for executors that create spans.
func With(ctx context.Context, t *Telemetry) context.Context {
	if t == nil {
		return ctx
	}
	return context.WithValue(ctx, contextKey{}, t)
}

// From returns the context's Telemetry, or nil.
func From(ctx context.Context) *Telemetry {
	t, _ := ctx.Value(contextKey{}).(*Telemetry)
	return t
}

// propagator is W3C Trace Context. Baggage is not passed on: callers can put
// anything into it.
var propagator propagation.TraceContext

// Traceparent returns a span's context as the header traceparent; empty if it is not
// valid.
func Traceparent(span trace.SpanContext) string {
	carrier := propagation.MapCarrier{}
	propagator.Inject(trace.ContextWithSpanContext(context.Background(), span), carrier)
	return carrier.Get(headerParent)
}

// Parse reads the values of traceparent and tracestate. What is not valid is ignored,
// as W3C Trace Context requires.
func Parse(parent, state string) trace.SpanContext {
	if parent == "" {
		return trace.SpanContext{}
	}
	carrier := propagation.MapCarrier{headerParent: parent, headerState: state}
	return trace.SpanContextFromContext(propagator.Extract(context.Background(), carrier))
}

const (
	headerParent = "traceparent"
	headerState  = "tracestate"
)

// Inject passes the context's span on to a peer: set is called with traceparent, and
// with tracestate if there is one. Without a span it is not called.
func Inject(ctx context.Context, set func(key, value string)) {
	if trace.SpanContextFromContext(ctx).IsValid() {
		propagator.Inject(ctx, setter(set))
	}
}

// InjectHeader is Inject for the headers of an HTTP request. The caller's own
// headers are kept.
func InjectHeader(ctx context.Context, header http.Header) {
	if header.Get(headerParent) == "" {
		Inject(ctx, header.Set)
	}
}

// setter is a carrier that is only written.
type setter func(key, value string)

func (s setter) Set(key, value string) { s(key, value) }
func (setter) Get(string) string       { return "" }
func (setter) Keys() []string          { return nil }

// RunContext returns the context of a run's own span. It follows from the run and the
// number of its owners so far (epoch), so that another process can link to it, or
// continue the trace, without a record of it.
func RunContext(run string, epoch int64) trace.SpanContext {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(run), uint64(epoch))) //nolint:gosec // any number will do
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID(sum[:16]), SpanID: trace.SpanID(sum[16:24]), TraceFlags: trace.FlagsSampled,
	})
}

// StartRun begins the span of a run: the root of a trace of its own, with the ids of
// RunContext.
func (t *Telemetry) StartRun(ctx context.Context, own trace.SpanContext, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	if !t.Traces() {
		return ctx, noop.Span{}
	}
	return t.tracer.Start(context.WithValue(ctx, idsKey{}, own), name, append(options, trace.WithNewRoot())...)
}

// InRun returns a context whose spans are children of the span of a run, which
// another process may send with StartRun. They are sampled if it is.
func (t *Telemetry) InRun(ctx context.Context, own trace.SpanContext) context.Context {
	if !t.Traces() {
		return ctx
	}
	_, same := t.StartRun(ctx, own, InvokeWorkflow) // asks the sampler; a span that does not end is not sent
	return trace.ContextWithRemoteSpanContext(ctx, same.SpanContext())
}

type idsKey struct{}

// IDs is the generator of ids for an SDK's provider: those of RunContext for the
// spans of runs, and random ones for others.
type IDs struct{}

// NewIDs returns the ids of a root.
func (IDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if own, ok := ctx.Value(idsKey{}).(trace.SpanContext); ok {
		return own.TraceID(), own.SpanID()
	}
	var id trace.TraceID
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], rand.Uint64()|1) // not zero
	return id, newSpanID()
}

// NewSpanID returns the id of a child.
func (IDs) NewSpanID(context.Context, trace.TraceID) trace.SpanID { return newSpanID() }

func newSpanID() (id trace.SpanID) {
	binary.NativeEndian.PutUint64(id[:], rand.Uint64()|1) // not zero
	return id
}

// Links returns links to the spans that are valid, each once.
func Links(spans ...trace.SpanContext) []trace.Link {
	var links []trace.Link
	seen := map[trace.SpanID]bool{}
	for _, span := range spans {
		if span.IsValid() && !seen[span.SpanID()] {
			seen[span.SpanID()] = true
			links = append(links, trace.Link{SpanContext: span})
		}
	}
	return links
}
