package mcptest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
	ours "github.com/chainwright/chainwright/transport/mcp"
)

// job is a task of the conformance suite. It has no goroutine: its state follows
// from the time and from what its client has sent.
type job struct {
	id             string
	created, ends  time.Time
	cancelled      bool
	open           map[string]json.RawMessage // questions
	result         string
	isError, fault bool
}

// taskRoom has the tasks of the suite's server, and the tools that create them.
type taskRoom struct {
	mu   sync.Mutex
	jobs map[string]*job
}

var (
	_ ours.Tasks   = (*taskRoom)(nil)
	_ ours.Callers = (*taskRoom)(nil)
)

// taskTools are the tools that the suite calls for tasks. Those that are true
// are only answered with a task.
var taskTools = map[string]bool{
	"slow_compute": false, "failing_job": true, "protocol_error_job": true, "confirm_delete": true, "multi_input": true, "test_tool_with_task": true,
}

// suiteTasks adds the tools that create tasks, and one that does not.
func suiteTasks(srv *server.MCPServer) *taskRoom {
	srv.AddTool(mcp.NewTool("greet", mcp.WithDescription(forSuite), mcp.WithString("name")),
		func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return text("Hello, %s!", req.GetString("name", "")), nil
		})
	round(srv, "test_tool_with_task", "", elicits("user_name", "What is your name?", "name"))
	for name := range taskTools {
		if name != "test_tool_with_task" {
			srv.AddTool(mcp.NewTool(name, mcp.WithDescription(forSuite)), nil)
		}
	}
	return &taskRoom{jobs: map[string]*job{}}
}

// Takes implements ours.Callers. The SDK asks the question of test_tool_with_task.
func (r *taskRoom) Takes(_ context.Context, c *ours.Call) bool {
	_, ok := taskTools[c.Name]
	return ok && (c.Name != "test_tool_with_task" || c.Responses() != nil)
}

// Call implements ours.Callers.
func (r *taskRoom) Call(_ context.Context, c *ours.Call) (*ours.Task, json.RawMessage, *jsonrpc.Error) {
	var given struct {
		Seconds float64
		Label   string
	}
	if len(c.Arguments) > 0 && json.Unmarshal(c.Arguments, &given) != nil {
		return nil, nil, &jsonrpc.Error{Code: mcp.INVALID_PARAMS, Message: "the arguments can't be read"}
	}
	if !c.TakesTasks() {
		if taskTools[c.Name] {
			return nil, nil, ours.MissingTasks()
		}
		return nil, result(given.Label, false), nil
	}
	j := &job{id: rand.Text(), created: time.Now(), result: "done: " + given.Label, open: map[string]json.RawMessage{}}
	took := time.Second
	switch c.Name {
	case "slow_compute":
		took = time.Duration(given.Seconds * float64(time.Second))
	case "failing_job":
		j.isError = true
	case "protocol_error_job":
		j.fault = true
	case "confirm_delete":
		j.open["confirm"] = question("Delete the file?", "confirm")
	case "multi_input":
		j.open["first"], j.open["second"] = question("Your name?", "name"), question("Really?", "confirm")
	case "test_tool_with_task":
		j.result = string(c.Responses())
	}
	j.ends = j.created.Add(took)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.jobs[j.id] = j
	return j.task(), nil, nil
}

func question(message, field string) json.RawMessage {
	return plainjson.Must(map[string]any{"method": "elicitation/create", "params": map[string]any{
		"message": message, "requestedSchema": map[string]any{"type": "object", "properties": map[string]any{field: map[string]any{"type": "string"}}},
	}})
}

func result(text string, failed bool) json.RawMessage {
	return plainjson.Must(map[string]any{"content": []any{map[string]any{"type": "text", "text": text}}, "isError": failed})
}

func (j *job) task() *ours.Task {
	t := &ours.Task{ID: j.id, Created: j.created, Updated: j.created, TTL: time.Hour}
	switch {
	case j.cancelled:
		t.Status = ours.TaskCancelled
	case len(j.open) > 0:
		t.Status, t.Requests = ours.TaskInputRequired, plainjson.Must(j.open)
	case time.Now().Before(j.ends):
		t.Status = ours.TaskWorking
	case j.fault:
		t.Status, t.Error = ours.TaskFailed, &jsonrpc.Error{Code: mcp.INTERNAL_ERROR, Message: "the job broke"}
	default:
		t.Status, t.Result = ours.TaskCompleted, result(j.result, j.isError)
	}
	return t
}

// change applies change to a task, and returns the task.
func (r *taskRoom) change(id string, change func(*job)) (*ours.Task, *executors.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	j, ok := r.jobs[id]
	if !ok {
		return nil, executors.Errorf(executors.NotFound, "there is no task %q", id)
	}
	change(j)
	return j.task(), nil
}

// Task implements ours.Tasks.
func (r *taskRoom) Task(_ context.Context, id string) (*ours.Task, *executors.Error) {
	return r.change(id, func(*job) {})
}

// Wait implements ours.Tasks.
func (r *taskRoom) Wait(ctx context.Context, id string) (task *ours.Task, err *executors.Error) {
	for {
		if task, err = r.Task(ctx, id); err != nil || task.Status.Ended() || ctx.Err() != nil {
			return task, err
		}
		pause(ctx)
	}
}

// Cancel implements ours.Tasks.
func (r *taskRoom) Cancel(_ context.Context, id string) (*ours.Task, *executors.Error) {
	return r.change(id, func(j *job) { j.cancelled = j.cancelled || !j.task().Status.Ended() })
}

// Respond implements ours.Tasks.
func (r *taskRoom) Respond(_ context.Context, id string, responses map[string]json.RawMessage) *executors.Error {
	_, err := r.change(id, func(j *job) {
		maps.DeleteFunc(j.open, func(key string, _ json.RawMessage) bool { return responses[key] != nil })
	})
	return err
}

// List implements ours.Tasks.
func (r *taskRoom) List(context.Context, string) (page []ours.Task, next string, err *executors.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, j := range r.jobs {
		page = append(page, *j.task())
	}
	return page, "", nil
}

// Watch implements ours.Tasks.
func (r *taskRoom) Watch(ctx context.Context, id string, changed func(string)) *executors.Error {
	for {
		task, err := r.Task(ctx, id)
		if err != nil || ctx.Err() != nil {
			return err
		}
		changed(fmt.Sprint(task.Status, len(task.Requests)))
		if task.Status.Ended() {
			return nil
		}
		pause(ctx)
	}
}
