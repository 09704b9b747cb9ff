package engine

import (
	"context"
	"time"

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
	if !t.Traces() {
		return
	}
	x.base, x.span = startRun(x.base, t, x.row, x.nested, trace.SpanContextFromContext(ctx))
}

// startRun begins the span of a run. call is the span of the call that starts or
// retries it, if there is one.
func startRun(ctx context.Context, t *telemetry.Telemetry, row *store.Run, nested bool, call trace.SpanContext, more ...trace.SpanStartOption) (context.Context, trace.Span) {
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
	return t.StartRun(ctx, telemetry.RunContext(row.ID, row.Epoch), name, append(more, attributes, trace.WithLinks(telemetry.Links(links...)...))...)
}

// endSpan counts the end of a run, and ends its span. A run that is left to another
// process has no status.
func (x *run) endSpan() {
	if status := x.recorder.status; status != "" && x.recorder.broken == nil {
		x.engine.opts.Telemetry.RunEnded(string(status))
	}
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

// measured is the telemetry of the call of a task, or of an element. The zero value is
// that of a call that is not measured.
type measured struct {
	engine   *Engine
	executor string
	began    time.Time
	span     trace.Span // nil: there is none
}

// beginTask begins the telemetry of a call.
func (r *Engine) beginTask(ctx context.Context, call *executors.Call, executor string) (context.Context, measured) {
	t := r.opts.Telemetry
	if t == nil {
		return ctx, measured{}
	}
	m := measured{engine: r, executor: executor, began: time.Now()}
	r.tasks.Add(1)
	ctx = telemetry.With(ctx, t)
	if !t.Traces() {
		return ctx, m
	}
	attributes := []attribute.KeyValue{
		telemetry.Operation.String(telemetry.ExecuteTool), telemetry.ToolName.String(executor),
		telemetry.RunID.String(call.RunID), telemetry.TaskID.String(call.TaskID),
	}
	if call.Element > 0 {
		attributes = append(attributes, telemetry.Element.Int(call.Element))
	}
	ctx, m.span = t.Start(ctx, telemetry.ExecuteTool+" "+executor, trace.WithAttributes(attributes...))
	return ctx, m
}

// retried notes an attempt that failed and is repeated.
func (m measured) retried(attempt int, err *executors.Error) {
	if m.span != nil {
		m.span.AddEvent(telemetry.Retried, trace.WithAttributes(telemetry.Attempt.Int(attempt), telemetry.ErrorType.String(string(err.Type))))
	}
}

// end notes how the call has ended.
func (m measured) end(out executors.Outcome, attempts int) {
	if m.engine == nil {
		return
	}
	m.engine.tasks.Add(-1)
	outcome := chain.Completed
	switch {
	case out.Err == nil:
	case out.Err.Type == executors.Cancelled:
		outcome = chain.Cancelled
	default:
		outcome = chain.Failed
	}
	m.engine.opts.Telemetry.Task(m.executor, string(outcome), time.Since(m.began))
	if m.span == nil {
		return
	}
	m.span.SetAttributes(telemetry.Attempts.Int(attempts))
	if out.Err != nil {
		telemetry.Fail(m.span, string(out.Err.Type))
	}
	m.span.End()
}
