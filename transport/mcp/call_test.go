package mcp

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools/toolstest"
)

func callOf(params string) string {
	return `{"jsonrpc":"2.0","id":"a b","method":"tools/call","params":` + params + `}`
}

// reply is a decoded reply to tools/call.
type reply struct {
	ID     string
	Result struct {
		Content    []struct{ Type, Text string }
		Structured json.RawMessage            `json:"structuredContent"`
		IsError    bool                       `json:"isError"`
		Type       string                     `json:"resultType"`
		State      string                     `json:"requestState"`
		Requests   map[string]json.RawMessage `json:"inputRequests"`
		Meta       map[string]any             `json:"_meta"`
	}
	Error *struct {
		Code    int
		Message string
		Data    struct {
			Supported []string
			Requested string
		}
	}
}

func answer(t *testing.T, srv *Server, raw string) (r reply) {
	t.Helper()
	unmarshal(t, srv.Handle(t.Context(), message(t, raw), nil), &r)
	if r.ID != "a b" {
		t.Errorf("the id is %q", r.ID)
	}
	return r
}

// For calls of all kinds, in revisions with a handshake and in the newest, the
// text of each reply is its structured content. The newest revision also has
// the name of the server.
func TestReplies(t *testing.T) {
	t.Parallel()
	srv := New(stack(t).Set, Options{Version: "7"})
	for params, status := range map[string]string{
		`"name":"test_echo","arguments":{"text":"<x> & \u00e9 \" \\ \u2028"}`:                      "completed",
		`"name":"test_echo","arguments":{"text":"x"},"task":{"ttl":1},"more":[]`:                   "completed",
		`"name":"test_echo","arguments":{"text":"x"},"requestState":null,"inputResponses":null`:    "completed",
		`"name":"test_echo","arguments":{"text":"x"},"requestState":"unasked","inputResponses":{}`: "completed",
		`"name":"test_echo"`:                                       "failed",
		`"name":"test_echo","arguments":null`:                      "failed",
		`"name":"test_echo","arguments":[1]`:                       "failed",
		`"name":"test_fail","arguments":{"how":"with_output"}`:     "failed",
		`"name":"test_fail","arguments":{"how":"panic"}`:           "failed",
		`"name":"test_big","arguments":{"bytes":100000}`:           "completed",
		`"name":"list_runs","arguments":{"limit":1}`:               "completed",
		`"name":"run_task_tree","arguments":{"tasks":"[not json"}`: "failed",
	} {
		for _, newest := range []bool{false, true} {
			with := params
			if newest {
				with += "," + modern
			}
			r := answer(t, srv, callOf("{"+with+"}"))
			var structured struct{ Status string }
			unmarshal(t, r.Result.Structured, &structured)
			if len(r.Result.Content) != 1 || r.Result.Content[0].Type != "text" || r.Result.Content[0].Text != string(r.Result.Structured) {
				t.Errorf("%s: the text is %+v, and the structured content %s", with, r.Result.Content, r.Result.Structured)
			}
			if structured.Status != status || r.Result.IsError != (status == "failed") {
				t.Errorf("%s gave %+v", with, r)
			}
			if info, _ := r.Result.Meta["io.modelcontextprotocol/serverInfo"].(map[string]any); newest != (r.Result.Type == "complete") || newest != (info["version"] == "7") {
				t.Errorf("%s gave %+v", with, r)
			}
		}
	}
}

// Calls that reach no tool are refused with the SDK's codes, so that clients
// can't distinguish the two.
func TestRefusedCalls(t *testing.T) {
	t.Parallel()
	srv := New(stack(t).Set, Options{})
	const capable = `"io.modelcontextprotocol/clientCapabilities":`
	const version = `"io.modelcontextprotocol/protocolVersion":`
	for name, c := range map[string]struct {
		params string
		code   int
		says   string
		strict bool // the SDK accepts it
	}{
		"no params":            {`{}`, -32602, "not found", false},
		"no name":              {`{"arguments":{}}`, -32602, "not found", false},
		"a name that is null":  {`{"name":null}`, -32602, "not found", false},
		"an unknown tool":      {`{"name":"nothing"}`, -32602, `"nothing" not found`, false},
		"the newest, unknown":  {`{"name":"nothing",` + modern + `}`, -32602, `"nothing" not found`, false},
		"a number as the name": {`{"name":7}`, -32600, "name must be a string", false},
		"a list as _meta":      {`{"name":"test_echo","_meta":[]}`, -32600, "_meta must be an object", false},
		"a task that is none":  {`{"name":"test_echo","task":7}`, -32600, "task must be an object", false},
		"a wrong state":        {`{"name":"test_echo","requestState":7}`, -32600, "requestState must be a string", false},
		"wrong responses":      {`{"name":"test_echo","inputResponses":"x"}`, -32600, "inputResponses must be an object", false},
		"no capabilities":      {`{"name":"test_echo","_meta":{` + version + `"2026-07-28"}}`, -32602, "clientCapabilities", false},
		"wrong capabilities":   {`{"name":"test_echo","_meta":{` + version + `"2026-07-28",` + capable + `[]}}`, -32602, "clientCapabilities", false},
		"wrong within":         {`{"name":"test_echo","_meta":{` + version + `"2026-07-28",` + capable + `{"elicitation":1}}}`, -32602, "clientCapabilities", false},
		"a later revision":     {`{"name":"test_echo","_meta":{` + version + `"2027-01-01",` + capable + `{}}}`, -32022, "unsupported protocol version", false},
		"no revision at all":   {`{"name":"test_echo","_meta":{` + version + `"x",` + capable + `{}}}`, -32022, "unsupported protocol version", false},
		"a key in capitals":    {`{"name":"test_echo","Arguments":{}}`, -32600, `must be written "arguments"`, true},
		"a key of accents":     {`{"name":"test_echo","_META":{}}`, -32600, `must be written "_meta"`, true},
		"a token that is none": {`{"name":"test_echo","_meta":{"progressToken":{}}}`, -32600, "progressToken", true},
	} {
		r := answer(t, srv, callOf(c.params))
		if r.Error == nil || r.Error.Code != c.code || !strings.Contains(r.Error.Message, c.says) {
			t.Errorf("%s gave %+v", name, r)
			continue
		}
		if c.code == -32022 && (len(r.Error.Data.Supported) != 5 || r.Error.Data.Requested == "") {
			t.Errorf("%s gave %+v", name, r)
		}
		if c.strict {
			continue
		}
		var theirs reply
		raw, err := json.Marshal(srv.sdk.HandleMessage(context.WithoutCancel(t.Context()), json.RawMessage(callOf(c.params))))
		if err != nil {
			t.Fatal(err)
		}
		unmarshal(t, raw, &theirs)
		if theirs.Error == nil || theirs.Error.Code != c.code {
			t.Errorf("%s: the SDK gives %s", name, raw)
		}
	}
}

// For a call that requires a confirmation, the newest revision replies with the
// question if the client can show it, and runs the call when the client sends
// the answer.
func TestRounds(t *testing.T) {
	t.Parallel()
	wiper := toolstest.NewWiper()
	srv := New(stack(t, toolstest.WithPolicy(policy.Config{Confirm: policy.ConfirmDestructive}), toolstest.WithExecutors(wiper)).Set, Options{})
	for capabilities, asks := range map[string]bool{
		`{"elicitation":{}}`: true, `{"elicitation":{"form":{},"url":{}},"sampling":{}}`: true,
		`{}`: false, `{"elicitation":{"url":{}}}`: false,
	} {
		first := `{"name":"test_wipe","arguments":{"what":"<\u00e9>"},` + strings.Replace(modern, `Capabilities":{}`, `Capabilities":`+capabilities, 1) + `}`
		r := answer(t, srv, callOf(first))
		if !asks {
			if !r.Result.IsError || !strings.Contains(string(r.Result.Structured), "permission_denied") {
				t.Errorf("%s gave %+v", capabilities, r)
			}
			continue
		}
		var question struct {
			Method string
			Params struct {
				Message string
				Schema  json.RawMessage `json:"requestedSchema"`
			}
		}
		unmarshal(t, r.Result.Requests["confirm"], &question)
		if r.Result.Type != "input_required" || question.Method != "elicitation/create" || !strings.Contains(question.Params.Message, "<é>") || len(question.Params.Schema) == 0 {
			t.Errorf("%s gave %+v", capabilities, r)
		}
		before := len(wiper.Wiped())
		again := strings.Replace(first, `"_meta"`, `"requestState":"`+r.Result.State+`","inputResponses":{"confirm":{"action":"accept","content":{}}},"_meta"`, 1)
		if r := answer(t, srv, callOf(again)); r.Result.Type != "complete" || r.Result.IsError || len(wiper.Wiped()) != before+1 {
			t.Errorf("%s gave %+v", capabilities, r)
		}
	}
}

// If two sessions use the same request id, a cancel request reaches its own
// call.
func TestRunning(t *testing.T) {
	t.Parallel()
	var running Running
	cancel := func(scope string) {
		running.Cancel(scope, message(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"reason":"x","requestId":1}}`))
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

// The trace context of a call is recorded with its run; an invalid one is
// ignored.
func TestTraceIsRecorded(t *testing.T) {
	t.Parallel()
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for given, want := range map[string]string{trace: trace, "00-4BF9-00-01": "", "": ""} {
		c, refusal := Decode(message(t, callOf(`{"name":"test_echo","_meta":{"traceparent":"`+given+`"}}`)))
		if refusal != nil || c.trace != want {
			t.Errorf("%q is read as %q, %v", given, c.trace, refusal)
		}
	}
	s := stack(t)
	srv := New(s.Set, Options{})
	var structured struct {
		RunID string `json:"run_id"`
	}
	unmarshal(t, answer(t, srv, callOf(`{"name":"test_echo","arguments":{"text":"x"},"_meta":{"traceparent":"`+trace+`"}}`)).Result.Structured, &structured)
	if err := s.Store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if run, err := s.Store.Run(t.Context(), structured.RunID); err != nil || run.Trace != trace {
		t.Errorf("%+v, %v", run, err)
	}
}
