package toolcall

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
	"github.com/chainwright/chainwright/transport/jsonrpc"
)

// Given a call about which a person has to be asked, the short way and the
// library put the same question, and each takes the other's state back.
func TestBothWaysAsk(t *testing.T) {
	t.Parallel()
	wiper := toolstest.NewWiper()
	stack, err := toolstest.New(toolstest.WithPolicy(policy.Config{Confirm: policy.ConfirmDestructive}), toolstest.WithExecutors(wiper))
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
	for _, capabilities := range []string{`{"elicitation":{}}`, `{"elicitation":{"form":{},"url":{}},"sampling":{}}`, `{}`, `{"elicitation":{"url":{}}}`} {
		meta := strings.Replace(modern, `Capabilities":{}`, `Capabilities":`+capabilities, 1)
		raw := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"test_wipe","arguments":{"what":"<\u00e9>"},` + meta + `}}`
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
			t.Fatal("it was not answered")
		}
		theirs, err := json.Marshal(srv.HandleMessage(t.Context(), json.RawMessage(raw)))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(ours), "input_required") {
			if a, b := comparable(t, ours), comparable(t, theirs); !reflect.DeepEqual(a, b) || !strings.Contains(string(ours), `"isError":true`) {
				t.Errorf("%s\nours   %v\ntheirs %v", capabilities, a, b)
			}
			continue
		}
		a, first := withoutState(t, ours)
		b, second := withoutState(t, theirs)
		if !reflect.DeepEqual(a, b) || first == "" || first == second {
			t.Errorf("%s\nours   %s\ntheirs %s", capabilities, ours, theirs)
		}
		before := len(wiper.Wiped())
		for _, state := range []string{first, second} {
			again := strings.Replace(raw, `"_meta"`, `"requestState":"`+state+`","inputResponses":{"confirm":{"action":"accept","content":{}}},"_meta"`, 1)
			reply, err := json.Marshal(srv.HandleMessage(t.Context(), json.RawMessage(again)))
			if err != nil || !strings.Contains(string(reply), `"complete"`) || strings.Contains(string(reply), `"isError"`) {
				t.Errorf("%s, %v", reply, err)
			}
		}
		if n := len(wiper.Wiped()) - before; n != 2 {
			t.Errorf("%d were wiped", n)
		}
	}
}

func withoutState(t *testing.T, raw []byte) (reply map[string]any, state string) {
	t.Helper()
	if err := json.Unmarshal(raw, &reply); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	result := reply["result"].(map[string]any)
	state, _ = result["requestState"].(string)
	delete(result, "requestState")
	return reply, state
}
