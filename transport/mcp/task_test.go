package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
)

// taking is the _meta of a modern client that takes tasks and shows forms.
const taking = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":` +
	`{"elicitation":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}}`

// held is a tree that ends when it is cancelled, and slow one that takes a while.
const (
	held = `{"tasks":[{"schemas":{"method":"test_steps"},"inputs":{"steps":1,"hold":true}}]}`
	slow = `{"tasks":[{"schemas":{"method":"test_steps"},"inputs":{"steps":2,"delay_ms":100}},{"schemas":{"method":"test_echo"},"inputs":{"text":"seen"}}]}`
)

// taskReply is a reply about a task, in both forms.
type taskReply struct {
	Result struct {
		taskFields
		Task       *taskFields
		Tasks      []taskFields
		Next       string `json:"nextCursor"`
		Type       string `json:"resultType"`
		Result     *toolResult
		Structured json.RawMessage `json:"structuredContent"`
		IsError    bool
		Meta       map[string]json.RawMessage `json:"_meta"`
		Requests   map[string]json.RawMessage `json:"inputRequests"`
		State      string                     `json:"requestState"`
	}
	Error *struct {
		Code    int
		Message string
		Data    json.RawMessage
	}

	raw string
}

type taskFields struct {
	ID      string `json:"taskId"`
	Status  TaskStatus
	Message string `json:"statusMessage"`
	Created string `json:"createdAt"`
	Updated string `json:"lastUpdatedAt"`
	TTL     *int64 `json:"ttl"`
	Poll    int64  `json:"pollInterval"`
	TTLMs   *int64 `json:"ttlMs"`
	PollMs  int64  `json:"pollIntervalMs"`
}

type toolResult struct {
	Type       string `json:"resultType"`
	Content    []struct{ Text string }
	Structured struct {
		Status   string
		RunID    string `json:"run_id"`
		Result   json.RawMessage
		Error    string
		Warnings []string
	} `json:"structuredContent"`
	IsError bool
}

// asker sends requests as one client.
type asker struct {
	t       *testing.T
	srv     *Server
	ctx     context.Context
	version string // "": modern
	feed    *Feed
}

func (a *asker) ask(method, params string) (r taskReply) {
	a.t.Helper()
	ctx := a.ctx
	if ctx == nil {
		ctx = a.t.Context()
	}
	if a.version != "" {
		ctx = WithPeer(ctx, &Peer{Version: a.version, Feed: func() *Feed { return a.feed }})
	}
	r.raw = string(a.srv.Handle(ctx, message(a.t, `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{`+params+`}}`), nil))
	if err := json.Unmarshal([]byte(r.raw), &r); err != nil {
		a.t.Fatalf("%s %s: %v in %s", method, params, err, r.raw)
	}
	return r
}

// ended asks for a task until it has ended.
func (a *asker) ended(id, more string) taskReply {
	a.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if r := a.ask("tasks/get", `"taskId":"`+id+`"`+more); r.Result.Status != TaskWorking {
			return r
		}
	}
	a.t.Fatal("the task does not end")
	return taskReply{}
}

func named(tool, arguments string) string {
	return fmt.Sprintf(`"name":%q,"arguments":%s`, tool, arguments)
}

// Calls that take longer than a short wait become tasks for a modern client that
// takes them: runs, and calls of executors, also by their general tool.
func TestModernTasks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		call   string
		status TaskStatus
		failed bool
		want   string
	}{
		"a tree":                  {named("run_task_tree", slow), TaskCompleted, false, `"seen"`},
		"an executor":             {named("test_steps", `{"steps":3,"delay_ms":100}`), TaskCompleted, false, `{"steps":3}`},
		"an executor by its name": {named("run_executor", `{"executor":"test_steps","inputs":{"steps":3,"delay_ms":100}}`), TaskCompleted, false, `{"steps":3}`},
		"a tree that fails": {named("run_task_tree", `{"tasks":[{"id":"a","schemas":{"method":"test_steps"},"inputs":{"steps":2,"delay_ms":100}},`+
			`{"id":"b","schemas":{"method":"test_fail"},"inputs":{"how":"error"},"dependencies":["a"]}]}`), TaskCompleted, true, `"nothing answers"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			discovery := strings.Contains(c.call, "run_executor")
			srv := New(stack(t, toolstest.WithTools(func(o *tools.Options) { o.Discovery = discovery })).Set, Options{TaskAfter: time.Millisecond})
			a := &asker{t: t, srv: srv}
			r := a.ask("tools/call", c.call+","+taking)
			if r.Result.Type != "task" || r.Result.Status != TaskWorking || r.Result.ID == "" || r.Result.PollMs < 500 || r.Result.TTLMs != nil || !strings.Contains(r.raw, `"ttlMs":null`) {
				t.Fatalf("got %s", r.raw)
			}
			got := a.ended(r.Result.ID, ","+taking)
			if got.Result.Status != c.status || got.Result.Type != "complete" || got.Result.Result == nil {
				t.Fatalf("ended: %s", got.raw)
			}
			result := got.Result.Result
			if result.Type != "complete" || result.IsError != c.failed || result.Structured.RunID != r.Result.ID || len(result.Content) != 1 || !strings.Contains(got.raw, c.want) {
				t.Errorf("the result: %s", got.raw)
			}
		})
	}
}

// These calls are answered as for any other client.
func TestNoTask(t *testing.T) {
	t.Parallel()
	srv := New(stack(t).Set, Options{TaskAfter: time.Millisecond})
	reading := tools.WithCaller(t.Context(), &tools.Caller{Scopes: tools.Scopes{tools.ScopeToolsCall}})
	for name, c := range map[string]struct {
		ctx    context.Context
		call   string
		status string
	}{
		"the client says nothing":  {nil, named("run_task_tree", slow) + "," + modern, "completed"},
		"it ends in time":          {nil, named("test_echo", `{"text":"x"}`) + "," + taking, "completed"},
		"it is refused":            {nil, named("run_task_tree", `{"tasks":[{}]}`) + "," + taking, "failed"},
		"it asks for the handle":   {nil, named("run_task_tree", `{"wait_seconds":0,`+slow[1:]) + "," + taking, "in_progress"},
		"its scopes can't read it": {reading, named("run_task_tree", slow) + "," + taking, "completed"},
		"the extension is not an object": {nil, named("test_steps", `{"steps":1,"delay_ms":100}`) + `,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
			`"io.modelcontextprotocol/clientCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":true}}}`, "completed"},
		"it is an experiment": {nil, named("test_steps", `{"steps":1,"delay_ms":100}`) + `,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
			`"io.modelcontextprotocol/clientCapabilities":{"experimental":{"io.modelcontextprotocol/tasks":{}}}}`, "completed"},
		"an old wish of a modern client": {nil, named("test_steps", `{"steps":1,"delay_ms":100}`) + `,"task":{"ttl":1},` + modern, "completed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &asker{t: t, srv: srv, ctx: c.ctx}
			r := a.ask("tools/call", c.call)
			var e struct{ Status string }
			unmarshal(t, r.Result.Structured, &e)
			if r.Result.Type != "complete" || r.Result.ID != "" || e.Status != c.status {
				t.Errorf("got %s", r.raw)
			}
		})
	}
}

// A task is cancelled by its id, as often as the client likes.
func TestModernCancel(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]string{
		"tree": named("run_task_tree", held), "executor": named("test_steps", `{"steps":1,"hold":true}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &asker{t: t, srv: New(stack(t).Set, Options{TaskAfter: time.Millisecond})}
			id := a.ask("tools/call", call+","+taking).Result.ID
			if update := a.ask("tasks/update", `"taskId":"`+id+`","inputResponses":{"x":{"action":"accept"}},`+taking); update.Error != nil || update.Result.ID != "" {
				t.Errorf("update: %s", update.raw)
			}
			for range 2 {
				if r := a.ask("tasks/cancel", `"taskId":"`+id+`",`+taking); r.Error != nil || r.Result.Type != "complete" || r.Result.ID != "" {
					t.Errorf("cancel: %s", r.raw)
				}
			}
			if r := a.ended(id, ","+taking); r.Result.Status != TaskCancelled || r.Result.Result != nil {
				t.Errorf("after the cancel: %s", r.raw)
			}
		})
	}
}

// A person is asked before a task is created, and the task runs what was shown.
func TestModernTaskAsks(t *testing.T) {
	t.Parallel()
	made := stack(t, toolstest.WithExecutors(toolstest.NewWiper()), toolstest.WithPolicy(policy.Config{Confirm: policy.ConfirmDestructive}))
	a := &asker{t: t, srv: New(made.Set, Options{TaskAfter: time.Nanosecond})}
	call := named("run_task_tree", `{"tasks":[{"id":"a","schemas":{"method":"test_steps"},"inputs":{"steps":2,"delay_ms":100}},{"id":"b","schemas":{"method":"test_wipe"},"inputs":{"what":"x"},"dependencies":["a"]}]}`)
	r := a.ask("tools/call", call+","+taking)
	if r.Result.Type != "input_required" || r.Result.ID != "" || r.Result.State == "" || len(r.Result.Requests) != 1 {
		t.Fatalf("the question: %s", r.raw)
	}
	state, _ := json.Marshal(r.Result.State)
	answered := call + `,"requestState":` + string(state) + `,"inputResponses":{"confirm":{"action":%q}},` + taking
	if r = a.ask("tools/call", fmt.Sprintf(answered, "accept")); r.Result.Type != "task" || r.Result.State != "" {
		t.Fatalf("after the answer: %s", r.raw)
	}
	if r = a.ended(r.Result.ID, ","+taking); r.Result.Result == nil || r.Result.Result.IsError {
		t.Errorf("ended: %s", r.raw)
	}
	r = a.ask("tools/call", call+","+taking)
	state, _ = json.Marshal(r.Result.State)
	answered = call + `,"requestState":` + string(state) + `,"inputResponses":{"confirm":{"action":%q}},` + taking
	if r = a.ask("tools/call", fmt.Sprintf(answered, "decline")); r.Result.Type != "complete" || !r.Result.IsError {
		t.Errorf("declined: %s", r.raw)
	}
}

// Requests about tasks are refused as the protocol says.
func TestTaskRefusals(t *testing.T) {
	t.Parallel()
	made := stack(t)
	srv := New(made.Set, Options{})
	mine := run(t, made.Set, `[{"schemas":{"method":"test_echo"},"inputs":{"text":"x"}}]`)
	bob := tools.WithCaller(t.Context(), &tools.Caller{Principal: "bob"})
	id := func(id string) string { return `"taskId":"` + id + `"` }
	for name, c := range map[string]struct {
		ctx                     context.Context
		version, method, params string
		code                    int
	}{
		"get":                              {nil, "", "tasks/get", id(mine) + "," + taking, 0},
		"get, not declared":                {nil, "", "tasks/get", id(mine) + "," + modern, -32021},
		"update, not declared":             {nil, "", "tasks/update", id(mine) + `,"inputResponses":{},` + modern, -32021},
		"cancel, not declared":             {nil, "", "tasks/cancel", id(mine) + "," + modern, -32021},
		"get, unknown":                     {nil, "", "tasks/get", id("x") + "," + taking, -32602},
		"update, unknown":                  {nil, "", "tasks/update", id("x") + `,"inputResponses":{},` + taking, -32602},
		"cancel, unknown":                  {nil, "", "tasks/cancel", id("x") + "," + taking, -32602},
		"get, another's":                   {bob, "", "tasks/get", id(mine) + "," + taking, -32602},
		"cancel, another's":                {bob, "", "tasks/cancel", id(mine) + "," + taking, -32602},
		"get, without an id":               {nil, "", "tasks/get", taking, -32602},
		"get, a number":                    {nil, "", "tasks/get", `"taskId":1,` + taking, -32602},
		"update, a list":                   {nil, "", "tasks/update", id(mine) + `,"inputResponses":[],` + taking, -32602},
		"result, modern":                   {nil, "", "tasks/result", id(mine) + "," + taking, -32601},
		"list, modern":                     {nil, "", "tasks/list", taking, -32601},
		"an unknown one":                   {nil, "", "tasks/nothing", id(mine) + "," + taking, -32601},
		"without capabilities":             {nil, "", "tasks/get", id(mine) + `,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}`, -32602},
		"a revision that does not exist":   {nil, "", "tasks/get", id(mine) + `,` + strings.Replace(taking, "2026-07-28", "2099-01-01", 1), -32022},
		"2025-11-25: get":                  {nil, taskRevision, "tasks/get", id(mine), 0},
		"2025-11-25: result":               {nil, taskRevision, "tasks/result", id(mine), 0},
		"2025-11-25: list":                 {nil, taskRevision, "tasks/list", "", 0},
		"2025-11-25: update":               {nil, taskRevision, "tasks/update", id(mine), -32601},
		"2025-11-25: get, unknown":         {nil, taskRevision, "tasks/get", id("x"), -32602},
		"2025-11-25: result, unknown":      {nil, taskRevision, "tasks/result", id("x"), -32602},
		"2025-11-25: result, another's":    {bob, taskRevision, "tasks/result", id(mine), -32602},
		"2025-11-25: cancel after the end": {nil, taskRevision, "tasks/cancel", id(mine), -32602},
		"2025-11-25: a wrong cursor":       {nil, taskRevision, "tasks/list", `"cursor":"x"`, -32602},
		"2025-11-25: a cursor, a number":   {nil, taskRevision, "tasks/list", `"cursor":7`, -32602},
		"2025-06-18: get":                  {nil, "2025-06-18", "tasks/get", id(mine), -32601},
		"2025-06-18: list":                 {nil, "2025-06-18", "tasks/list", "", -32601},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &asker{t: t, srv: srv, ctx: c.ctx, version: c.version}
			r := a.ask(c.method, c.params)
			code := 0
			if r.Error != nil {
				code = r.Error.Code
			}
			if code != c.code {
				t.Fatalf("got %s", r.raw)
			}
			if c.code == -32021 && !strings.Contains(string(r.Error.Data), `{"requiredCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{}}}}`) {
				t.Errorf("the data: %s", r.Error.Data)
			}
		})
	}
}
