package mcp

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func stack(t *testing.T, opts ...toolstest.Option) *toolstest.Stack {
	t.Helper()
	return closing(t)(toolstest.New(opts...))
}

// set builds the tools of the built-in executors, without the test's own.
func set(t *testing.T, cfg policy.Config, change func(*tools.Options)) *tools.Set {
	t.Helper()
	return closing(t)(toolstest.Everything(cfg, change)).Set
}

func closing(t *testing.T) func(*toolstest.Stack, error) *toolstest.Stack {
	return func(made *toolstest.Stack, err error) *toolstest.Stack {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := made.Close(); err != nil {
				t.Error(err)
			}
		})
		return made
	}
}

// opened opens every built-in executor.
func opened(t *testing.T) policy.Config {
	t.Helper()
	cfg, err := toolstest.Opened(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func message(t *testing.T, raw string) *jsonrpc.Message {
	t.Helper()
	messages, _, err := jsonrpc.Parse([]byte(raw))
	if err != nil || messages[0].Err != nil {
		t.Fatalf("%v %v in %s", err, messages, raw)
	}
	return &messages[0]
}

const modern = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`

// ask sends one request of the newest revision and returns the result.
func ask(t *testing.T, srv *Server, method, params string) json.RawMessage {
	t.Helper()
	if params = strings.TrimSuffix(strings.TrimPrefix(params, "{"), "}"); params != "" {
		params += ","
	}
	raw := srv.Handle(context.WithoutCancel(t.Context()), message(t, `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{`+params+modern+`}}`), nil)
	var reply struct{ Result, Error json.RawMessage }
	if err := json.Unmarshal(raw, &reply); err != nil {
		t.Fatal(err)
	}
	if reply.Error != nil {
		t.Fatalf("%s %s: %s", method, params, reply.Error)
	}
	return reply.Result
}

func unmarshal(t *testing.T, raw json.RawMessage, into any) {
	t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
}

// run runs a tree and returns the run's id.
func run(t *testing.T, set *tools.Set, tasks string) string {
	t.Helper()
	pending, _ := set.Prepare(t.Context(), tools.RunTaskTree, &tools.Request{Arguments: json.RawMessage(`{"tasks":` + tasks + `}`)})
	res := pending.Start(t.Context())
	if res.RunID == "" {
		t.Fatalf("got %+v", res)
	}
	return res.RunID
}
