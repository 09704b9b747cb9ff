package telemetry

import (
	"bufio"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Metrics counts what is done, for Prometheus.
//
// It is written by hand: the metrics of OpenTelemetry's SDK with its exporter for
// Prometheus add 1.5 MB to the program, and there are ten metrics. promtool checks
// what it writes.
type Metrics struct {
	requests, tasks, models, tokens *vector // durations, and tokens of requests to models
	runs, adopted, cost             *vector // counts
	mu                              sync.Mutex
	gauges                          []gauge
}

type gauge struct {
	name, help string
	read       func() float64
}

// maxSeries is the largest number of series of a metric. What has other labels is
// counted in one series whose labels are all OtherLabel.
const maxSeries = 400

// OtherLabel is the label of what has no series of its own.
const OtherLabel = "_other"

// The boundaries of histograms, as the semantic conventions advise.
var (
	secondBounds = []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300}
	tokenBounds  = []float64{1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864}
)

// NewMetrics returns metrics without any counts.
func NewMetrics() *Metrics {
	return &Metrics{
		requests: histogram("mcp_server_operation_duration_seconds", "Time from a request of MCP to its reply.", secondBounds,
			"mcp_method_name", "gen_ai_tool_name", "error_type"),
		tasks: histogram("chainwright_task_duration_seconds", "Time of the calls of executors, with their retries.", secondBounds,
			"chainwright_executor", "chainwright_outcome"),
		models: histogram("gen_ai_client_operation_duration_seconds", "Time of requests to language models.", secondBounds,
			"gen_ai_provider_name", "gen_ai_request_model", "error_type"),
		tokens: histogram("gen_ai_client_token_usage", "Tokens of requests to language models.", tokenBounds,
			"gen_ai_provider_name", "gen_ai_request_model", "gen_ai_token_type"),
		runs:    counter("chainwright_runs_ended_total", "Runs of task trees that ended in this process.", "chainwright_run_status"),
		adopted: counter("chainwright_runs_adopted_total", "Runs that this process has continued after another one was lost."),
		cost:    counter("chainwright_model_cost_dollars_total", "Cost of requests to language models whose price is known.", "gen_ai_provider_name", "gen_ai_request_model"),
	}
}

// Gauge adds a metric that is read when metrics are.
func (m *Metrics) Gauge(name, help string, read func() float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gauges = append(m.gauges, gauge{name, help, read})
}

// Request counts a request of MCP. tool and failed may be empty.
func (t *Telemetry) Request(method, tool, failed string, took time.Duration) {
	if t.counts() {
		t.metrics.requests.add(took.Seconds(), method, tool, failed)
	}
}

// Task counts the call of an executor.
func (t *Telemetry) Task(executor, outcome string, took time.Duration) {
	if t.counts() {
		t.metrics.tasks.add(took.Seconds(), executor, outcome)
	}
}

// RunEnded counts the end of a run.
func (t *Telemetry) RunEnded(status string) {
	if t.counts() {
		t.metrics.runs.add(1, status)
	}
}

// RunAdopted counts a run that this process continues.
func (t *Telemetry) RunAdopted() {
	if t.counts() {
		t.metrics.adopted.add(1)
	}
}

// Usage is what a request to a model used.
type Usage struct {
	Input, Output int
	Dollars       float64
}

// Model counts a request to a language model. failed may be empty.
func (t *Telemetry) Model(provider, model, failed string, used Usage, took time.Duration) {
	if !t.counts() {
		return
	}
	t.metrics.models.add(took.Seconds(), provider, model, failed)
	if used.Input+used.Output > 0 {
		t.metrics.tokens.add(float64(used.Input), provider, model, "input")
		t.metrics.tokens.add(float64(used.Output), provider, model, "output")
	}
	if used.Dollars > 0 {
		t.metrics.cost.add(used.Dollars, provider, model)
	}
}

func (t *Telemetry) counts() bool { return t != nil && t.metrics != nil }

// ServeHTTP writes all metrics in the text format of Prometheus.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "metrics are read with GET", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_ = m.write(w)
}

func (m *Metrics) write(to io.Writer) error {
	b := bufio.NewWriter(to)
	for _, v := range []*vector{m.requests, m.tasks, m.models, m.tokens, m.runs, m.adopted, m.cost} {
		v.write(b)
	}
	m.mu.Lock()
	gauges := slices.Clone(m.gauges)
	m.mu.Unlock()
	for _, g := range gauges {
		head(b, g.name, g.help, "gauge")
		line(b, g.name, nil, key{}, "", g.read())
	}
	return b.Flush()
}

// mostLabels is the largest number of labels of a metric.
const mostLabels = 3

type key [mostLabels]string

// vector is a counter, or a histogram if it has bounds, for each of its labels' values.
type vector struct {
	name, help string
	bounds     []float64
	labels     []string
	mu         sync.Mutex
	series     map[key]*series
}

type series struct {
	sum     float64
	count   uint64
	buckets []uint64
}

func histogram(name, help string, bounds []float64, labels ...string) *vector {
	return &vector{name: name, help: help, bounds: bounds, labels: labels, series: map[key]*series{}}
}

// counter returns a counter. Without labels it begins at 0, else when something is
// counted.
func counter(name, help string, labels ...string) *vector {
	v := histogram(name, help, nil, labels...)
	if len(labels) == 0 {
		v.series[key{}] = &series{}
	}
	return v
}

func (v *vector) add(value float64, labels ...string) {
	var at key
	copy(at[:], labels)
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.series[at]
	if s == nil {
		if len(v.series) >= maxSeries {
			for i := range v.labels {
				at[i] = OtherLabel
			}
			s = v.series[at]
		}
		if s == nil {
			s = &series{buckets: make([]uint64, len(v.bounds))}
			v.series[at] = s
		}
	}
	s.sum += value
	s.count++
	if i, _ := slices.BinarySearch(v.bounds, value); i < len(s.buckets) {
		s.buckets[i]++
	}
}

func (v *vector) write(b *bufio.Writer) {
	v.mu.Lock()
	defer v.mu.Unlock()
	kind := "counter"
	if v.bounds != nil {
		kind = "histogram"
	}
	head(b, v.name, v.help, kind)
	keys := make([]key, 0, len(v.series))
	for at := range v.series {
		keys = append(keys, at)
	}
	slices.SortFunc(keys, func(x, y key) int { return slices.Compare(x[:], y[:]) })
	for _, at := range keys {
		s := v.series[at]
		if v.bounds == nil {
			line(b, v.name, v.labels, at, "", s.sum)
			continue
		}
		below := uint64(0)
		for i, bound := range v.bounds {
			below += s.buckets[i]
			line(b, v.name+"_bucket", v.labels, at, number(bound), float64(below))
		}
		line(b, v.name+"_bucket", v.labels, at, "+Inf", float64(s.count))
		line(b, v.name+"_sum", v.labels, at, "", s.sum)
		line(b, v.name+"_count", v.labels, at, "", float64(s.count))
	}
}

func head(b *bufio.Writer, name, help, kind string) {
	_, _ = b.WriteString("# HELP " + name + " " + help + "\n# TYPE " + name + " " + kind + "\n")
}

// escaped writes the value of a label.
var escaped = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// line writes a sample. le is the bound of a bucket, or empty.
func line(b *bufio.Writer, name string, labels []string, at key, le string, value float64) {
	_, _ = b.WriteString(name)
	between := "{"
	for i, label := range labels {
		_, _ = b.WriteString(between + label + `="` + escaped.Replace(strings.ToValidUTF8(at[i], "\uFFFD")) + `"`)
		between = ","
	}
	if le != "" {
		_, _ = b.WriteString(between + `le="` + le + `"`)
		between = ","
	}
	if between == "," {
		_ = b.WriteByte('}')
	}
	_, _ = b.WriteString(" " + number(value) + "\n")
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
