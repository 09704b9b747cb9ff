package app_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/telemetry/telemetrytest"
	"github.com/chainwright/chainwright/transport/app"
)

// peer is a server that tests call, with the trace contexts that have reached it.
type peer struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	p := &peer{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.seen = append(p.seen, r.Header.Get("Traceparent"))
		first := len(p.seen) == 1
		p.mu.Unlock()
		if first && r.URL.Path == "/flaky" {
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, `{"secret-result": 1}`)
	}))
	t.Cleanup(p.Close)
	return p
}

// parents returns the spans that were passed on, as links name them.
func (p *peer) parents() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []string
	for _, each := range p.seen {
		list = append(list, strings.TrimSuffix(strings.TrimPrefix(each, "00-"), "-01"))
	}
	return list
}

// traced returns a server that sends its traces to a collector, and may call the peer.
func traced(t *testing.T, collector *telemetrytest.Collector, p *peer) *app.App {
	t.Helper()
	host := strings.TrimPrefix(p.URL, "http://")
	server, err := app.New(t.Context(), app.WithStore("memory"), app.WithTelemetry(app.Telemetry{Traces: true, Endpoint: collector.URL}),
		app.WithPolicy(policy.Config{Audit: policy.Audit{Off: true}, Network: policy.Network{Allow: []string{host}}}))
	if err != nil {
		t.Fatal(err)
	}
	return server
}

const (
	callersTrace = "0af7651916cd43dd8448eb211c80319c"
	callersSpan  = "b7ad6b7169203331"
	aroundTrace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	aroundSpan   = "00f067aa0ba902b7"
)

// ask sends a request to a server, as a message of 2026-07-28 in an HTTP request that has
// a trace context of its own, and returns the reply.
func ask(t *testing.T, server *app.App, method, name, params string) string {
	t.Helper()
	meta := `"_meta":{"traceparent":"00-` + callersTrace + `-` + callersSpan + `-01","io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
		`"io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"test","version":"1"}}`
	if params != "" {
		params += ","
	}
	body := `{"jsonrpc":"2.0","id":"request-7","method":"` + method + `","params":{` + params + meta + `}}`
	r := httptest.NewRequest(http.MethodPost, "http://localhost/mcp", strings.NewReader(body))
	for key, value := range map[string]string{
		"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2026-07-28",
		"Mcp-Method": method, "Mcp-Name": name, "Traceparent": "00-" + aroundTrace + "-" + aroundSpan + "-01",
	} {
		if value != "" {
			r.Header.Set(key, value)
		}
	}
	w := httptest.NewRecorder()
	server.Handler().ServeHTTP(w, r)
	return w.Body.String()
}

// A call's span is a child of the caller's, a run is a trace of its own that links to
// the call, tasks are its children, and the server that a task calls sees the task's
// span. Nothing of arguments and results is in the spans.
func TestTraceOfARun(t *testing.T) {
	t.Parallel()
	collector, p := telemetrytest.New(t), newPeer(t)
	server := traced(t, collector, p)
	tree := `{"tasks":[
		{"id":"get","schemas":{"method":"rest_executor"},"inputs":{"url":"` + p.URL + `/flaky?secret-argument=1"}},
		{"id":"each","schemas":{"method":"rest_executor"},"for_each":[1,2],"inputs":{"url":"` + p.URL + `/each"},"dependencies":["get"]},
		{"id":"wrong","schemas":{"method":"rest_executor"},"inputs":{"url":"http://192.0.2.1/"},"dependencies":["each"]}]}`
	reply := ask(t, server, "tools/call", "run_task_tree", `"name":"run_task_tree","arguments":`+tree)
	if !strings.Contains(reply, `"status":"failed"`) {
		t.Errorf("the run has not failed: %s", reply)
	}
	ask(t, server, "tools/list", "", "")
	ask(t, server, "tools/call", "rest_executor", `"name":"rest_executor","arguments":{"url":"`+p.URL+`/direct"}`)
	ask(t, server, "tools/call", "secret-name", `"name":"secret-name","arguments":{}`)
	if err := server.Close(context.Background()); err != nil {
		t.Error(err)
	}

	all := collector.Spans()
	if found := collector.Services(); !slices.Equal(found, []string{"chainwright"}) {
		t.Errorf("services %v", found)
	}
	run := collector.Named(t, "invoke_workflow")
	call := collector.One(t, "the call", func(s *telemetrytest.Span) bool { return slices.Contains(run.Links, s.Own()) })
	if call.Name != "tools/call run_task_tree" || call.Trace != callersTrace || call.Parent != callersSpan || call.Kind != "server" || !slices.Equal(call.Links, []string{aroundTrace + "-" + aroundSpan}) ||
		call.Attributes["mcp.method.name"] != "tools/call" || call.Attributes["network.transport"] != "tcp" || call.Attributes["gen_ai.tool.name"] != "run_task_tree" ||
		call.Attributes["gen_ai.operation.name"] != "execute_tool" || call.Attributes["mcp.protocol.version"] != "2026-07-28" ||
		call.Attributes["jsonrpc.request.id"] != "request-7" {
		t.Errorf("the call: %+v", call)
	}
	if !call.Failed || call.Attributes["error.type"] != "tool_error" {
		t.Errorf("the call of a run that failed: %+v", call)
	}
	if run.Trace == callersTrace || run.Parent != "" || !slices.Equal(run.Links, []string{call.Own()}) || !run.Failed ||
		run.Attributes["chainwright.run.status"] != "failed" {
		t.Errorf("the run: %+v", run)
	}
	task := func(id string) []telemetrytest.Span {
		return slices.DeleteFunc(slices.Clone(all), func(s telemetrytest.Span) bool {
			return s.Attributes["chainwright.task.id"] != id || s.Parent != run.ID
		})
	}
	get, each, wrong := task("get"), task("each"), task("wrong")
	if len(get) != 1 || len(each) != 2 || len(wrong) != 1 {
		t.Fatalf("tasks: %d, %d, %d\n%s", len(get), len(each), len(wrong), telemetrytest.Tree(all))
	}
	if !slices.Equal(get[0].Events, []string{"attempt failed"}) || get[0].Attributes["chainwright.attempts"] != "2" || get[0].Failed {
		t.Errorf("the task that was tried twice: %+v", get[0])
	}
	if !wrong[0].Failed || wrong[0].Attributes["error.type"] != "permission_denied" {
		t.Errorf("the task that failed: %+v", wrong[0])
	}
	direct := collector.One(t, "the direct call", func(s *telemetrytest.Span) bool {
		return s.Name == "execute_tool rest_executor" && s.Trace == callersTrace
	})
	if server := collector.Named(t, "tools/call rest_executor"); direct.Parent != server.ID {
		t.Errorf("the direct call: %+v", direct)
	}
	seen := p.parents()
	slices.Sort(seen)
	want := []string{get[0].Own(), get[0].Own(), each[0].Own(), each[1].Own(), direct.Own()}
	slices.Sort(want)
	if !slices.Equal(seen, want) {
		t.Errorf("the peer saw\n%q, not\n%q", seen, want)
	}
	if list := collector.Named(t, "tools/list"); list.Parent != callersSpan || list.Failed {
		t.Errorf("the list: %+v", list)
	}
	unknown := collector.Named(t, "tools/call")
	if !unknown.Failed || unknown.Attributes["error.type"] != "-32602" {
		t.Errorf("the call of no tool: %+v", unknown)
	}
	if text := fmt.Sprintf("%+v", all); strings.Contains(text, "secret-") || strings.Contains(text, p.URL) {
		t.Errorf("spans have arguments or results:\n%s", text)
	}
}

// Without telemetry a request passes no trace context on.
func TestNothingIsTracedWhenOff(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	host := strings.TrimPrefix(p.URL, "http://")
	server := open(t, app.WithStore("memory"), app.WithPolicy(policy.Config{Audit: policy.Audit{Off: true}, Network: policy.Network{Allow: []string{host}}}))
	ask(t, server, "tools/call", "rest_executor", `"name":"rest_executor","arguments":{"url":"`+p.URL+`/direct"}`)
	if seen := p.parents(); !slices.Equal(seen, []string{""}) {
		t.Errorf("the peer saw %q", seen)
	}
}

// A collector that hangs or is away slows no call, and does not keep the server from
// stopping. What is lost is logged once.
func TestCollectorsThatDoNotAnswer(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(release) })
	for name, endpoint := range map[string]string{"hangs": hanging.URL, "is away": "http://127.0.0.1:1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t)
			server := traced(t, &telemetrytest.Collector{URL: endpoint}, p)
			for range 3000 { // more than the queue holds
				ask(t, server, "ping", "", "")
			}
			if err := server.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Variables turn traces on, and what they ask for that this program can't do is said.
func TestTelemetryFromEnv(t *testing.T) {
	t.Parallel()
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT=http://x"
	for given, want := range map[string]string{
		"":       "off",
		endpoint: "on",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://x":                                                   "on",
		"OTEL_TRACES_EXPORTER=otlp":                                                                     "on",
		endpoint + " OTEL_TRACES_EXPORTER=none":                                                         "off",
		endpoint + " OTEL_SDK_DISABLED=true":                                                            "off",
		endpoint + " OTEL_SDK_DISABLED=True":                                                            "off",
		"OTEL_TRACES_EXPORTER=console":                                                                  "allowed are otlp and none",
		endpoint + " OTEL_EXPORTER_OTLP_PROTOCOL=grpc":                                                  "OTEL_EXPORTER_OTLP_PROTOCOL is \"grpc\"",
		endpoint + " OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc":                                           "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
		endpoint + " OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf": "on",
		"OTEL_EXPORTER_OTLP_PROTOCOL=grpc":                                                              "off",
	} {
		env := map[string]string{}
		for _, each := range strings.Fields(given) {
			key, value, _ := strings.Cut(each, "=")
			env[key] = value
		}
		got, err := app.TelemetryFromEnv(func(name string) string { return env[name] })
		said := "off"
		switch {
		case err != nil:
			said = err.Error()
		case got.Traces:
			said = "on"
		}
		if !strings.Contains(said, want) || err != nil && got.Traces {
			t.Errorf("%s: %s, not %s", given, said, want)
		}
	}
}
