package mcptest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// suiteRounds adds the tools that ask their client for more input: in the
// newest revision that takes several rounds of one request.
func suiteRounds(srv *server.MCPServer) {
	for name, ask := range map[string]func(*server.InputRequestBuilder) *server.InputRequestBuilder{
		"test_input_required_result_elicitation": elicits("user_name", "What is your name?", "name"),
		"test_input_required_result_sampling":    samples("capital_question", "What is the capital of France?"),
		"test_input_required_result_list_roots":  roots("client_roots"),
		"test_streaming_elicitation":             elicits("user_name", "What is your name?", "name"),
	} {
		round(srv, name, "", ask)
	}
	round(srv, "test_input_required_result_request_state", "state", elicits("confirm", "Please confirm", "ok"))
	round(srv, "test_input_required_result_tampered_state", "state", elicits("confirm", "Please confirm", "ok"))
	round(srv, "test_input_required_result_multiple_inputs", "state", func(b *server.InputRequestBuilder) *server.InputRequestBuilder {
		return roots("client_roots")(samples("greeting", "Generate a greeting")(elicits("user_name", "What is your name?", "name")(b)))
	})
	srv.AddTool(mcp.NewTool("test_input_required_result_multi_round", mcp.WithDescription(forSuite)), func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		switch step, err := unsign(req.Params.RequestState); {
		case err != nil:
			return nil, err
		case step == "two":
			return text("done"), nil
		case step == "one":
			return elicits("step2", "Step 2: What is your favorite color?", "color")(server.NewInputRequestBuilder(sign("two"))).ToolResult(), nil
		}
		return elicits("step1", "Step 1: What is your name?", "name")(server.NewInputRequestBuilder(sign("one"))).ToolResult(), nil
	})
	srv.AddTool(mcp.NewTool("test_input_required_result_capabilities", mcp.WithDescription(forSuite)), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		b := server.NewInputRequestBuilder("")
		if info := server.RequestProtocolInfoFromContext(ctx); info != nil && info.ClientCapabilities != nil {
			if info.ClientCapabilities.Sampling != nil {
				samples("question", "What is the capital of France?")(b)
			}
			if info.ClientCapabilities.Elicitation != nil {
				elicits("user_name", "What is your name?", "name")(b)
			}
		}
		return b.ToolResult(), nil
	})
	srv.AddPrompt(mcp.NewPrompt("test_input_required_result_prompt", mcp.WithPromptDescription(forSuite)), func(_ context.Context, req mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		if _, ok := req.Params.InputResponses["user_context"]; ok {
			return mcp.NewGetPromptResult("", []mcp.PromptMessage{mcp.NewPromptMessage(mcp.RoleUser, mcp.NewTextContent("done"))}), nil
		}
		return elicits("user_context", "What context should the prompt use?", "context")(server.NewInputRequestBuilder("")).PromptResult(), nil
	})
}

// round adds a tool that returns its result when it has all inputs, and the
// state that it issued.
func round(srv *server.MCPServer, name, state string, ask func(*server.InputRequestBuilder) *server.InputRequestBuilder) {
	srv.AddTool(mcp.NewTool(name, mcp.WithDescription(forSuite)), func(_ context.Context, req mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		given := ""
		if state != "" {
			given = sign(state)
		}
		asked := ask(server.NewInputRequestBuilder(given)).ToolResult()
		if state != "" && req.Params.RequestState != "" {
			if _, err := unsign(req.Params.RequestState); err != nil {
				return nil, err
			}
		}
		for id, request := range asked.InputRequests {
			response, ok := req.Params.InputResponses[id]
			if !ok || response.DecodeFor(request.Method) != nil || empty(response) {
				return asked, nil
			}
		}
		return text("Hello, %v! state-ok", req.Params.InputResponses), nil
	})
}

// empty reports whether a response has no answer to the request.
func empty(r mcp.InputResponse) bool {
	return r.Elicitation != nil && (r.Elicitation.Action != mcp.ElicitationResponseActionAccept || r.Elicitation.Content == nil)
}

func elicits(id, message, field string) func(*server.InputRequestBuilder) *server.InputRequestBuilder {
	kind := "string"
	if field == "ok" {
		kind = "boolean"
	}
	return func(b *server.InputRequestBuilder) *server.InputRequestBuilder {
		return b.Elicit(id, mcp.ElicitationParams{Message: message, RequestedSchema: map[string]any{
			"type": "object", "properties": map[string]any{field: map[string]any{"type": kind}}, "required": []string{field},
		}})
	}
}

func samples(id, question string) func(*server.InputRequestBuilder) *server.InputRequestBuilder {
	return func(b *server.InputRequestBuilder) *server.InputRequestBuilder {
		return b.Sample(id, mcp.CreateMessageParams{MaxTokens: 100, Messages: []mcp.SamplingMessage{
			{Role: mcp.RoleUser, Content: mcp.NewTextContent(question)},
		}})
	}
}

func roots(id string) func(*server.InputRequestBuilder) *server.InputRequestBuilder {
	return func(b *server.InputRequestBuilder) *server.InputRequestBuilder { return b.Roots(id) }
}

// sign signs a state, so that a change of it is detected.
func sign(state string) string {
	mac := hmac.New(sha256.New, []byte("for tests only"))
	mac.Write([]byte(state))
	return state + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func unsign(signed string) (string, error) {
	if signed == "" {
		return "", nil
	}
	state, _, _ := strings.Cut(signed, ".")
	if !hmac.Equal([]byte(sign(state)), []byte(signed)) {
		return "", errors.New("the request state was changed")
	}
	return state, nil
}
