package tools

import (
	"context"
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// rounds is what a call of the newest revision says about the rounds that it
// may take; nil in all others.
func rounds(ctx context.Context, call *mcp.CallToolRequest) *Rounds {
	info := server.RequestProtocolInfoFromContext(ctx)
	if info == nil || !info.Modern {
		return nil
	}
	r := &Rounds{Capabilities: json.RawMessage("{}"), State: call.Params.RequestState}
	if raw, err := encode(info.ClientCapabilities); err == nil && info.ClientCapabilities != nil {
		r.Capabilities = raw
	}
	if len(call.Params.InputResponses) > 0 {
		if raw, err := encode(call.Params.InputResponses); err == nil {
			r.Responses = raw
		}
	}
	return r
}

// askedResult is a question as the answer to a call.
func askedResult(q *Question) *mcp.CallToolResult {
	return server.NewInputRequestBuilder(q.State).Elicit(QuestionID, mcp.ElicitationParams{
		Message: q.Message, RequestedSchema: map[string]any{"type": "object", "properties": map[string]any{}},
	}).ToolResult()
}
