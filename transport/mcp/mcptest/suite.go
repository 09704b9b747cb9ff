// Package mcptest has MCP servers for tests. It is not a stable API.
// One passes the conformance suite of MCP; the other is the smallest that the
// SDK allows.
package mcptest

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/chainwright/chainwright/executors/plainjson"
	ours "github.com/chainwright/chainwright/transport/mcp"
)

//go:embed testdata/*.json
var fixtures embed.FS

const forSuite = "For the conformance suite"

func fixture(name string, into any) {
	raw, err := fixtures.ReadFile("testdata/" + name + ".json")
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		panic(err)
	}
}

// Suite returns a server with everything that the conformance suite calls, such
// as sampling and logging, which this program does not use.
func Suite() *ours.Server {
	srv := server.NewMCPServer("suite", "1",
		server.WithToolCapabilities(true), server.WithResourceCapabilities(true, true), server.WithPromptCapabilities(true),
		server.WithCompletions(), server.WithLogging(), server.WithElicitation(),
		server.WithExtensions(map[string]any{ours.TaskExtension: struct{}{}}))
	srv.EnableSampling()
	suiteTools(srv)
	suiteRounds(srv)
	suiteResources(srv)
	suitePrompts(srv)
	return ours.Wrap(srv, suiteTasks(srv))
}

func text(format string, args ...any) *mcp.CallToolResult {
	return mcp.NewToolResultText(fmt.Sprintf(format, args...))
}

func suiteTools(srv *server.MCPServer) {
	add := func(name string, handle server.ToolHandlerFunc, opts ...mcp.ToolOption) {
		srv.AddTool(mcp.NewTool(name, append(opts, mcp.WithDescription(forSuite))...), handle)
	}
	var still map[string]*mcp.CallToolResult
	fixture("tools", &still)
	for name, result := range still {
		add(name, func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) { return result, nil })
	}
	var schemas map[string]map[string]any
	fixture("elicitations", &schemas)
	for name, schema := range schemas {
		add(name, func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			result, err := srv.RequestElicitation(ctx, mcp.ElicitationRequest{
				Request: mcp.Request{Method: string(mcp.MethodElicitationCreate)},
				Params:  mcp.ElicitationParams{Message: req.GetString("message", "Please fill this in"), RequestedSchema: schema},
			})
			if err != nil {
				return mcp.NewToolResultError(err.Error()), nil
			}
			return text("Elicitation completed: action=%s, content=%v", result.Action, result.Content), nil
		}, mcp.WithString("message"))
	}
	add("test_sampling", func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		//nolint:staticcheck // the older revision's suite asks for what the newest deprecates
		result, err := srv.RequestSampling(ctx, mcp.CreateMessageRequest{
			Request: mcp.Request{Method: string(mcp.MethodSamplingCreateMessage)},
			CreateMessageParams: mcp.CreateMessageParams{MaxTokens: 100, Messages: []mcp.SamplingMessage{
				{Role: mcp.RoleUser, Content: mcp.NewTextContent(req.GetString("prompt", ""))},
			}},
		})
		if err != nil {
			return mcp.NewToolResultError(err.Error()), nil
		}
		return text("LLM response: %v", result.Content), nil
	}, mcp.WithString("prompt", mcp.Required()))
	add("test_tool_with_progress", func(ctx context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if req.Params.Meta == nil || req.Params.Meta.ProgressToken == nil {
			return text("done"), nil
		}
		for _, done := range []int{0, 50, 100} {
			if err := tell(ctx, "notifications/progress", map[string]any{"progressToken": req.Params.Meta.ProgressToken, "progress": done, "total": 100}); err != nil {
				return nil, err
			}
			pause(ctx)
		}
		return text("done"), nil
	})
	logging := func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if info := server.RequestProtocolInfoFromContext(ctx); info != nil && info.Modern && info.LogLevel == "" {
			return text("done, and no log was asked for"), nil
		}
		for _, line := range []string{"Tool execution started", "Tool processing data", "Tool execution completed"} {
			if err := tell(ctx, "notifications/message", map[string]any{"level": "info", "logger": "suite", "data": line}); err != nil {
				return nil, err
			}
			pause(ctx)
		}
		return text("done"), nil
	}
	add("test_tool_with_logging", logging)
	add("test_logging_tool", logging)
	add("test_missing_capability", func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) { return text("done"), nil })
	add("test_trigger_tool_change", func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		add("test_added", func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) { return text("done"), nil })
		srv.DeleteTools("test_added")
		return text("done"), nil
	})
	add("test_trigger_prompt_change", func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		srv.AddPrompt(mcp.NewPrompt("test_added"), nil)
		srv.DeletePrompts("test_added")
		return text("done"), nil
	})
}

// pause keeps notifications apart, as the suite expects of a tool that works.
func pause(ctx context.Context) {
	timer := time.NewTimer(50 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// tell sends a notification on the call's own stream.
func tell(ctx context.Context, method string, params map[string]any) error {
	notify := ours.PeerFrom(ctx).Notify
	if notify == nil {
		return nil
	}
	raw, err := plainjson.Marshal(map[string]any{"jsonrpc": "2.0", "method": method, "params": params})
	if err != nil {
		return err
	}
	return notify(raw)
}

func suiteResources(srv *server.MCPServer) {
	give := func(content mcp.ResourceContents) server.ResourceHandlerFunc {
		return func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			return []mcp.ResourceContents{content}, nil
		}
	}
	for uri, content := range map[string]mcp.ResourceContents{
		"test://static-text":      mcp.TextResourceContents{URI: "test://static-text", MIMEType: "text/plain", Text: "This is the content of the static text resource."},
		"test://static-binary":    mcp.BlobResourceContents{URI: "test://static-binary", MIMEType: "image/png", Blob: "iVBORw0KGgo="},
		"test://watched-resource": mcp.TextResourceContents{URI: "test://watched-resource", MIMEType: "text/plain", Text: "Watched."},
	} {
		srv.AddResource(mcp.NewResource(uri, strings.TrimPrefix(uri, "test://"), mcp.WithResourceDescription(forSuite)), give(content))
	}
	srv.AddResourceTemplate(mcp.NewResourceTemplate("test://template/{id}/data", "template", mcp.WithTemplateDescription(forSuite)),
		func(_ context.Context, req mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			id := strings.Split(req.Params.URI, "/")[3]
			return []mcp.ResourceContents{mcp.TextResourceContents{
				URI: req.Params.URI, MIMEType: "application/json",
				Text: fmt.Sprintf(`{"id":%q,"templateTest":true,"data":"Data for ID: %s"}`, id, id),
			}}, nil
		})
}

func suitePrompts(srv *server.MCPServer) {
	var prompts map[string]struct {
		Arguments []string
		Messages  json.RawMessage
	}
	fixture("prompts", &prompts)
	for name, p := range prompts {
		prompt := mcp.Prompt{Name: name, Description: forSuite}
		for _, argument := range p.Arguments {
			prompt.Arguments = append(prompt.Arguments, mcp.PromptArgument{Name: argument, Required: true})
		}
		srv.AddPrompt(prompt, func(_ context.Context, req mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			filled := string(p.Messages)
			for _, argument := range p.Arguments {
				filled = strings.ReplaceAll(filled, "{"+argument+"}", req.Params.Arguments[argument])
			}
			raw := json.RawMessage(`{"messages":` + filled + `}`)
			return mcp.ParseGetPromptResult(&raw)
		})
	}
}
