package app

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/chainwright/chainwright/executors/telemetry"
)

// Telemetry configures the traces of the server. What it does not say, such as the
// headers, the sampler and the size of batches, the OTEL_ variables of the environment
// do: see docs/telemetry.md.
type Telemetry struct {
	// Traces has traces sent over OTLP/HTTP.
	Traces bool
	// Endpoint is the base URL of the collector; empty: as the variables say, else
	// http://localhost:4318.
	Endpoint string
	// Metrics has HTTP serve /metrics for Prometheus, to callers that send a token, if
	// one is set, whose scopes allow it.
	Metrics bool
	// MetricsAddr is HOST:PORT, where Serve serves /metrics to everyone who reaches it.
	MetricsAddr string
}

// WithTelemetry sets what is sent to a collector. The default is nothing.
func WithTelemetry(t Telemetry) Option { return func(o *options) { o.telemetry = t } }

// flushWithin is how long Close may take to send the last spans.
const flushWithin = 500 * time.Millisecond

// traces is the SDK of OpenTelemetry, set up.
type traces struct {
	provider *sdk.TracerProvider
	exporter *exporter
}

// openTraces starts to send traces. It connects to nothing before the first span.
func openTraces(ctx context.Context, o *options) (*traces, error) {
	var options []otlptracehttp.Option
	if o.telemetry.Endpoint != "" {
		options = append(options, otlptracehttp.WithEndpointURL(strings.TrimSuffix(o.telemetry.Endpoint, "/")+"/v1/traces"))
	}
	log := &seldom{log: o.log}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.warn(err) }))
	client, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("opening the exporter of traces: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "chainwright"), attribute.String("service.version", o.version), attribute.String("service.instance.id", uuid.NewString())),
		resource.WithFromEnv())
	if err != nil {
		log.warn(err) // a wrong part of a variable is left out
	}
	e := &exporter{SpanExporter: client, log: log}
	e.sending, e.stop = context.WithCancel(context.Background())
	provider := sdk.NewTracerProvider(sdk.WithBatcher(e), sdk.WithResource(about), sdk.WithIDGenerator(telemetry.IDs{}))
	return &traces{provider: provider, exporter: e}, nil
}

// measure sets up what the options turn on.
func (a *App) measure(ctx context.Context) (err error) {
	o := &a.options
	if o.telemetry.Traces {
		if a.traces, err = openTraces(ctx, o); err != nil {
			return err
		}
	}
	if o.telemetry.Metrics || o.telemetry.MetricsAddr != "" {
		a.metrics = telemetry.NewMetrics()
	}
	switch {
	case a.traces != nil:
		a.telemetry = telemetry.New(a.traces.provider, a.metrics)
	case a.metrics != nil:
		a.telemetry = telemetry.New(nil, a.metrics)
	}
	return nil
}

// close sends the last spans, within flushWithin.
func (t *traces) close(ctx context.Context) {
	late := time.AfterFunc(flushWithin, t.exporter.stop)
	defer late.Stop()
	defer t.exporter.stop()
	_ = t.provider.Shutdown(context.WithoutCancel(ctx)) // the exporter logs its errors
}

// exporter sends spans until it is stopped, and logs why it can't.
type exporter struct {
	sdk.SpanExporter
	log     *seldom
	sending context.Context
	stop    context.CancelFunc
}

// ExportSpans sends spans. A collector that hangs, or is away, delays only the spans.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.sending, cancel)()
	if err := e.sending.Err(); err != nil {
		return nil //nolint:nilerr // the server has stopped
	}
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		e.log.warn(fmt.Errorf("%d spans are lost: %w", len(spans), err))
	}
	return nil
}

// seldom logs errors of telemetry, at most one a minute.
type seldom struct {
	log  zerolog.Logger
	mu   sync.Mutex
	last time.Time
	more int
}

func (s *seldom) warn(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); s.last.IsZero() || now.Sub(s.last) >= time.Minute {
		s.log.Warn().Err(err).Int("more", s.more).Msg("telemetry")
		s.last, s.more = now, 0
		return
	}
	s.more++
}

// TelemetryFromEnv reads the OTEL_ variables that turn telemetry on. The error says
// which of them asks for what this program can't do; telemetry is off then.
func TelemetryFromEnv(getenv func(string) string) (Telemetry, error) {
	if strings.EqualFold(strings.TrimSpace(getenv("OTEL_SDK_DISABLED")), "true") {
		return Telemetry{}, nil
	}
	var t Telemetry
	switch kind := getenv("OTEL_TRACES_EXPORTER"); kind {
	case "none":
	case "otlp":
		t.Traces = true
	case "":
		t.Traces = getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
	default:
		return Telemetry{}, fmt.Errorf("OTEL_TRACES_EXPORTER is %q; allowed are otlp and none", kind)
	}
	switch kind := getenv("OTEL_METRICS_EXPORTER"); kind {
	case "", "none":
	case "prometheus":
		t.Metrics = true
		if port := getenv("OTEL_EXPORTER_PROMETHEUS_PORT"); port != "" {
			t.MetricsAddr = net.JoinHostPort(cmp.Or(getenv("OTEL_EXPORTER_PROMETHEUS_HOST"), "localhost"), port)
		}
	default:
		return Telemetry{}, fmt.Errorf("OTEL_METRICS_EXPORTER is %q; metrics are read from /metrics and not sent: allowed are prometheus and none", kind)
	}
	if t.Traces {
		for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
			switch getenv(name) {
			case "http/protobuf", "http/json":
				return t, nil
			case "":
			default:
				return Telemetry{}, fmt.Errorf("%s is %q; traces are sent with http/protobuf or http/json: set OTEL_EXPORTER_OTLP_TRACES_PROTOCOL and OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, or OTEL_TRACES_EXPORTER=none", name, getenv(name))
			}
		}
	}
	return t, nil
}
