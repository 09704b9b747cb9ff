package llm

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/telemetry"
)

// measured is the telemetry of a request to a model. The zero value is that of a
// request that is not measured.
type measured struct {
	telemetry       *telemetry.Telemetry
	span            trace.Span
	provider, model string
	began           time.Time
}

// begin begins the telemetry of a request. Messages and replies are not in it.
func begin(ctx context.Context, provider, model string) (context.Context, measured) {
	t := telemetry.From(ctx)
	if t == nil {
		return ctx, measured{}
	}
	m := measured{telemetry: t, provider: provider, model: model, began: time.Now()}
	ctx, m.span = t.Start(ctx, telemetry.Chat+" "+model, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		telemetry.Operation.String(telemetry.Chat), telemetry.Provider.String(provider), telemetry.RequestModel.String(model)))
	return ctx, m
}

// end notes the reply, or why there is none.
func (m *measured) end(reply *Reply, failed *executors.Error) {
	if m.telemetry == nil {
		return
	}
	used := reply.Usage
	m.span.SetAttributes(telemetry.InputTokens.Int(used.InputTokens), telemetry.OutputTokens.Int(used.OutputTokens))
	if reply.Model != "" {
		m.span.SetAttributes(telemetry.ResponseModel.String(reply.Model))
	}
	kind := ""
	if failed != nil {
		kind = string(failed.Type)
		telemetry.Fail(m.span, kind)
	}
	m.span.End()
	m.telemetry.Model(m.provider, m.model, kind, telemetry.Usage{Input: used.InputTokens, Output: used.OutputTokens, Dollars: used.CostUSD}, time.Since(m.began))
}
