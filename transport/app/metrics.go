package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	nethttp "net/http"
	"time"

	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/executors/telemetry"
)

// gauges has metrics show what an engine has to do.
func gauges(m *telemetry.Metrics, load func() engine.Load) {
	for _, g := range []struct {
		name, help string
		read       func(engine.Load) float64
	}{
		{"chainwright_runs_in_progress", "Runs that this process drives.", func(l engine.Load) float64 { return float64(l.Runs) }},
		{"chainwright_runs_queued", "Runs of this process that wait to begin.", func(l engine.Load) float64 { return float64(l.Queued) }},
		{"chainwright_executor_calls_in_progress", "Calls of executors in flight.", func(l engine.Load) float64 { return float64(l.Tasks) }},
		{"chainwright_lease_age_seconds", "Time since the store has confirmed that this process holds its runs; 0 without runs.", func(l engine.Load) float64 { return l.Lease.Seconds() }},
	} {
		m.Gauge(g.name, g.help, func() float64 { return g.read(load()) })
	}
}

// serveMetrics serves /metrics at an address of its own until the function that it
// returns is called.
func (a *App) serveMetrics(ctx context.Context) (stop func(), err error) {
	addr := a.options.telemetry.MetricsAddr
	if addr == "" {
		return func() {}, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listening on %s for metrics: %w", addr, err)
	}
	mux := nethttp.NewServeMux()
	mux.Handle("/metrics", a.metrics)
	const within = 10 * time.Second
	srv := &nethttp.Server{Handler: mux, ReadHeaderTimeout: within, WriteTimeout: within, IdleTimeout: 2 * time.Minute}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := srv.Serve(listener); !errors.Is(err, nethttp.ErrServerClosed) {
			a.options.log.Error().Err(err).Msg("metrics are not served any more")
		}
	}()
	a.options.log.Info().Str("metrics", "http://"+listener.Addr().String()+"/metrics").Msg("serving metrics")
	return func() {
		_ = srv.Close()
		<-ended
	}, nil
}
