package tools

import (
	"context"
	_ "embed"
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/chainwright/chainwright/executors"
)

// This file and its adapter_*.go neighbours are the only ones here that know
// the MCP library. mcp.md numbers the library's defects; guards stand where
// the number is named.

// ServerOptions say what the server tells about itself.
type ServerOptions struct {
	// Version is this program's; "dev" where empty.
	Version string
}

// listTTL is how long a client may reuse a list, in milliseconds; changes are
// announced besides.
const listTTL = 60_000

//go:embed prompts/instructions.md
var instructions string

// NewServer publishes a set over MCP. It follows the set: what comes and goes
// there is announced to the clients.
func NewServer(set *Set, opts ServerOptions) *server.MCPServer {
	if opts.Version == "" {
		opts.Version = "dev"
	}
	completer := &completer{set}
	srv := server.NewMCPServer("chainwright", opts.Version,
		server.WithTitle("Chainwright"),
		server.WithInstructions(instructions),
		server.WithToolCapabilities(true),
		server.WithResourceCapabilities(false, true),
		server.WithPromptCapabilities(false),
		server.WithCompletions(),
		server.WithPromptCompletionProvider(completer),
		server.WithResourceCompletionProvider(completer),
		server.WithToolFilter(narrowing(set)),
		server.WithCacheHints(listTTL, mcp.CacheScopePrivate),
		server.WithMethodCacheHints(mcp.MethodResourcesRead, 0, mcp.CacheScopePrivate),
	)
	publish := func() {
		srv.SetTools(serverTools(set)...)
		srv.SetResources(serverResources(set)...)
	}
	publish()
	srv.SetResourceTemplates(resourceTemplates(set)...)
	srv.SetPrompts(serverPrompts(set)...)
	set.OnChange(publish)
	return srv
}

func serverTools(set *Set) []server.ServerTool {
	list := set.Tools()
	published := make([]server.ServerTool, 0, len(list))
	for _, tool := range list {
		published = append(published, server.ServerTool{Tool: mcpTool(tool), Handler: handler(set, tool.Name)})
	}
	return published
}

// mcpTool is a tool as MCP lists it, all four annotations said (guard 11).
func mcpTool(tool Tool) mcp.Tool {
	return mcp.Tool{
		Name: tool.Name, Title: tool.Title, Description: tool.Description,
		RawInputSchema: tool.Input, RawOutputSchema: tool.Output,
		Annotations: mcp.ToolAnnotation{
			ReadOnlyHint:    &tool.Annotations.ReadOnly,
			DestructiveHint: &tool.Annotations.Destructive,
			IdempotentHint:  &tool.Annotations.Idempotent,
			OpenWorldHint:   &tool.Annotations.OpenWorld,
		},
	}
}

// narrowing shows a request the tools that its own, smaller selection leaves.
func narrowing(set *Set) server.ToolFilterFunc {
	return func(ctx context.Context, listed []mcp.Tool) []mcp.Tool {
		narrow := CallerFrom(ctx).Narrow
		if narrow == nil {
			return listed
		}
		left := make([]mcp.Tool, 0, len(listed))
		for _, each := range listed {
			if tool, ok := set.Lookup(each.Name); ok {
				if tool, ok = set.Narrowed(tool, narrow); ok {
					left = append(left, mcpTool(tool))
				}
			}
		}
		return left
	}
}

// handler answers the calls of one tool. It always answers with a result,
// never with a Go error, which models do not get to see (guard 6); inputs are
// validated behind it, never by the library (guard 7).
func handler(set *Set, name string) server.ToolHandlerFunc {
	return func(ctx context.Context, call mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		res, ok := set.Answer(ctx, Incoming{Name: name, Arguments: arguments(&call), Token: progressToken(&call), Rounds: rounds(ctx, &call)})
		if !ok {
			res = Failure(executors.Errorf(executors.NotFound, "the tool %s was withdrawn", name).WithHint("list the tools again"))
		}
		return toolResult(res), nil
	}
}

func arguments(call *mcp.CallToolRequest) json.RawMessage {
	if len(call.Params.RawArguments) > 0 {
		return call.Params.RawArguments
	}
	if raw, ok := call.Params.Arguments.(json.RawMessage); ok {
		return raw
	}
	return nil
}

// progressToken is the caller's token, which every notification carries
// (guard 2); nil where it wants none.
func progressToken(call *mcp.CallToolRequest) json.RawMessage {
	if call.Params.Meta == nil || call.Params.Meta.ProgressToken == nil {
		return nil
	}
	token, err := encode(call.Params.Meta.ProgressToken)
	if err != nil {
		return nil
	}
	return token
}

// toolResult is an envelope as MCP has it: the same JSON as text and as
// structured content. A question is the newest revision's.
func toolResult(res *Result) *mcp.CallToolResult {
	if res.Question != nil {
		return askedResult(res.Question)
	}
	raw := res.Encode()
	return &mcp.CallToolResult{
		Content:              []mcp.Content{mcp.TextContent{Type: mcp.ContentTypeText, Text: string(raw)}},
		RawStructuredContent: raw,
		IsError:              res.IsError(),
	}
}
