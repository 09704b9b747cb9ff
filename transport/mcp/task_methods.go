package mcp

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/strictjson"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
)

// The methods that work on tasks. Modern revisions have get, update and cancel,
// and 2025-11-25 has all but update.
const (
	tasksPrefix = "tasks/"
	tasksGet    = "tasks/get"
	tasksUpdate = "tasks/update"
	tasksCancel = "tasks/cancel"
	tasksResult = "tasks/result"
	tasksList   = "tasks/list"
)

// IsTask reports whether a message is a request about tasks.
func IsTask(m *jsonrpc.Message) bool {
	return m.IsRequest() && strings.HasPrefix(m.Method, tasksPrefix)
}

// WaitsForTask reports whether a message is a request that is answered when a
// task has ended.
func WaitsForTask(m *jsonrpc.Message) bool { return m.IsRequest() && m.Method == tasksResult }

// TaskQuery is a request about tasks.
type TaskQuery struct {
	ID      json.RawMessage
	Method  string
	Version string // the revision that the message names, "" if none
	TaskID  string

	cursor       string
	responses    map[string]json.RawMessage
	capabilities json.RawMessage
	problem      string
}

// DecodeTask reads a request about tasks. Task reports what is wrong with it.
func DecodeTask(m *jsonrpc.Message) *TaskQuery {
	q := &TaskQuery{ID: m.ID, Method: m.Method}
	for key, value := range strictjson.Members(m.Params) {
		switch key {
		case "taskId":
			q.TaskID = strictjson.Text(value)
		case "cursor":
			if q.cursor = strictjson.Text(value); q.cursor == "" && string(value) != `""` && string(value) != "null" {
				q.problem = "params.cursor must be a string"
			}
		case "inputResponses":
			if json.Unmarshal(value, &q.responses) != nil {
				q.problem = "params.inputResponses must be an object"
			}
		case "_meta":
			for key, value := range strictjson.Members(value) {
				switch key {
				case mcp.MetaKeyProtocolVersion:
					q.Version = strictjson.Text(value)
				case mcp.MetaKeyClientCapabilities:
					q.capabilities = value
				}
			}
		}
	}
	if q.TaskID == "" && q.Method != tasksList && q.problem == "" {
		q.problem = "params.taskId is required: the id of a task, as the reply to its call has it"
	}
	return q
}

// check refuses a request that the revision does not have, or that its client may
// not send.
func (s *Server) check(ctx context.Context, q *TaskQuery) *jsonrpc.Error {
	known := false
	switch q.Method {
	case tasksGet, tasksCancel:
		known = Modern(q.Version) || versionOf(ctx) == taskRevision
	case tasksUpdate:
		known = Modern(q.Version)
	case tasksResult, tasksList:
		known = !Modern(q.Version) && versionOf(ctx) == taskRevision
	}
	switch {
	case Modern(q.Version) && !validCapabilities(q.capabilities):
		return missingCapabilities()
	case Modern(q.Version) && !Known(q.Version):
		return unsupported(q.Version)
	case !known || s.tasks == nil:
		return &jsonrpc.Error{Code: mcp.METHOD_NOT_FOUND, Message: "this server does not have the method " + q.Method + " in this revision of the protocol"}
	case Modern(q.Version) && !declaresTasks(q.capabilities):
		return MissingTasks()
	case q.problem != "":
		return &jsonrpc.Error{Code: mcp.INVALID_PARAMS, Message: q.problem}
	}
	return nil
}

// Task answers a request about tasks.
func (s *Server) Task(ctx context.Context, q *TaskQuery) ([]byte, *jsonrpc.Error) {
	if refusal := s.check(ctx, q); refusal != nil {
		return nil, refusal
	}
	if Modern(q.Version) {
		return s.modernTask(ctx, q)
	}
	switch q.Method {
	case tasksList:
		return s.listTasks(ctx, q)
	case tasksResult:
		return s.taskResult(ctx, q)
	case tasksCancel:
		return s.cancelTask(ctx, q)
	}
	task, err := s.tasks.Task(ctx, q.TaskID)
	if err != nil {
		return nil, refusedTask(err)
	}
	task.showTo(false)
	return append(task.append(begin(nil, q.ID), false), "}}"...), nil
}

// modernTask answers a request of a modern revision.
func (s *Server) modernTask(ctx context.Context, q *TaskQuery) ([]byte, *jsonrpc.Error) {
	c, b := &Call{ID: q.ID, Version: q.Version}, begin(nil, q.ID)
	switch q.Method {
	case tasksUpdate:
		if err := s.tasks.Respond(ctx, q.TaskID, q.responses); err != nil {
			return nil, refusedTask(err)
		}
	case tasksCancel:
		if _, err := s.tasks.Cancel(ctx, q.TaskID); err != nil {
			return nil, refusedTask(err)
		}
	default:
		task, err := s.tasks.Task(ctx, q.TaskID)
		if err != nil {
			return nil, refusedTask(err)
		}
		task.showTo(showsForms(q.capabilities))
		b = task.appendDetails(task.append(b, true))
	}
	return s.end(b, c, "complete"), nil
}

// listTasks answers tasks/list.
func (s *Server) listTasks(ctx context.Context, q *TaskQuery) ([]byte, *jsonrpc.Error) {
	page, next, err := s.tasks.List(ctx, q.cursor)
	if err != nil {
		return nil, refusedTask(err)
	}
	b := append(begin(nil, q.ID), `"tasks":[`...)
	for i := range page {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(page[i].append(append(b, '{'), false), '}')
	}
	b = append(b, ']')
	if next != "" {
		b = plainjson.AppendString(append(b, `,"nextCursor":`...), next)
	}
	return append(b, "}}"...), nil
}

// taskResult answers tasks/result when the task has ended.
func (s *Server) taskResult(ctx context.Context, q *TaskQuery) ([]byte, *jsonrpc.Error) {
	task, err := s.tasks.Wait(ctx, q.TaskID)
	switch {
	case err != nil:
		return nil, refusedTask(err)
	case !task.Status.Ended():
		return nil, &jsonrpc.Error{Code: jsonrpc.InternalError, Message: "the request ended before the task, which goes on"}
	case task.Error != nil:
		return nil, task.Error
	}
	related := plainjson.AppendString([]byte(`"_meta":{"`+relatedTask+`":{"taskId":`), task.ID)
	b := append(append([]byte(nil), `{"jsonrpc":"2.0","id":`...), q.ID...)
	b = with(append(b, `,"result":`...), task.Result, string(append(related, "}}"...)))
	return append(b, '}'), nil
}

// cancelTask answers tasks/cancel of 2025-11-25, which has an error for tasks that
// have ended.
func (s *Server) cancelTask(ctx context.Context, q *TaskQuery) ([]byte, *jsonrpc.Error) {
	task, err := s.tasks.Task(ctx, q.TaskID)
	if err == nil && !task.Status.Ended() {
		task, err = s.tasks.Cancel(ctx, q.TaskID)
		if err == nil && task.Status == TaskCancelled {
			return append(task.append(begin(nil, q.ID), false), "}}"...), nil
		}
	}
	if err != nil {
		return nil, refusedTask(err)
	}
	return nil, &jsonrpc.Error{Code: mcp.INVALID_PARAMS, Message: "the task can't be cancelled: its status is " + string(task.Status)}
}

// refusedTask returns an error about a task as an error of the protocol.
func refusedTask(err *executors.Error) *jsonrpc.Error {
	refusal := &jsonrpc.Error{Code: jsonrpc.InternalError, Message: err.Error()}
	switch err.Type {
	case executors.NotFound:
		refusal.Code, refusal.Message = mcp.INVALID_PARAMS, "there is no such task: "+err.Error()
	case executors.ValidationError:
		refusal.Code = mcp.INVALID_PARAMS
	}
	if err.Hint != "" {
		refusal.Message += "; " + err.Hint
	}
	return refusal
}
