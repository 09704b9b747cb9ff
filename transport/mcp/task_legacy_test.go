package mcp

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
)

// A client of 2025-11-25 asks for a task, and reads its result from another
// connection.
func TestLegacyTasks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		call   string
		failed bool
		want   string
		run    bool
	}{
		"a tree":              {named("run_task_tree", slow), false, `"seen"`, true},
		"a quick tree":        {named("run_task_tree", `{"tasks":[{"schemas":{"method":"test_echo"},"inputs":{"text":"quick"}}]}`), false, `"quick"`, true},
		"a tree that fails":   {named("run_task_tree", `{"tasks":[{"schemas":{"method":"test_fail"},"inputs":{"how":"error"}}]}`), true, `"nothing answers"`, true},
		"an executor":         {named("run_executor", `{"executor":"test_steps","inputs":{"steps":3,"delay_ms":50}}`), false, `{"steps":3}`, true},
		"a quick one":         {named("run_executor", `{"executor":"test_echo","inputs":{"text":"quick"}}`), false, `"quick"`, true},
		"one that fails":      {named("run_executor", `{"executor":"test_fail","inputs":{"how":"with_output"}}`), true, `failed after some work`, true},
		"a large one":         {named("run_executor", `{"executor":"test_big","inputs":{"bytes":90000}}`), false, `"truncated":true`, true},
		"one that is refused": {named("run_task_tree", `{"tasks":[{}]}`), true, `neither a name nor an executor`, false},
		"the handle":          {named("run_task_tree", `{"wait_seconds":0,`+slow[1:]), false, `"seen"`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := New(stack(t, toolstest.WithTools(func(o *tools.Options) { o.Discovery = true })).Set, Options{})
			a, other := &asker{t: t, srv: srv, version: taskRevision}, &asker{t: t, srv: srv, version: taskRevision}
			r := a.ask("tools/call", c.call+`,"task":{"ttl":60000}`)
			task := r.Result.Task
			if task == nil || task.Status != TaskWorking || task.ID == "" || task.Poll < 500 || !strings.Contains(r.raw, `"ttl":`) || (task.TTL == nil) != c.run {
				t.Fatalf("got %s", r.raw)
			}
			got := other.ask("tasks/result", `"taskId":"`+task.ID+`"`)
			var related struct{ TaskID string }
			unmarshal(t, got.Result.Meta[relatedTask], &related)
			if got.Error != nil || got.Result.IsError != c.failed || related.TaskID != task.ID || !strings.Contains(got.raw, c.want) {
				t.Errorf("the result: %s", got.raw)
			}
			if r := a.ask("tasks/get", `"taskId":"`+task.ID+`"`); r.Result.Status != TaskCompleted || r.Result.Result != nil || r.Result.Meta != nil {
				t.Errorf("the task: %s", r.raw)
			}
			if r := a.ask("tasks/list", ""); len(r.Result.Tasks) != 1 || r.Result.Tasks[0].ID != task.ID || r.Result.Tasks[0].Status != TaskCompleted {
				t.Errorf("the list: %s", r.raw)
			}
			var plain, later struct {
				Result json.RawMessage
				Error  string
				Hint   string
				Field  string
				Type   string `json:"error_type"`
			}
			if strings.Contains(c.call, "run_executor") {
				unmarshal(t, got.Result.Structured, &later)
				unmarshal(t, a.ask("tools/call", c.call).Result.Structured, &plain)
				if string(plain.Result) != string(later.Result) || plain.Error != later.Error || plain.Hint != later.Hint || plain.Type != later.Type || plain.Field != later.Field {
					t.Errorf("the task's result is %+v, that of a plain call %+v", later, plain)
				}
			}
		})
	}
}

// The capability and the tools that can be tasks are declared to clients of
// 2025-11-25 only. Other tools can't be called as tasks.
func TestLegacyDeclaration(t *testing.T) {
	t.Parallel()
	srv := New(stack(t).Set, Options{})
	for version, declared := range map[string]bool{taskRevision: true, "2025-06-18": false, "2025-03-26": false} {
		a := &asker{t: t, srv: srv, version: version}
		session, err := srv.Open(t.Context(), zerolog.Nop(), func([]byte) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		a.ctx = session.Context()
		r := a.ask("initialize", `"protocolVersion":"`+version+`","capabilities":{},"clientInfo":{"name":"t","version":"1"}`)
		if strings.Contains(r.raw, `"tasks":{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}}`) != declared {
			t.Errorf("%s: %s", version, r.raw)
		}
		if !strings.Contains(r.raw, `"resources":{"subscribe":true,"listChanged":true}`) {
			t.Errorf("%s: %s", version, r.raw)
		}
		const support = `"execution":{"taskSupport":"optional"}`
		want := 0
		if declared {
			want = 2 // run_task_tree and retry_run
		}
		if r := a.ask("tools/list", ""); strings.Count(r.raw, support) != want {
			t.Errorf("%s: %s", version, r.raw)
		}
		session.Close()
	}
	modernList := ask(t, srv, "tools/list", "")
	if strings.Contains(string(modernList), "taskSupport") {
		t.Errorf("modern: %s", modernList)
	}
	discovered := string(ask(t, srv, "server/discover", ""))
	if strings.Contains(discovered, `"tasks":{"list"`) || !strings.Contains(discovered, `"io.modelcontextprotocol/tasks":{}`) {
		t.Errorf("discover: %s", discovered)
	}
	a := &asker{t: t, srv: srv, version: taskRevision}
	if r := a.ask("tools/call", named("test_echo", `{"text":"x"}`)+`,"task":{}`); r.Error == nil || r.Error.Code != -32601 {
		t.Errorf("a tool that can't be a task: %s", r.raw)
	}
	a.version = "2025-06-18"
	if r := a.ask("tools/call", named("test_echo", `{"text":"x"}`)+`,"task":{}`); r.Error != nil || r.Result.Task != nil {
		t.Errorf("an older revision ignores the wish: %s", r.raw)
	}
}

// Cancelling waits for the end, and its result is that of a cancelled call.
func TestLegacyCancel(t *testing.T) {
	t.Parallel()
	a := &asker{t: t, srv: New(stack(t).Set, Options{}), version: taskRevision}
	id := a.ask("tools/call", named("run_task_tree", held)+`,"task":{}`).Result.Task.ID
	waiting := make(chan taskReply, 1)
	go func() { waiting <- a.ask("tasks/result", `"taskId":"`+id+`"`) }()
	if r := a.ask("tasks/cancel", `"taskId":"`+id+`"`); r.Error != nil || r.Result.Status != TaskCancelled || r.Result.ID != id {
		t.Errorf("cancel: %s", r.raw)
	}
	if r := <-waiting; !r.Result.IsError || !strings.Contains(r.raw, `"cancelled"`) {
		t.Errorf("the result: %s", r.raw)
	}
	if r := a.ask("tasks/cancel", `"taskId":"`+id+`"`); r.Error == nil || r.Error.Code != -32602 {
		t.Errorf("again: %s", r.raw)
	}
}

// The session that asked for a task hears of its end.
func TestLegacyStatus(t *testing.T) {
	t.Parallel()
	heard := make(chan string, 10)
	feed := NewFeed(func(method string, params []byte) error {
		heard <- method + " " + string(params)
		return nil
	})
	defer feed.Close()
	a := &asker{t: t, srv: New(stack(t).Set, Options{}), version: taskRevision, feed: feed}
	id := a.ask("tools/call", named("run_task_tree", slow)+`,"task":{}`).Result.Task.ID
	select {
	case said := <-heard:
		if !strings.HasPrefix(said, "notifications/tasks/status {") || !strings.Contains(said, `"taskId":"`+id+`","status":"completed"`) {
			t.Errorf("heard %s", said)
		}
	case <-time.After(time.Minute):
		t.Error("nothing was heard")
	}
}

// A person who declines leaves a task whose result says so.
func TestLegacyTaskAsks(t *testing.T) {
	t.Parallel()
	made := stack(t, toolstest.WithExecutors(toolstest.NewWiper()), toolstest.WithPolicy(policy.Config{Confirm: policy.ConfirmDestructive}))
	a := &asker{t: t, srv: New(made.Set, Options{}), version: taskRevision}
	r := a.ask("tools/call", named("run_task_tree", `{"tasks":[{"schemas":{"method":"test_wipe"},"inputs":{"what":"x"}}]}`)+`,"task":{}`)
	if r.Result.Task == nil {
		t.Fatalf("got %s", r.raw)
	}
	if r = a.ask("tasks/result", `"taskId":"`+r.Result.Task.ID+`"`); !r.Result.IsError || !strings.Contains(r.raw, "not confirmed") {
		t.Errorf("the result: %s", r.raw)
	}
}
