package engine

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"github.com/chainwright/chainwright/executors/telemetry"
)

// inTrace puts a step into the trace of its run, which the process that ends the run
// sends.
func (s *Step) inTrace(ctx context.Context) context.Context {
	return s.x.engine.opts.Telemetry.InRun(ctx, telemetry.RunContext(s.x.row.ID, s.x.row.Epoch))
}

// traceRun counts a run that ends, and sends its span.
func (s *Step) traceRun() {
	x, t := s.x, s.x.engine.opts.Telemetry
	t.RunEnded(string(x.recorder.status))
	if t.Traces() {
		_, span := startRun(context.Background(), t, x.row, false, trace.SpanContext{}, trace.WithTimestamp(x.row.OwnerSince))
		endRunSpan(span, x.recorder.status, x.recorder.problem)
		span.End()
	}
}
