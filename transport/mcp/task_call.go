package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/strictjson"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
)

// taskAfter is the default of Options.TaskAfter.
const taskAfter = 2 * time.Second

// TakesTasks reports whether a modern call may be answered with a task: its
// client declares the extension.
func (c *Call) TakesTasks() bool { return Modern(c.Version) && declaresTasks(c.capabilities) }

// Responses returns the answers to questions that a client sends with a call; nil
// if it sends none.
func (c *Call) Responses() json.RawMessage { return c.responses }

// declaresTasks reports whether capabilities have the extension.
func declaresTasks(capabilities json.RawMessage) bool {
	value := extension(capabilities, TaskExtension)
	return len(value) > 0 && value[0] == '{'
}

// extension returns what capabilities say of an extension; nil if they do not
// declare it.
func extension(capabilities json.RawMessage, id string) json.RawMessage {
	if !bytes.Contains(capabilities, []byte(id)) {
		return nil
	}
	for key, extensions := range strictjson.Members(capabilities) {
		if key != "extensions" {
			continue
		}
		for name, value := range strictjson.Members(extensions) {
			if name == id {
				return value
			}
		}
	}
	return nil
}

// versionOf returns the revision of a request of the revisions with a handshake.
func versionOf(ctx context.Context) string {
	if version := PeerFrom(ctx).Version; version != "" {
		return version
	}
	return server.RequestProtocolVersion(ctx)
}

// start makes a call that was checked and confirmed, and returns the reply: the
// result, or a task.
func (s *Server) start(ctx context.Context, c *Call, pending *tools.Pending) ([]byte, *jsonrpc.Error) {
	switch {
	case c.task != nil:
		return s.startTask(ctx, c, pending)
	case !c.TakesTasks() || !tools.CallerFrom(ctx).Scopes.Allow(tools.ScopeRunsRead):
		return s.told(ctx, c, pending.Start(ctx)), nil
	}
	res, id := pending.Launch(ctx, s.taskAfter)
	if res != nil {
		return s.encode(c, res), nil
	}
	return s.created(context.WithoutCancel(ctx), c, id)
}

// startTask makes a call for which the client asked for a task.
func (s *Server) startTask(ctx context.Context, c *Call, pending *tools.Pending) ([]byte, *jsonrpc.Error) {
	res, id := pending.Launch(ctx, 0)
	if res != nil && res.RunID == "" {
		return s.refuse(ctx, c, res)
	}
	if res != nil {
		id = res.RunID // it has ended already
	} else {
		s.watchOwnTask(ctx, id)
	}
	return s.created(context.WithoutCancel(ctx), c, id)
}

// refuse returns the reply to a call that its person did not agree to.
func (s *Server) refuse(ctx context.Context, c *Call, no *tools.Result) ([]byte, *jsonrpc.Error) {
	if c.task == nil {
		return s.encode(c, no), nil
	}
	task, err := s.kept.add(context.WithoutCancel(ctx), tools.CallerFrom(ctx).Principal, no)
	if err != nil {
		return nil, refusedTask(err)
	}
	return s.encodeCreated(c, task), nil
}

// created returns the reply to a call that became a task.
func (s *Server) created(ctx context.Context, c *Call, id string) ([]byte, *jsonrpc.Error) {
	task, err := s.tasks.Task(ctx, id)
	if err != nil {
		return nil, refusedTask(err)
	}
	return s.encodeCreated(c, task), nil
}

// encodeCreated encodes a task as the reply to its call. The client reads the
// result later, also if there is one already.
func (s *Server) encodeCreated(c *Call, task *Task) []byte {
	seed := Task{ID: task.ID, Status: TaskWorking, Message: task.Message, Created: task.Created, Updated: task.Updated, TTL: task.TTL}
	if Modern(c.Version) {
		return s.end(seed.append(begin(nil, c.ID), true), c, "task")
	}
	b := seed.append(append(begin(nil, c.ID), `"task":{`...), false)
	return s.end(append(b, '}'), c, "")
}

// asksForTask refuses a call for which the client asks for a task that the tool
// does not give. Revisions without such tasks ignore the wish, as they require.
func (s *Server) asksForTask(ctx context.Context, c *Call) *jsonrpc.Error {
	if c.task == nil {
		return nil
	}
	if Modern(c.Version) || versionOf(ctx) != taskRevision {
		c.task = nil
		return nil
	}
	if tool, ok := s.set.Lookup(c.Name); ok && !tool.Long {
		return &jsonrpc.Error{Code: mcp.METHOD_NOT_FOUND, Message: fmt.Sprintf("tool %q can't be called as a task: call it without params.task", c.Name)}
	}
	return nil
}

// callFor answers a call of a server that the SDK serves.
func (s *Server) callFor(ctx context.Context, c *Call) ([]byte, *jsonrpc.Error) {
	task, result, refusal := s.tasks.(Callers).Call(ctx, c)
	switch {
	case refusal != nil:
		return nil, refusal
	case task != nil:
		return s.encodeCreated(c, task), nil
	}
	return s.end(append(begin(nil, c.ID), result[1:len(result)-1]...), c, "complete"), nil
}

// MissingTasks refuses a request whose client must declare the extension.
func MissingTasks() *jsonrpc.Error {
	data := plainjson.AppendString([]byte(`{"requiredCapabilities":{"extensions":{`), TaskExtension)
	return &jsonrpc.Error{
		Code: mcp.MISSING_REQUIRED_CLIENT_CAPABILITY, Data: append(data, ":{}}}}"...),
		Message: "the request must declare the client capability extensions." + TaskExtension,
	}
}
