package websocket

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	ws "github.com/coder/websocket"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/internal/toxic"
	"github.com/chainwright/chainwright/executors/policy"
)

// TestCloses checks that the close code is returned, and that a close is an error
// if more responses were expected.
func TestCloses(t *testing.T) {
	t.Parallel()
	address := serve(t, func(conn *ws.Conn, r *http.Request) {
		_, data, err := conn.Read(r.Context())
		if err != nil {
			return
		}
		_ = conn.Write(r.Context(), ws.MessageText, []byte("one"))
		code, _ := strconv.Atoi(string(data))
		_ = conn.Close(ws.StatusCode(code), "so it is")
	})
	for _, c := range []struct {
		code, responses int
		kind            executors.ErrorType // "" for success
		retry           bool
	}{
		{code: 1000, responses: 0},
		{code: 1001, responses: 0},
		{code: 1011, responses: 0, kind: executors.ExecutionError, retry: true},
		{code: 1000, responses: 2, kind: executors.ExecutionError},
		{code: 1001, responses: 2, kind: executors.ExecutionError, retry: true},
		{code: 1008, responses: 2, kind: executors.PermissionDenied},
		{code: 1013, responses: 2, kind: executors.ExecutionError, retry: true},
		{code: 3000, responses: 2, kind: executors.AuthenticationError},
		{code: 4999, responses: 2, kind: executors.ExecutionError},
	} {
		got, failure := call(t, local, address, fmt.Sprintf(`{"url": "$URL", "message": %d, "responses": %d}`, c.code, c.responses))
		if got.Code != c.code || got.Reason != "so it is" || len(got.Responses) != 1 || got.Success != (c.kind == "") {
			t.Errorf("%d: got %+v", c.code, got)
		}
		if (failure == nil) != (c.kind == "") {
			t.Errorf("%d: failure = %+v", c.code, failure)
			continue
		}
		if failure != nil && (failure.Type != c.kind || failure.Code != strconv.Itoa(c.code) || failure.Retryable != c.retry || !strings.Contains(failure.Message, "so it is")) {
			t.Errorf("%d: failure = %+v; want %s", c.code, failure, c.kind)
		}
	}
}

func TestFailedHandshakes(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.URL.Path[1:])
		switch status {
		case http.StatusFound:
			w.Header().Set("Location", "http://169.254.169.254/")
		case http.StatusSwitchingProtocols:
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "websocket")
			w.Header().Set("Sec-WebSocket-Accept", "forged")
		}
		w.WriteHeader(status)
		if status != http.StatusSwitchingProtocols {
			_, _ = io.WriteString(w, "said the server")
		}
	}))
	defer server.Close()
	address := "ws" + strings.TrimPrefix(server.URL, "http")
	for status, kind := range map[int]executors.ErrorType{
		200: executors.ExecutionError, 302: executors.ExecutionError, 401: executors.AuthenticationError, 403: executors.PermissionDenied,
		404: executors.NotFound, 500: executors.ExecutionError, 504: executors.TimeoutError,
	} {
		got, failure := call(t, local, address, fmt.Sprintf(`{"url": "$URL/%d?key=secret"}`, status))
		if failure == nil || failure.Type != kind || failure.Code != strconv.Itoa(status) || failure.Retryable != (status == 504) ||
			!strings.Contains(failure.Message, "said the server") || strings.Contains(failure.Message, "secret") || got.URL != "" {
			t.Errorf("%d: %+v, %+v; want %s", status, got, failure, kind)
		}
	}
	_, failure := call(t, local, address, `{"url": "$URL/101"}`)
	if failure == nil || failure.Type != executors.NetworkError || failure.Retryable || !strings.Contains(failure.Message, "Sec-WebSocket-Accept") {
		t.Errorf("a forged handshake: %+v", failure)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	peer := strings.TrimPrefix(serve(t, echo), "ws://")
	toxic.Faults(t, toxic.Peer{
		Address: peer, Executor: "websocket_executor", Answer: "the end", Secret: "key=secret",
		Open: func(tb testing.TB, _ string) *executors.Registry {
			return executortest.Registry(tb, executortest.Policy(tb, local), New())
		},
		Inputs: func(address string) string {
			return fmt.Sprintf(`{"url": "ws://%s/?key=secret", "message": %q}`, address, strings.Repeat("x", 5000)+"the end")
		},
	})
}

// TestEndlessStreams checks that an endless stream is ended and its output limited.
func TestEndlessStreams(t *testing.T) {
	t.Parallel()
	left := make(chan struct{}, 10)
	address := serve(t, func(conn *ws.Conn, r *http.Request) {
		defer func() { left <- struct{}{} }()
		size, _ := strconv.Atoi(r.URL.Query().Get("size"))
		for chunk := []byte(strings.Repeat("\x01", size)); conn.Write(r.Context(), ws.MessageText, chunk) == nil; {
		}
	})
	for _, c := range []struct {
		name, inputs, message string
		kind                  executors.ErrorType
		most                  int
	}{
		{name: "many small ones", inputs: `?size=10", "until": ".never?"`, kind: executors.ExecutionError, message: "none of 1000", most: 1000},
		{name: "large ones", inputs: `?size=500000", "responses": 1000`, kind: executors.ExecutionError, message: "larger than", most: 10},
		{name: "one huge one", inputs: `?size=30000000"`, kind: executors.ExecutionError, message: "larger than", most: 0},
		{name: "what was asked for comes first", inputs: `?size=1000000", "responses": 1`, most: 1},
		{name: "until the time is over", inputs: `?size=0", "responses": 0, "timeout": 0.3`, kind: executors.TimeoutError, message: "timeout", most: 1 << 30},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, failure := call(t, local, address, `{"url": "$URL/`+c.inputs+`}`)
			if failure == nil && c.kind != "" || failure != nil && (failure.Type != c.kind || !strings.Contains(failure.Message, c.message)) {
				t.Errorf("failure = %+v; want %q", failure, c.kind)
			}
			if len(got.Responses) > c.most {
				t.Errorf("%d responses were kept", len(got.Responses))
			}
			soon(t, left, "the end of the connection at the server")
		})
	}
}

func TestNotText(t *testing.T) {
	t.Parallel()
	address := serve(t, func(conn *ws.Conn, r *http.Request) {
		_ = conn.Write(r.Context(), ws.MessageText, []byte("\xff\xfe bytes"))
		_ = conn.Write(r.Context(), ws.MessageText, []byte(`{"deep": `+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`}`))
		_, _, _ = conn.Read(r.Context())
	})
	got, failure := call(t, local, address, `{"url": "$URL", "responses": 2}`)
	if failure != nil || got.Responses[0] != "\uFFFD bytes" || !strings.HasPrefix(got.Responses[1].(string), `{"deep": [[`) {
		t.Errorf("%+v, %+v", got, failure)
	}
}

func TestSecretsInErrors(t *testing.T) {
	t.Parallel()
	address := serve(t, func(conn *ws.Conn, r *http.Request) {
		_ = conn.Write(r.Context(), ws.MessageText, []byte(r.Header.Get("Authorization")))
		_, data, _ := conn.Read(r.Context())
		_ = conn.Write(r.Context(), ws.MessageBinary, data)
		_ = conn.Close(4000, string(data))
	})
	cfg := local
	cfg.Secrets = map[string]policy.Secret{"TOKEN": {Env: "TOKEN", Hosts: []string{strings.TrimPrefix(address, "ws://")}}}
	pol, err := policy.New(cfg, policy.WithEnvironment(func(string) (string, bool) { return "tok-en-123456", true }))
	if err != nil {
		t.Fatal(err)
	}
	defer pol.Close()
	outcome := executortest.Run(t, New(), fmt.Sprintf(`{"url": %q, "responses": 3, "message": "${{ secrets.TOKEN }}", "headers": {"Authorization": "${{ secrets.TOKEN }}"}}`, address), pol)
	if outcome.Err == nil || outcome.Err.Code != "4000" || len(outcome.Result) == 0 {
		t.Fatalf("%s, %+v", outcome.Result, outcome.Err)
	}
	for _, text := range []string{string(outcome.Result), outcome.Err.Message} {
		if strings.Contains(text, "tok-en-123456") || strings.Contains(text, "dG9rLWVuLTEyMzQ1Ng") || !strings.Contains(text, "[secret]") {
			t.Errorf("the secret is in %s", text)
		}
	}
}

func TestCancelReachesTheSocket(t *testing.T) {
	t.Parallel()
	arrived, left := make(chan struct{}), make(chan struct{})
	address := serve(t, func(conn *ws.Conn, r *http.Request) {
		close(arrived)
		_, _, _ = conn.Read(context.Background())
		close(left)
	})
	registry := executortest.Registry(t, executortest.Policy(t, local), New())
	executortest.Cancelled(t, registry, "websocket_executor", fmt.Sprintf(`{"url": %q}`, address), arrived)
	soon(t, left, "the end of the connection at the server")
}
