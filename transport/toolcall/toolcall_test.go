package toolcall

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
	"github.com/chainwright/chainwright/transport/jsonrpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const modern = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"}}`

// Given calls of all kinds, the short way and the library give the same
// reply.
func TestBothWaysAgree(t *testing.T) {
	t.Parallel()
	stack, err := toolstest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	srv := tools.NewServer(stack.Set, tools.ServerOptions{})
	short := New(stack.Set, srv)
	for _, params := range []string{
		`{"name":"test_echo","arguments":{"text":"<x> & \u00e9 \" \\ \u2028"}}`,
		`{"name":"test_echo","arguments":{"text":"x"},"_meta":{"progressToken":"p"}}`,
		`{"name":"test_echo","arguments":{"text":"x"},` + modern + `}`,
		`{"name":"test_echo"}`,
		`{"name":"test_echo","arguments":null}`,
		`{"name":"test_echo","arguments":[1]}`,
		`{"name":"test_fail","arguments":{"how":"with_output"}}`,
		`{"name":"test_fail","arguments":{"how":"panic"},` + modern + `}`,
		`{"name":"test_big","arguments":{"bytes":100000}}`,
		`{"name":"list_runs","arguments":{"limit":1}}`,
	} {
		for _, id := range []string{"1", `"a b"`} {
			raw := `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":` + params + `}`
			messages, _, parseErr := jsonrpc.Parse([]byte(raw))
			if parseErr != nil {
				t.Fatal(parseErr)
			}
			call, plain := Parse(&messages[0])
			if !plain {
				t.Fatalf("%s is not plain", raw)
			}
			ours, ok := short.Answer(t.Context(), &call)
			if !ok {
				t.Fatalf("%s was not answered", raw)
			}
			theirs, err := json.Marshal(srv.HandleMessage(t.Context(), json.RawMessage(raw)))
			if err != nil {
				t.Fatal(err)
			}
			if a, b := comparable(t, ours), comparable(t, theirs); !reflect.DeepEqual(a, b) {
				t.Errorf("%s\nours   %v\ntheirs %v", params, a, b)
			}
		}
	}
}

// comparable is a reply without what differs from call to call.
func comparable(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	var reply map[string]any
	if err := json.Unmarshal(raw, &reply); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	result, ok := reply["result"].(map[string]any)
	if !ok {
		t.Fatalf("no result in %s", raw)
	}
	content := result["content"].([]any)[0].(map[string]any)
	var text any
	if err := json.Unmarshal([]byte(content["text"].(string)), &text); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(text, result["structuredContent"]) {
		t.Errorf("the text is %v, and the structured content %v", text, result["structuredContent"])
	}
	delete(content, "text")
	structured := result["structuredContent"].(map[string]any)
	for _, name := range []string{"duration_ms", "run_id", "next", "result"} {
		if name != "result" || strings.Contains(string(raw), "next_cursor") {
			delete(structured, name)
		}
	}
	return reply
}

// Given messages that are not plain calls, they are left to the library.
func TestNotPlain(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{
		"another method":     `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"name":"a"}}`,
		"a notification":     `{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a"}}`,
		"no name":            `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{}}}`,
		"a number for one":   `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}`,
		"a task":             `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","task":{}}}`,
		"a further round":    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","requestState":"s"}}`,
		"a name in capitals": `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Arguments":{}}}`,
		"another revision":   `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","_meta":{"io.modelcontextprotocol/protocolVersion":"2027-01-01","io.modelcontextprotocol/clientCapabilities":{}}}}`,
		"no capabilities":    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`,
		"no version":         `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","_meta":{"io.modelcontextprotocol/clientCapabilities":{}}}}`,
		"something new":      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","_meta":{"io.modelcontextprotocol/related-task":{}}}}`,
	} {
		messages, _, err := jsonrpc.Parse([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		if call, plain := Parse(&messages[0]); plain {
			t.Errorf("%s: %+v", name, call)
		}
	}
}

// Given the same request id in two sessions, a cancel reaches its own.
func TestRunning(t *testing.T) {
	t.Parallel()
	var running Running
	cancel := func(scope string) {
		messages, _, err := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"reason":"x","requestId":1}}`))
		if err != nil {
			t.Fatal(err)
		}
		running.Cancel(scope, &messages[0])
	}
	mine, endMine := running.Begin(t.Context(), "a", json.RawMessage("1"))
	yours, endYours := running.Begin(t.Context(), "b", json.RawMessage("1"))
	defer endYours()
	cancel("")
	cancel("c")
	if mine.Err() != nil || yours.Err() != nil {
		t.Error("a stranger's cancel ended a call")
	}
	cancel("a")
	if mine.Err() == nil || yours.Err() != nil {
		t.Error("the cancel did not reach its own call only")
	}
	again, endAgain := running.Begin(context.Background(), "a", json.RawMessage("1"))
	endMine()
	cancel("a")
	if again.Err() == nil {
		t.Error("the end of an earlier call with the id took the later one's place")
	}
	endAgain()
	if len(running.calls) != 1 {
		t.Errorf("%d are noted", len(running.calls))
	}
}
