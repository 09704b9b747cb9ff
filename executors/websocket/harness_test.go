package websocket

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	ws "github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDefinition(t *testing.T) {
	t.Parallel()
	executortest.Check(t, New())
}

// local is a policy that allows the tests' own servers.
var local = policy.Config{Network: policy.Network{Allow: []string{"127.0.0.1"}}}

// serve opens a WebSocket for each connection and passes it to a function, which
// closes it.
func serve(tb testing.TB, talk func(*ws.Conn, *http.Request)) (address string) {
	tb.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := ws.Accept(w, r, &ws.AcceptOptions{Subprotocols: []string{"second", "third"}, InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer conn.CloseNow()
		talk(conn, r)
	}))
	tb.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

// echo sends each message back.
func echo(conn *ws.Conn, r *http.Request) {
	conn.SetReadLimit(-1)
	for {
		kind, data, err := conn.Read(r.Context())
		if err != nil || conn.Write(r.Context(), kind, data) != nil {
			return
		}
	}
}

// result is the output as a caller decodes it.
type result struct {
	Success             bool
	URL                 string
	MessageSent         any `json:"message_sent"`
	MessagesSent        int `json:"messages_sent"`
	Response            any
	Responses           []any
	Subprotocol, Reason string
	Code                int
}

// call validates the inputs and calls the executor. $URL in the inputs is the
// URL of the server.
func call(tb testing.TB, cfg policy.Config, address, inputs string) (result, *executors.Error) {
	tb.Helper()
	outcome := executortest.Run(tb, New(), strings.ReplaceAll(inputs, "$URL", address), executortest.Policy(tb, cfg))
	return read(tb, outcome)
}

func read(tb testing.TB, outcome executors.Outcome) (got result, failure *executors.Error) {
	tb.Helper()
	if len(outcome.Result) > 0 {
		if err := json.Unmarshal(outcome.Result, &got); err != nil {
			tb.Fatalf("the result: %v", err)
		}
	}
	return got, outcome.Err
}

// soon fails the test if a signal does not arrive in time.
func soon(tb testing.TB, signal <-chan struct{}, what string) {
	tb.Helper()
	select {
	case <-signal:
	case <-time.After(executortest.Patience):
		tb.Fatalf("%s did not come", what)
	}
}
