package mcptest

import (
	"context"
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	ours "github.com/chainwright/chainwright/transport/mcp"
)

// Tool is a tool of a bare server. It has one argument, the text to return.
type Tool struct {
	Name string
	// Argument is the name of the text.
	Argument string
	// Before, when set, is called before the tool returns.
	Before func()
}

// bare is the smallest server that the SDK allows.
func bare(tools []Tool) *server.MCPServer {
	srv := server.NewMCPServer("bare", "1", server.WithToolCapabilities(true))
	for _, tool := range tools {
		srv.AddTool(mcp.NewTool(tool.Name, mcp.WithString(tool.Argument)), func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			if tool.Before != nil {
				tool.Before()
			}
			return mcp.NewToolResultText(r.GetString(tool.Argument, "")), nil
		})
	}
	return srv
}

// Bare returns a server with only these tools, which the SDK calls.
func Bare(tools ...Tool) *ours.Server { return ours.Wrap(bare(tools), nil) }

// BareHTTP serves HTTP with only the SDK.
func BareHTTP(tools ...Tool) http.Handler {
	return server.NewStreamableHTTPServer(bare(tools), server.WithStateLess(true), server.WithDisableStreaming(true))
}

// BareStdio serves stdin and stdout with only the SDK.
func BareStdio(tools ...Tool) error { return server.ServeStdio(bare(tools)) }
