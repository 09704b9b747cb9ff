package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/chainwright/chainwright/transport/app"
	"github.com/chainwright/chainwright/transport/internal/config"
)

// measure returns what the OTEL_ variables and the configuration turn on. The error says
// why the variables are not used.
func measure(cfg *config.Loaded) (app.Telemetry, error) {
	t, err := app.TelemetryFromEnv(os.Getenv)
	if own := cfg.Telemetry; !strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		t.Traces = t.Traces || own.Endpoint != ""
		t.Endpoint = own.Endpoint
		t.Metrics = t.Metrics || own.Metrics
		t.MetricsAddr = cmp.Or(own.MetricsAddr, t.MetricsAddr)
	}
	return t, err
}

// measuring is where traces and metrics are; empty: off.
type measuring struct {
	Traces  string   `json:"traces,omitempty"`
	Metrics []string `json:"metrics,omitempty"`
}

// measured adds what is measured, and a problem of the variables.
func (f *checkup) measured(p *program) {
	t, err := measure(p.config)
	if err != nil {
		f.add(partTelemetry, err.Error())
	}
	f.Telemetry = &measuring{}
	if t.Traces {
		f.Telemetry.Traces = cmp.Or(t.Endpoint, os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"), "http://localhost:4318")
	}
	if t.Metrics {
		f.Telemetry.Metrics = append(f.Telemetry.Metrics, "/metrics of serve")
	}
	if t.MetricsAddr != "" {
		f.Telemetry.Metrics = append(f.Telemetry.Metrics, "http://"+t.MetricsAddr+"/metrics")
	}
}

// partTelemetry is the part of problems of traces and metrics.
const partTelemetry = "telemetry"

func (f *checkup) writeTelemetry(out io.Writer) {
	if f.Telemetry != nil {
		fmt.Fprintf(out, "telemetry: traces %s; metrics %s\n", cmp.Or(f.Telemetry.Traces, "off"), cmp.Or(listed(f.Telemetry.Metrics), "off"))
	}
}
