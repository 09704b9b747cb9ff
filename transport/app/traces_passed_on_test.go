package app_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	ws "github.com/coder/websocket"
	rpc "google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"

	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/telemetry/telemetrytest"
	"github.com/chainwright/chainwright/transport/app"
)

// contexts are the trace contexts that have reached a server.
type contexts struct {
	mu   sync.Mutex
	seen []string
}

func (c *contexts) add(values ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, values...)
}

func (c *contexts) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.seen)
}

// newHealth starts a gRPC server with the standard health service, and keeps the
// trace contexts of its calls.
func newHealth(t *testing.T, seen *contexts) (address string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.NewServer(rpc.UnaryInterceptor(func(ctx context.Context, request any, _ *rpc.UnaryServerInfo, next rpc.UnaryHandler) (any, error) {
		given, _ := metadata.FromIncomingContext(ctx)
		seen.add(given.Get("traceparent")...)
		return next(ctx, request)
	}))
	state := health.NewServer()
	state.SetServingStatus(marker, grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(server, state)
	reflection.Register(server)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		server.Stop()
		<-ended
	})
	return listener.Addr().String()
}

// newEcho starts a WebSocket server that sends messages back, and keeps the trace
// contexts of its handshakes.
func newEcho(t *testing.T, seen *contexts) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.add(r.Header.Values("Traceparent")...)
		conn, err := ws.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		for {
			kind, data, err := conn.Read(r.Context())
			if err != nil || conn.Write(r.Context(), kind, data) != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

// marker is in all arguments, results and messages of the tests of what spans have.
const marker = "marker-7f3a"

// The servers that tasks call over gRPC, WebSocket and MCP see the span of the task. A
// request to a language model has a span of its own, with tokens and without text. No
// argument, result or message of an error is in what is sent to collectors.
func TestTraceIsPassedOn(t *testing.T) {
	t.Parallel()
	collector, others := telemetrytest.New(t), telemetrytest.New(t)
	var calls, handshakes contexts
	grpc, socket, model := newHealth(t, &calls), newEcho(t, &handshakes), llmtest.New(t, llmtest.Text("reply "+marker))
	loopback := policy.Config{Audit: policy.Audit{Off: true}, Network: policy.Network{Allow: []string{"127.0.0.1"}}}

	peer, err := app.New(t.Context(), app.WithStore("memory"), app.WithTelemetry(app.Telemetry{Traces: true, Endpoint: others.URL}), app.WithPolicy(loopback),
		app.WithExecutors(shout))
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(peer.Handler())
	t.Cleanup(site.Close)

	server, err := app.New(t.Context(), app.WithStore("memory"), app.WithTelemetry(app.Telemetry{Traces: true, Endpoint: collector.URL}), app.WithPolicy(loopback))
	if err != nil {
		t.Fatal(err)
	}
	llm.Connect(model.Client(llm.Settings{Provider: llm.OpenAI, Model: "small"}), server.Registry().All()...)
	reply := ask(t, server, "tools/call", "run_task_tree", `"name":"run_task_tree","arguments":{"tasks":[
		{"id":"grpc","schemas":{"method":"grpc_executor"},"inputs":{"server":"`+grpc+`","plaintext":true,"service":"grpc.health.v1.Health","method":"Check","request":{"service":"`+marker+`"}}},
		{"id":"socket","schemas":{"method":"websocket_executor"},"inputs":{"url":"`+socket+`/`+marker+`","message":"`+marker+`"}},
		{"id":"tool","schemas":{"method":"mcp_executor"},"inputs":{"transport":"http","url":"`+site.URL+`/mcp","operation":"call_tool","tool_name":"shout","arguments":{"text":"`+marker+`"}}},
		{"id":"model","schemas":{"method":"llm_executor"},"inputs":{"prompt":"prompt `+marker+`"}},
		{"id":"wrong","schemas":{"method":"rest_executor"},"inputs":{"url":"http://127.0.0.1:1/`+marker+`"}},
		{"id":"bad","schemas":{"method":"rest_executor"},"inputs":{"url":"${{ \"`+marker+`\" | error }}"}}]}`)
	for _, each := range []*app.App{server, peer} {
		if err := each.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}

	task := func(id string) telemetrytest.Span {
		return collector.One(t, "the task "+id, func(s *telemetrytest.Span) bool { return s.Attributes["chainwright.task.id"] == id })
	}
	for id, seen := range map[string]*contexts{"grpc": &calls, "socket": &handshakes} {
		span := task(id)
		if want := "00-" + span.Own() + "-01"; span.Failed || !slices.Equal(seen.all(), []string{want}) {
			t.Errorf("the server of %s saw %q, not %s: %+v\n%s", id, seen.all(), want, span, reply)
		}
	}
	tool, called := task("tool"), others.Named(t, "tools/call shout")
	if tool.Failed || called.Trace != tool.Trace || called.Parent != tool.ID || called.Failed {
		t.Errorf("the task %+v, and the call that it makes: %+v\n%s", tool, called, reply)
	}
	asked, chat := task("model"), collector.Named(t, "chat small")
	if chat.Trace != asked.Trace || chat.Parent != asked.ID || chat.Failed || chat.Kind != "client" ||
		chat.Attributes["gen_ai.operation.name"] != "chat" || chat.Attributes["gen_ai.provider.name"] != "openai" || chat.Attributes["gen_ai.request.model"] != "small" ||
		chat.Attributes["gen_ai.usage.input_tokens"] != "10" || chat.Attributes["gen_ai.usage.output_tokens"] != "5" {
		t.Errorf("the request to the model: %+v\n%s", chat, reply)
	}
	if wrong := task("wrong"); !wrong.Failed || wrong.Attributes["error.type"] == "" {
		t.Errorf("the task that failed: %+v", wrong)
	}
	if !strings.Contains(reply, marker) {
		t.Errorf("the reply has no %s: %s", marker, reply)
	}
	for name, sent := range map[string][]byte{"server": collector.Raw(), "peer": others.Raw()} {
		if at := bytes.Index(bytes.ToLower(sent), []byte(marker)); at >= 0 || len(sent) == 0 {
			t.Errorf("spans of the %s have arguments or results (%d bytes): %q", name, len(sent), sent[max(at-200, 0):at+1])
		}
	}
}

// A plan has a span in the call that asks for it, and the requests to the model are in the
// plan's. A plan that fails has the type of its error, and no text of the model.
func TestSpansOfPlans(t *testing.T) {
	t.Parallel()
	for provider, want := range map[string]struct {
		chats bool
		kind  string
	}{"builtin": {}, "openai": {chats: true, kind: "execution_error"}} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			collector, model := telemetrytest.New(t), llmtest.New(t, llmtest.Text("no tree, but "+marker))
			server, err := app.New(t.Context(), app.WithStore("memory"), app.WithTelemetry(app.Telemetry{Traces: true, Endpoint: collector.URL}),
				app.WithPolicy(policy.Config{Audit: policy.Audit{Off: true}}))
			if err != nil {
				t.Fatal(err)
			}
			llm.Connect(model.Client(llm.Settings{Provider: llm.OpenAI, Model: "small"}), server.Registry().All()...)
			reply := ask(t, server, "tools/call", "task_tree_generator", `"name":"task_tree_generator","arguments":{"llm_provider":"`+provider+`",
				"requirement":"Get https://example.com/`+marker+` and save it as a file"}`)
			if err := server.Close(context.Background()); err != nil {
				t.Error(err)
			}
			plan, call := collector.Named(t, "plan"), collector.Named(t, "execute_tool task_tree_generator")
			if plan.Parent != call.ID || plan.Attributes["gen_ai.operation.name"] != "plan" || plan.Failed != (want.kind != "") || plan.Attributes["error.type"] != want.kind {
				t.Errorf("the plan: %+v\n%s", plan, reply)
			}
			chats := 0
			for _, s := range collector.Spans() {
				if s.Attributes["gen_ai.operation.name"] == "chat" {
					chats++
					if s.Parent != plan.ID {
						t.Errorf("a request that is not in the plan: %+v", s)
					}
				}
			}
			if chats > 0 != want.chats || bytes.Contains(collector.Raw(), []byte(marker)) || !want.chats && !strings.Contains(reply, marker) {
				t.Errorf("%d requests to the model\n%s\n%s", chats, telemetrytest.Tree(collector.Spans()), reply)
			}
		})
	}
}
