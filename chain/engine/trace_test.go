package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/telemetry"
)

// sampled returns telemetry that samples traces as OTEL_TRACES_SAMPLER does with
// parentbased_traceidratio, and what it sends.
func sampled(t *testing.T, ratio float64) (*telemetry.Telemetry, *tracetest.InMemoryExporter) {
	t.Helper()
	sent := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(sent), sdk.WithIDGenerator(telemetry.IDs{}), sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(ratio))))
	return telemetry.New(provider, nil), sent
}

// named returns the spans whose names begin with a text.
func named(sent *tracetest.InMemoryExporter, name string) []tracetest.SpanStub {
	return slices.DeleteFunc(slices.Clone(sent.GetSpans()), func(s tracetest.SpanStub) bool { return !strings.HasPrefix(s.Name, name) })
}

// The span of a run that another process continues links to the one that was lost, and
// each process sends the tasks that it has done.
func TestSpanOfAnAdoptedRun(t *testing.T) {
	t.Parallel()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, lost := sampled(t, 1)
			after, sent := sampled(t, 1)
			kept := open(t)
			first := newFrozen(kept)
			a := newBench(t, first, engine.Options{Owner: "a", Lease: shortLease, Telemetry: before}, policy.Config{})
			b := newBench(t, kept, engine.Options{Owner: "b", Lease: shortLease, Telemetry: after}, policy.Config{})
			run, err := a.Start(t.Context(), a.Tree(t, `[
				{"id":"done","name":"done","schemas":{"method":"probe"},"inputs":{"mark":"done"}},
				{"id":"read","name":"read","schemas":{"method":"probe"},"dependencies":["done"],"inputs":{"sleep":1,"mark":"read"}}]`), chain.RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			awaitMarks(t, a.Probes, map[string]int{"done": 1, "read": 1})
			for { // until the end of the first task is on record
				v, err := b.Get(t.Context(), run.ID, "")
				if err != nil {
					t.Fatal(err)
				}
				if v.Tasks[0].Status == chain.Completed {
					break
				}
			}
			first.freeze()
			t.Cleanup(first.thaw)
			b.engine.Adopt(anything)
			if v := b.End(t, run.ID); v.Status != chain.Completed {
				t.Fatalf("the run is %s", v.Status)
			}
			if err := b.engine.Close(t.Context()); err != nil { // ends the span
				t.Fatal(err)
			}
			gone, runs, tasks := telemetry.RunContext(run.ID, 0), named(sent, "invoke_workflow"), named(sent, "execute_tool")
			if len(runs) != 1 || len(tasks) != 1 {
				t.Fatalf("%d runs and %d tasks: %+v", len(runs), len(tasks), sent.GetSpans())
			}
			own := runs[0]
			if own.Parent.IsValid() || own.SpanContext.TraceID() == gone.TraceID() || len(own.Links) != 1 ||
				own.Links[0].SpanContext.TraceID() != gone.TraceID() || own.Links[0].SpanContext.SpanID() != gone.SpanID() {
				t.Errorf("the run that was adopted: %+v", own)
			}
			if tasks[0].Parent.SpanID() != own.SpanContext.SpanID() || tasks[0].SpanContext.TraceID() != own.SpanContext.TraceID() {
				t.Errorf("its task: %+v", tasks[0])
			}
			done := named(lost, "execute_tool")
			if len(done) == 0 || done[0].Parent.SpanID() != gone.SpanID() || done[0].SpanContext.TraceID() != gone.TraceID() {
				t.Errorf("the first process sent %+v", done)
			}
		})
	}
}

// The tasks of a run are sampled if the run is, whichever process does them: with
// one engine, and with one that leaves single steps to several processes.
func TestSampling(t *testing.T) {
	t.Parallel()
	for ratio, want := range map[float64]int{0: 0, 1: 1} {
		each(t, engine.Options{}, func(t *testing.T, b *bench) {
			here, sent := sampled(t, ratio)
			own := newBench(t, unclosed{b.store}, engine.Options{Owner: "own", Telemetry: here}, policy.Config{})
			tree := own.Tree(t, `[{"id":"a","name":"a","schemas":{"method":"probe"}}]`)
			run, err := own.Start(t.Context(), tree, chain.RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			own.End(t, run.ID)
			if err := own.engine.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if runs, tasks := named(sent, "invoke_workflow"), named(sent, "execute_tool"); len(runs) != want || len(tasks) != want {
				t.Errorf("with %v, %d runs and %d tasks were sent", ratio, len(runs), len(tasks))
			}

			telling, ended := sampled(t, ratio)
			doing, done := sampled(t, ratio)
			end := newBench(t, unclosed{b.store}, engine.Options{Owner: "end", Telemetry: telling}, policy.Config{})
			do := newBench(t, unclosed{b.store}, engine.Options{Owner: "do", Telemetry: doing}, policy.Config{})
			prepared, err := end.engine.PrepareRun(tree, chain.RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			row, _, err := end.engine.Record(t.Context(), prepared, "elsewhere")
			if err != nil {
				t.Fatal(err)
			}
			step := func(e *engine.Engine) *engine.Step {
				s, err := e.Open(context.Background(), row.ID, "")
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			report := step(do.engine).Attempt(t.Context(), engine.Attempt{Element: -1, Number: 1})
			if report.State != chain.Completed || report.Outcome.Err != nil {
				t.Fatalf("the step: %+v", report)
			}
			step(end.engine).End(t.Context(), false)
			runs, tasks := named(ended, "invoke_workflow"), named(done, "execute_tool")
			if len(ended.GetSpans()) != want || len(done.GetSpans()) != want {
				t.Errorf("with %v, steps have sent %+v and %+v", ratio, ended.GetSpans(), done.GetSpans())
			} else if want > 0 && (tasks[0].Parent.SpanID() != runs[0].SpanContext.SpanID() || tasks[0].SpanContext.TraceID() != runs[0].SpanContext.TraceID()) {
				t.Errorf("the task %+v is not in the run %+v", tasks[0], runs[0])
			}
		})
	}
}
