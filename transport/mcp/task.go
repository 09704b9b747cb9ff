package mcp

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
)

// TaskExtension is the extension of revision 2026-07-28 that lets a server answer
// a call with a task. Revision 2025-11-25 has tasks of another form, for which
// the client asks.
const TaskExtension = "io.modelcontextprotocol/tasks"

const (
	// taskRevision is the only revision with tasks for which the client asks.
	taskRevision = mcp.ProtocolVersion20251125
	// relatedTask is the member of _meta that names a result's task there.
	relatedTask = "io.modelcontextprotocol/related-task"
)

// declaredTasks is the capability of revision 2025-11-25.
func declaredTasks() *mcp.TasksCapability {
	able := &mcp.TasksCapability{List: &struct{}{}, Cancel: &struct{}{}, Requests: &mcp.TaskRequestsCapability{}}
	able.Requests.Tools = &struct {
		Call *struct{} `json:"call,omitempty"`
	}{&struct{}{}}
	return able
}

// TaskStatus is the state of a task, with the names that MCP uses.
type TaskStatus string

// The states of a task. Failed is only for errors of the protocol: a tool that
// failed is Completed, and its result is an error.
const (
	TaskWorking       TaskStatus = "working"
	TaskInputRequired TaskStatus = "input_required"
	TaskCompleted     TaskStatus = "completed"
	TaskCancelled     TaskStatus = "cancelled"
	TaskFailed        TaskStatus = "failed"
)

// Ended reports whether the state is an end.
func (s TaskStatus) Ended() bool {
	return s == TaskCompleted || s == TaskCancelled || s == TaskFailed
}

// Task is a call that goes on after its reply.
type Task struct {
	ID               string
	Status           TaskStatus
	Message          string
	Created, Updated time.Time
	// TTL is how long the task is kept from its creation on; 0: without limit.
	TTL time.Duration
	// Result is the result of an ended call, a JSON object. Error is set
	// instead if the call failed with an error of the protocol.
	Result json.RawMessage
	Error  *jsonrpc.Error
	// Requests are the open questions, a JSON object by their names; with
	// TaskInputRequired.
	Requests json.RawMessage
}

// Tasks has the tasks of the context's caller. An error of type NotFound or
// ValidationError is the caller's.
type Tasks interface {
	// Task returns a task.
	Task(ctx context.Context, id string) (*Task, *executors.Error)
	// Wait returns a task when it has ended, or the context has.
	Wait(ctx context.Context, id string) (*Task, *executors.Error)
	// Cancel cancels a task, and returns it. It is no error if the task has
	// ended: then the result differs from TaskCancelled.
	Cancel(ctx context.Context, id string) (*Task, *executors.Error)
	// Respond answers open questions. It ignores answers to others.
	Respond(ctx context.Context, id string, responses map[string]json.RawMessage) *executors.Error
	// List returns a page of the tasks, the newest first, and the cursor of the
	// next page, which is empty on the last one.
	List(ctx context.Context, cursor string) (page []Task, next string, refused *executors.Error)
	// Watch calls changed with a text that differs whenever the task has
	// changed, until the task or the context ends.
	Watch(ctx context.Context, id string, changed func(text string)) *executors.Error
}

// Callers is implemented by the Tasks of a server that the SDK serves: it makes
// the calls that become tasks.
type Callers interface {
	// Takes reports whether Call answers a call.
	Takes(ctx context.Context, c *Call) bool
	// Call answers a call with a task, or with a result, which is a JSON object.
	Call(ctx context.Context, c *Call) (task *Task, result json.RawMessage, refusal *jsonrpc.Error)
}

const (
	// leastPoll and mostPoll are the limits of the interval at which clients
	// should ask for a task: a tenth of its age.
	leastPoll = 500 * time.Millisecond
	mostPoll  = 5 * time.Second
)

// showTo hides the open questions from a client that can't show them: the task
// works on, and waits for an answer of another way. Those of 2025-11-25 are asked
// within tasks/result only, which takes a stream for each.
func (t *Task) showTo(forms bool) {
	if t.Status == TaskInputRequired && !forms {
		t.Status, t.Requests = TaskWorking, nil
	}
}

// poll returns the interval at which a client should ask for the task.
func (t *Task) poll() time.Duration {
	return min(max(time.Since(t.Created)/10, leastPoll), mostPoll).Round(time.Millisecond)
}

// append appends the members of a task, without its result. The names of two of
// them depend on the revision.
func (t *Task) append(b []byte, modern bool) []byte {
	b = plainjson.AppendString(append(b, `"taskId":`...), t.ID)
	b = plainjson.AppendString(append(b, `,"status":`...), string(t.Status))
	if t.Message != "" {
		b = plainjson.AppendString(append(b, `,"statusMessage":`...), t.Message)
	}
	b = appendTime(append(b, `,"createdAt":`...), t.Created)
	b = appendTime(append(b, `,"lastUpdatedAt":`...), t.Updated)
	ttl, poll := `,"ttl":`, `,"pollInterval":`
	if modern {
		ttl, poll = `,"ttlMs":`, `,"pollIntervalMs":`
	}
	if b = append(b, ttl...); t.TTL > 0 {
		b = strconv.AppendInt(b, t.TTL.Milliseconds(), 10)
	} else {
		b = append(b, "null"...)
	}
	if !t.Status.Ended() {
		b = strconv.AppendInt(append(b, poll...), t.poll().Milliseconds(), 10)
	}
	return b
}

// appendDetails appends what a modern task has in addition: its result, its
// error or its questions.
func (t *Task) appendDetails(b []byte) []byte {
	switch {
	case t.Status == TaskCompleted && len(t.Result) > 0:
		return with(append(b, `,"result":`...), t.Result, `"resultType":"complete"`)
	case t.Status == TaskFailed && t.Error != nil:
		return t.Error.Append(append(b, `,"error":`...))
	case t.Status == TaskInputRequired:
		return append(append(b, `,"inputRequests":`...), t.Requests...)
	}
	return b
}

// with appends a JSON object with one more member.
func with(b []byte, object json.RawMessage, member string) []byte {
	if b = append(b, object[:len(object)-1]...); len(object) > len("{}") {
		b = append(b, ',')
	}
	return append(append(b, member...), '}')
}

// appendTime appends a time as MCP writes it.
func appendTime(b []byte, at time.Time) []byte {
	return append(at.UTC().AppendFormat(append(b, '"'), "2006-01-02T15:04:05.000Z"), '"')
}
