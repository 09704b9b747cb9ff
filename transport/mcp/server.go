// Package mcp speaks the Model Context Protocol over stdio and HTTP. It is not a stable API.
// It decodes and encodes every tools/call itself. The MCP SDK (mcp-go) answers
// the rest: the handshake, lists, prompts, resources, completion and
// subscriptions. The SDK is imported below this folder and in executors/mcp
// only.
package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/telemetry"
	"github.com/chainwright/chainwright/tools"
)

// Options describe the server to its clients.
type Options struct {
	// Version is this program's version; "dev" if empty.
	Version string
	// AnswerWithin is the time limit for a person's answer
	// (tools.AnswerWithin).
	AnswerWithin time.Duration
	// Notes are where what confirmations and refused tasks need is kept. Servers
	// that share them answer for each other. The default ends with the process.
	Notes store.Notes
	// TaskAfter is how long a call may take before it is answered with a task,
	// if the client takes tasks (2 s).
	TaskAfter time.Duration
	// Telemetry creates a span for each request. Nil: there are none.
	Telemetry *telemetry.Telemetry
}

// listTTL is how long a client may reuse a list, in milliseconds. Changes are
// also announced.
const listTTL = 60_000

// Server publishes a set of tools over MCP.
type Server struct {
	set   *tools.Set // nil: the SDK answers calls too, see Wrap
	sdk   *server.MCPServer
	tasks Tasks // nil: there are none
	kept  *keptResults
	ui    *ui // nil: there is none
	// taskAfter is how long a call may take before it is answered with a task.
	taskAfter time.Duration
	// answerWithin is the time limit for a person's answer. states are those
	// issued with questions of modern revisions.
	answerWithin time.Duration
	states       *stateKeeper
	telemetry    *telemetry.Telemetry // nil: off
	// identity returns the _meta that revision 2026-07-28 has in every result,
	// and capabilities what the server declares there.
	identity     func() json.RawMessage
	capabilities func() *capabilities
}

// capabilities are the lists whose changes a server announces.
type capabilities struct {
	Tools, Prompts, Resources struct {
		ListChanged bool `json:"listChanged"`
	}
}

// New publishes a set of tools, and announces its changes to the clients.
func New(set *tools.Set, opts Options) *Server {
	if opts.Version == "" {
		opts.Version = "dev"
	}
	if opts.TaskAfter == 0 {
		opts.TaskAfter = taskAfter
	}
	if opts.AnswerWithin == 0 {
		opts.AnswerWithin = tools.AnswerWithin
	}
	if opts.Notes == nil {
		opts.Notes = memory.NewNotes()
	}
	completer, drawn := &completer{set}, newUI(set)
	sdk := server.NewMCPServer("chainwright", opts.Version,
		server.WithTitle("Chainwright"),
		server.WithToolCapabilities(true),
		server.WithResourceCapabilities(true, true),
		server.WithPromptCapabilities(false),
		server.WithCompletions(),
		server.WithPromptCompletionProvider(completer),
		server.WithResourceCompletionProvider(completer),
		server.WithToolFilter(narrowing(set, drawn)),
		server.WithHooks(hooks(set)),
		server.WithExtensions(map[string]any{TaskExtension: struct{}{}}),
		server.WithCacheHints(listTTL, mcp.CacheScopePrivate),
		server.WithMethodCacheHints(mcp.MethodResourcesRead, 0, mcp.CacheScopePrivate),
	)
	publish := func() {
		sdk.SetTools(serverTools(set)...)
		sdk.SetResources(append(serverResources(set), uiDocument())...)
	}
	publish()
	sdk.SetResourceTemplates(resourceTemplates(set)...)
	sdk.SetPrompts(serverPrompts(set)...)
	set.OnChange(publish)
	kept := &keptResults{opts.Notes}
	s := Wrap(sdk, &setTasks{set, kept})
	s.telemetry = opts.Telemetry
	s.ui, s.set, s.kept, s.taskAfter, s.answerWithin, s.states = drawn, set, kept, opts.TaskAfter, opts.AnswerWithin, newStateKeeper(opts.Notes, opts.AnswerWithin)
	return s
}

// Wrap serves an SDK server that answers tools/call itself. Only test servers
// use it: the one for the conformance suite, and the bare one for benchmarks.
// tasks may be nil.
func Wrap(sdk *server.MCPServer, tasks Tasks) *Server {
	s := &Server{sdk: sdk, tasks: tasks}
	described := sync.OnceValues(s.describe)
	s.identity = func() json.RawMessage {
		meta, _ := described()
		return meta
	}
	s.capabilities = func() *capabilities {
		_, able := described()
		return able
	}
	return s
}

// AnswersCalls reports whether the server answers tools/call itself. It is
// false for a server made by Wrap.
func (s *Server) AnswersCalls() bool { return s.set != nil }

// Answers reports whether Call answers a call. Servers made by Wrap leave those
// that never become tasks to the SDK.
func (s *Server) Answers(ctx context.Context, c *Call) bool {
	if s.set != nil {
		return true
	}
	callers, ok := s.tasks.(Callers)
	return ok && callers.Takes(ctx, c)
}

// List returns the reply to tools/list, and the tools in it.
func (s *Server) List(ctx context.Context) (reply []byte, tools []json.RawMessage, err error) {
	const request = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	reply = encodeMessage(json.RawMessage("1"), s.sdk.HandleMessage(ctx, json.RawMessage(request)))
	var list struct {
		Result struct{ Tools []json.RawMessage }
	}
	if err := json.Unmarshal(reply, &list); err != nil {
		return nil, nil, fmt.Errorf("listing the tools: %w", err)
	}
	return reply, list.Result.Tools, nil
}

// discover asks the SDK for the server's own description.
const discover = `{"jsonrpc":"2.0","id":0,"method":"server/discover","params":{"_meta":{` +
	`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`

func (s *Server) describe() (meta json.RawMessage, able *capabilities) {
	raw, err := plainjson.Marshal(s.sdk.HandleMessage(context.Background(), json.RawMessage(discover)))
	var reply struct {
		Result struct {
			Meta         json.RawMessage `json:"_meta"`
			Capabilities capabilities    `json:"capabilities"`
		} `json:"result"`
	}
	if err != nil || json.Unmarshal(raw, &reply) != nil || reply.Result.Meta == nil {
		return json.RawMessage("{}"), &capabilities{}
	}
	return reply.Result.Meta, &reply.Result.Capabilities
}

// serverTools lists the tools for the SDK. They have no handlers, because the
// SDK never receives a tools/call.
func serverTools(set *tools.Set) []server.ServerTool {
	list := set.Tools()
	published := make([]server.ServerTool, 0, len(list))
	for _, tool := range list {
		published = append(published, server.ServerTool{Tool: mcpTool(tool)})
	}
	return published
}

// searchHint is the key of a tool's _meta that Claude Code searches, besides its
// name and its description.
const searchHint = "anthropic/searchHint"

// mcpTool converts a tool. All four annotations are written, because clients
// assume the worst for a missing one.
func mcpTool(tool tools.Tool) mcp.Tool {
	return mcp.Tool{
		Name: tool.Name, Title: tool.Title, Description: tool.Description,
		RawInputSchema: tool.Input, RawOutputSchema: tool.Output,
		Annotations: mcp.ToolAnnotation{
			ReadOnlyHint:    &tool.Annotations.ReadOnly,
			DestructiveHint: &tool.Annotations.Destructive,
			IdempotentHint:  &tool.Annotations.Idempotent,
			OpenWorldHint:   &tool.Annotations.OpenWorld,
		},
		Meta: &mcp.Meta{AdditionalFields: map[string]any{searchHint: tool.SearchHint}},
	}
}

// narrowing limits the list in a reply to the tools that the request selects, and
// their descriptions to what the caller may use. It marks those that clients of
// 2025-11-25 may call as tasks, and for clients that show the App those that it
// draws, with the App's own tools.
func narrowing(set *tools.Set, drawn *ui) server.ToolFilterFunc {
	return func(ctx context.Context, listed []mcp.Tool) []mcp.Tool {
		asTasks, shows := versionOf(ctx) == taskRevision, showsUI(ctx)
		if tools.SeesAll(ctx) && !asTasks && !shows {
			return listed
		}
		left := make([]mcp.Tool, 0, len(listed))
		for _, each := range listed {
			if tool, ok := set.Lookup(each.Name); ok {
				if tool, ok = set.ForCaller(ctx, tool); ok {
					left = append(left, mcpTool(tool))
					if asTasks && tool.Long {
						left[len(left)-1].Execution = &mcp.ToolExecution{TaskSupport: mcp.TaskSupportOptional}
					}
					if shows && tool.Draws {
						markUI(&left[len(left)-1], "model", "app")
					}
				}
			}
		}
		if shows {
			left = append(left, drawn.tools(ctx)...)
			slices.SortFunc(left, func(a, b mcp.Tool) int { return strings.Compare(a.Name, b.Name) })
		}
		return left
	}
}

// hooks write the instructions for the caller, declare tasks of 2025-11-25 in the
// handshake of that revision only, and limit the list of resources as narrowing
// does. The SDK has no filter for them.
func hooks(set *tools.Set) *server.Hooks {
	hooks := &server.Hooks{}
	hooks.AddOnError(func(ctx context.Context, _ any, _ mcp.MCPMethod, _ any, err error) { observed(ctx, err) })
	hooks.AddAfterInitialize(func(ctx context.Context, _ any, _ *mcp.InitializeRequest, result *mcp.InitializeResult) {
		result.Instructions = instructions(ctx, set)
		if result.ProtocolVersion == taskRevision {
			result.Capabilities.Tasks = declaredTasks()
		}
	})
	hooks.AddAfterDiscover(func(ctx context.Context, _ any, _ *mcp.DiscoverRequest, result *mcp.DiscoverResult) {
		result.Instructions = instructions(ctx, set)
	})
	hooks.AddAfterListResources(func(ctx context.Context, _ any, _ *mcp.ListResourcesRequest, list *mcp.ListResourcesResult) {
		if list == nil {
			return
		}
		if !showsUI(ctx) {
			list.Resources = slices.DeleteFunc(slices.Clone(list.Resources), func(r mcp.Resource) bool { return r.URI == uiAddress })
		}
		if tools.CallerFrom(ctx).Narrow == nil {
			return
		}
		left := map[string]bool{uiAddress: true}
		for _, resource := range set.ExecutorResources(ctx) {
			left[resource.URI] = true
		}
		kept := make([]mcp.Resource, 0, len(left))
		for _, resource := range list.Resources {
			if left[resource.URI] {
				kept = append(kept, resource)
			}
		}
		list.Resources = kept
	})
	return hooks
}
