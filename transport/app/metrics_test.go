package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/telemetry"
	"github.com/chainwright/chainwright/transport/app"
)

// counted returns a server with metrics that may call the peer.
func counted(t *testing.T, p *peer, more ...app.Option) *app.App {
	t.Helper()
	host := strings.TrimPrefix(p.URL, "http://")
	return open(t, append([]app.Option{app.WithStore("memory"), app.WithTelemetry(app.Telemetry{Metrics: true}),
		app.WithPolicy(policy.Config{Audit: policy.Audit{Off: true}, Network: policy.Network{Allow: []string{host}}})}, more...)...)
}

// scrape reads /metrics with a token, which may be empty.
func scrape(t *testing.T, server *app.App, token string) (status int, text string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "http://localhost/metrics", nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	server.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// work has a server make calls and run trees.
func work(t *testing.T, server *app.App, p *peer) {
	t.Helper()
	ask(t, server, "tools/call", "rest_executor", `"name":"rest_executor","arguments":{"url":"`+p.URL+`/direct"}`)
	ask(t, server, "tools/call", "run_task_tree", `"name":"run_task_tree","arguments":{"tasks":[
		{"id":"get","schemas":{"method":"rest_executor"},"inputs":{"url":"`+p.URL+`/"}},
		{"id":"wrong","schemas":{"method":"rest_executor"},"inputs":{"url":"http://192.0.2.1/"}}]}`)
	ask(t, server, "tools/list", "", "")
	for i := range 1000 { // names that are not this server's make no labels
		name := fmt.Sprintf("no_such_%d", i)
		ask(t, server, "tools/call", name, `"name":"`+name+`","arguments":{}`)
		ask(t, server, "no/such/"+name, "", "")
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	server := counted(t, p)
	work(t, server, p)
	status, text := scrape(t, server, "")
	if status != http.StatusOK {
		t.Fatalf("%d: %s", status, text)
	}
	for _, want := range []string{
		`mcp_server_operation_duration_seconds_count{mcp_method_name="tools/call",gen_ai_tool_name="rest_executor",error_type=""} 1`,
		`mcp_server_operation_duration_seconds_count{mcp_method_name="tools/call",gen_ai_tool_name="run_task_tree",error_type="tool_error"} 1`,
		`mcp_server_operation_duration_seconds_count{mcp_method_name="tools/call",gen_ai_tool_name="",error_type="-32602"} 1000`,
		`mcp_server_operation_duration_seconds_count{mcp_method_name="tools/list",gen_ai_tool_name="",error_type=""} 1`,
		`mcp_server_operation_duration_seconds_count{mcp_method_name="_OTHER",gen_ai_tool_name="",error_type="-32601"} 1000`,
		`chainwright_task_duration_seconds_count{chainwright_executor="rest_executor",chainwright_outcome="completed"} 2`,
		`chainwright_task_duration_seconds_count{chainwright_executor="rest_executor",chainwright_outcome="failed"} 1`,
		`chainwright_runs_ended_total{chainwright_run_status="failed"} 1`,
		"chainwright_runs_adopted_total 0", "chainwright_runs_in_progress 0", "chainwright_executor_calls_in_progress 0",
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("there is no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "no_such") || strings.Contains(text, p.URL) {
		t.Error("names of callers are labels")
	}
}

// Metrics are there only if they are turned on, and only for tokens whose scopes allow it.
func TestMetricsNeedTheScope(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	token := func(name string) string { return strings.Repeat(name, 32) }
	tokens := app.WithHTTP(app.HTTP{Tokens: []app.Token{
		{Name: "all", Value: token("a")}, {Name: "scraper", Value: token("b"), Scopes: []string{"metrics"}}, {Name: "other", Value: token("c"), Scopes: []string{"tools:call"}},
	}})
	server := counted(t, p, tokens)
	for given, want := range map[string]int{"": http.StatusUnauthorized, "wrong": http.StatusUnauthorized, token("a"): http.StatusOK, token("b"): http.StatusOK, token("c"): http.StatusForbidden} {
		if status, text := scrape(t, server, given); status != want {
			t.Errorf("with %q: %d, not %d: %s", given, status, want, text)
		}
	}
	if status, _ := scrape(t, open(t, unrecorded...), ""); status != http.StatusNotFound {
		t.Errorf("metrics that are off: %d", status)
	}
}

// promtool finds nothing wrong with what a server writes.
func TestPromtool(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skipf("promtool is not installed (Debian's package prometheus, 94 MB); make test-metrics installs it: %v", err)
	}
	p := newPeer(t)
	server := counted(t, p)
	work(t, server, p)
	_, text := scrape(t, server, "")
	cmd := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// The dashboard reads metrics and labels that exist, and each metric is on it.
func TestDashboard(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join("..", "..", "docs", "deploy", "grafana-dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(raw, &board); err != nil || len(board.Panels) == 0 {
		t.Fatalf("%v, %d panels", err, len(board.Panels))
	}
	metrics := telemetry.NewMetrics()
	full := telemetry.New(nil, metrics)
	full.Request("tools/call", "x", "", 1)
	full.Task("x", "completed", 1)
	full.RunEnded("completed")
	full.Model("openai", "x\"\\\n", "", telemetry.Usage{Input: 1, Output: 1, Dollars: 1}, 1)
	w := httptest.NewRecorder()
	metrics.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	_, gauges := scrape(t, counted(t, newPeer(t)), "")
	text := w.Body.String() + gauges
	known := map[string]bool{"le": true, "instance": true}
	for _, each := range regexp.MustCompile(`(?m)^([a-z_]+)[ {]`).FindAllStringSubmatch(text, -1) {
		known[each[1]] = true
	}
	for _, each := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(text, -1) {
		known[each[1]] = true
	}
	all := ""
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			all += target.Expr + "\n"
			for _, name := range regexp.MustCompile(`\b(?:[a-z]+_)+[a-z]+\b`).FindAllString(target.Expr, -1) {
				if !known[name] && name != "histogram_quantile" && !strings.HasPrefix(name, "__") && name != "rate_interval" && name != "__rate_interval" {
					t.Errorf("%s reads %s, which does not exist", panel.Title, name)
				}
			}
		}
	}
	for _, each := range regexp.MustCompile(`(?m)^# TYPE (\S+) `).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(all, each[1]) {
			t.Errorf("no panel shows %s", each[1])
		}
	}
	guide, err := os.ReadFile(filepath.Join("..", "..", "docs", "telemetry.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range regexp.MustCompile(`(?m)^# TYPE (\S+) `).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(string(guide), "`"+each[1]+"`") {
			t.Errorf("docs/telemetry.md does not tell of %s", each[1])
		}
	}
}

// The number of series has a bound, whatever callers send.
func TestSeriesAreBounded(t *testing.T) {
	t.Parallel()
	metrics := telemetry.NewMetrics()
	full := telemetry.New(nil, metrics)
	for i := range 10_000 {
		full.Model("openai", fmt.Sprintf("model-%d", i), "", telemetry.Usage{Dollars: 1}, 1)
	}
	w := httptest.NewRecorder()
	metrics.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if n := strings.Count(w.Body.String(), "chainwright_model_cost_dollars_total{"); n > 500 {
		t.Errorf("%d series", n)
	}
	if want := `{gen_ai_provider_name="_other",gen_ai_request_model="_other"} 9600`; !strings.Contains(w.Body.String(), want) {
		t.Errorf("no %s", want)
	}
}

// benchmarked calls a tool again and again.
func benchmarked(b *testing.B, t app.Telemetry) {
	b.Helper()
	server, err := app.New(b.Context(), append(append([]app.Option{}, unrecorded...), app.WithExecutors(shout), app.WithTelemetry(t))...)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = server.Close(context.Background()) }()
	handler := server.Handler()
	const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"shout","arguments":{"text":"x"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "http://localhost/mcp", strings.NewReader(body))
		for key, value := range map[string]string{"Content-Type": "application/json", "Accept": "application/json", "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "shout"} {
			r.Header.Set(key, value)
		}
		w := httptest.NewRecorder()
		if handler.ServeHTTP(w, r); w.Code != http.StatusOK {
			b.Fatal(w.Body.String())
		}
	}
}

func BenchmarkCallTelemetryOff(b *testing.B)     { benchmarked(b, app.Telemetry{}) }
func BenchmarkCallTelemetryMetrics(b *testing.B) { benchmarked(b, app.Telemetry{Metrics: true}) }

func BenchmarkCallTelemetryTraces(b *testing.B) {
	sink := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer sink.Close()
	benchmarked(b, app.Telemetry{Traces: true, Endpoint: sink.URL})
}

// An address for metrics serves metrics to everyone and nothing else, and MCP's address
// does not serve them then. It is free again when the server has stopped.
func TestMetricsAddress(t *testing.T) {
	t.Parallel()
	addr := freeAddress(t)
	links := make(chan string, 1)
	server := open(t, append(slices.Clone(unrecorded), app.WithTelemetry(app.Telemetry{MetricsAddr: addr}), app.WithHTTP(app.HTTP{Token: strings.Repeat("t", 32)}),
		app.WithListening(func(url string) { links <- url }))...)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, "127.0.0.1:0") }()
	var main string
	select {
	case main = <-links:
	case err := <-ended:
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, each := range []struct {
		method, url string
		status      int
	}{
		{http.MethodGet, "http://" + addr + "/metrics", http.StatusOK},
		{http.MethodHead, "http://" + addr + "/metrics", http.StatusOK},
		{http.MethodPost, "http://" + addr + "/metrics", http.StatusMethodNotAllowed},
		{http.MethodGet, "http://" + addr + "/", http.StatusNotFound},
		{http.MethodPost, "http://" + addr + "/mcp", http.StatusNotFound},
		{http.MethodGet, "http://" + addr + "/api/session", http.StatusNotFound},
		{http.MethodGet, "http://" + addr + "/debug/pprof/", http.StatusNotFound},
		{http.MethodGet, strings.TrimSuffix(main, "/") + "/metrics", http.StatusNotFound},
	} {
		r, err := http.NewRequestWithContext(t.Context(), each.method, each.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+strings.Repeat("t", 32))
		if strings.Contains(each.url, addr) {
			r.Header.Del("Authorization")
		}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != each.status || each.status == http.StatusOK && each.method == http.MethodGet && !strings.Contains(string(text), "chainwright_runs_in_progress 0\n") {
			t.Errorf("%s %s: %s, not %d; %v\n%s", each.method, each.url, res.Status, each.status, err, text)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatalf("the address is not free again: %v", err)
	}
	_ = listener.Close()
}

// A server that can't have its address for metrics does not start, and says why.
func TestMetricsAddressInUse(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.Addr().String()
	err = open(t, append(slices.Clone(unrecorded), app.WithTelemetry(app.Telemetry{MetricsAddr: addr}))...).Serve(t.Context(), "127.0.0.1:0")
	if err == nil || !strings.Contains(err.Error(), addr+" for metrics") {
		t.Errorf("%v", err)
	}
}

// freeAddress returns an address at which nothing listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
