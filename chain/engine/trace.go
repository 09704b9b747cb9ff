package engine

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/telemetry"
)

// beginSpan begins the span of a run that this process is about to drive, and puts it
// into the contexts of its tasks. It is the root of a trace of its own, with a link to
// the call that started the run and, for a run that another process has driven, to the
// span there. The span of a run that was started from inside a task is a child of the
// task's.
func (x *run) beginSpan(ctx context.Context) {
	t := x.engine.opts.Telemetry
	if t == nil {
		return
	}
	x.base, x.span = startRun(x.base, t, x.row, x.nested, trace.SpanContextFromContext(ctx))
}

// startRun begins the span of a run. call is the span of the call that starts or
// retries it, if there is one.
func startRun(ctx context.Context, t *telemetry.Telemetry, row *store.Run, nested bool, call trace.SpanContext) (context.Context, trace.Span) {
	name, list := telemetry.InvokeWorkflow, []attribute.KeyValue{telemetry.Operation.String(telemetry.InvokeWorkflow), telemetry.RunID.String(row.ID)}
	if row.Name != "" {
		name += " " + row.Name
		list = append(list, telemetry.WorkflowName.String(row.Name))
	}
	attributes := trace.WithAttributes(list...)
	if nested {
		return t.Start(ctx, name, attributes)
	}
	links := []trace.SpanContext{telemetry.Parse(row.Trace, ""), call}
	if row.Seq > 0 && row.Epoch > 0 { // it was driven before
		links = append(links, telemetry.RunContext(row.ID, row.Epoch-1))
	}
	return t.StartRun(ctx, telemetry.RunContext(row.ID, row.Epoch), name, attributes, trace.WithLinks(telemetry.Links(links...)...))
}

// endSpan ends the span of a run. A run that is left to another process has no status.
func (x *run) endSpan() {
	if x.span == nil {
		return
	}
	switch status := x.recorder.status; {
	case x.recorder.broken != nil:
		telemetry.Fail(x.span, "record_lost")
	case status != "":
		endRunSpan(x.span, status, x.recorder.problem)
	}
	x.span.End()
}

func endRunSpan(span trace.Span, status chain.State, problem *store.Problem) {
	span.SetAttributes(telemetry.RunStatus.String(string(status)))
	if status != chain.Completed {
		kind := string(status)
		if problem.Failed() {
			kind = problem.Type
		}
		telemetry.Fail(span, kind)
	}
}

// beginTask begins the span of the call of a task, or of an element. It returns a nil
// span if telemetry is off.
func (r *Engine) beginTask(ctx context.Context, call *executors.Call, executor string) (context.Context, trace.Span) {
	t := r.opts.Telemetry
	if t == nil {
		return ctx, nil
	}
	attributes := []attribute.KeyValue{
		telemetry.Operation.String(telemetry.ExecuteTool), telemetry.ToolName.String(executor),
		telemetry.RunID.String(call.RunID), telemetry.TaskID.String(call.TaskID),
	}
	if call.Element > 0 {
		attributes = append(attributes, telemetry.Element.Int(call.Element))
	}
	return t.Start(telemetry.With(ctx, t), telemetry.ExecuteTool+" "+executor, trace.WithAttributes(attributes...))
}

// retried adds an attempt that failed and is repeated to a span, which may be nil.
func retried(span trace.Span, attempt int, err *executors.Error) {
	if span != nil {
		span.AddEvent(telemetry.Retried, trace.WithAttributes(telemetry.Attempt.Int(attempt), telemetry.ErrorType.String(string(err.Type))))
	}
}

// endTask ends a span of beginTask, which may be nil.
func endTask(span trace.Span, out executors.Outcome, attempts int) {
	if span == nil {
		return
	}
	span.SetAttributes(telemetry.Attempts.Int(attempts))
	if out.Err != nil {
		telemetry.Fail(span, string(out.Err.Type))
	}
	span.End()
}
