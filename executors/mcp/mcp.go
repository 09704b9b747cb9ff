// Package mcp implements mcp_executor. It is not a stable API.
// The executor is a client of other MCP servers, over HTTP and stdio, in every
// revision of the protocol. No other executor imports the MCP SDK.
package mcp

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/telemetry"
)

//go:embed definition.yaml
var definition embed.FS

// Executor is mcp_executor. It pools connections and server programs; Close
// ends them.
type Executor struct {
	executors.Executor
	pool *pool
}

// New returns the executor. It connects and starts programs on the first call.
func New() *Executor {
	e := &Executor{pool: newPool()}
	e.Executor = executors.New(executors.MustLoad(definition), e.run)
	return e
}

// Close closes the connections and stops the programs.
func (e *Executor) Close() error { return e.pool.close() }

// Input holds the inputs of a call.
type Input struct {
	Transport   string            `json:"transport"`
	Operation   string            `json:"operation"`
	URL         string            `json:"url"`
	Headers     map[string]string `json:"headers"`
	Command     []string          `json:"command"`
	Env         map[string]string `json:"env"`
	Cwd         string            `json:"cwd"`
	ToolName    string            `json:"tool_name"`
	ResourceURI string            `json:"resource_uri"`
	PromptName  string            `json:"prompt_name"`
	Arguments   map[string]any    `json:"arguments"`
	Timeout     float64           `json:"timeout"` // applied by the registry
}

// Output is the server's response.
type Output struct {
	Success         bool            `json:"success"`
	Operation       string          `json:"operation"`
	Transport       string          `json:"transport"`
	Result          json.RawMessage `json:"result,omitempty"`
	Error           string          `json:"error,omitempty"`
	ErrorCode       int             `json:"error_code,omitempty"`
	Server          *server         `json:"server,omitempty"`
	ProtocolVersion string          `json:"protocol_version,omitempty"`
	Stderr          string          `json:"stderr,omitempty"`
	Warnings        []string        `json:"warnings,omitempty"`
}

type server struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

func (e *Executor) run(ctx context.Context, call *executors.Call, in Input) (*Output, error) {
	if err := check(in); err != nil {
		return nil, err
	}
	to, err := aim(ctx, call, in)
	if err != nil {
		return nil, err
	}
	return e.exchange(ctx, call, to, in)
}

// exchange runs one operation on a server that policy allows.
func (e *Executor) exchange(ctx context.Context, call *executors.Call, to *target, in Input) (*Output, error) {
	out, err := e.attempt(ctx, call, to, in)
	if errors.Is(err, transport.ErrSessionTerminated) && ctx.Err() == nil {
		// The server has lost the session, so it has not run the operation.
		out, err = e.attempt(ctx, call, to, in)
	}
	if err != nil {
		return out, to.failure(ctx, out, err)
	}
	return out, nil
}

func (e *Executor) attempt(ctx context.Context, call *executors.Call, to *target, in Input) (*Output, error) {
	var got responses
	ctx = context.WithValue(ctx, responsesKey{}, &got)
	peer, release, err := e.pool.acquire(ctx, to)
	if err != nil {
		return nil, err
	}
	defer release()
	out := &Output{Operation: in.Operation, Transport: in.Transport, Server: &peer.server, ProtocolVersion: peer.version}
	err = peer.operate(ctx, call, in, out, &got)
	if got.replaced {
		out.Warnings = []string{"the server's result is not valid Unicode: its invalid characters are shown as U+FFFD"}
	}
	if out.Success = err == nil; err != nil {
		err = peer.ending(ctx, to.name, err)
		out.Stderr = peer.stderr()
		var said *peerError
		if !errors.As(err, &said) {
			e.pool.discard(to.key, peer) // its state is unknown
		}
	}
	return out, err
}

// needed maps an operation to the input that it requires.
var needed = map[string]string{"call_tool": "tool_name", "read_resource": "resource_uri", "get_prompt": "prompt_name"}

// check fails if an input is missing or does not apply to the operation.
func check(in Input) error {
	given := map[string]bool{
		"tool_name": in.ToolName != "", "resource_uri": in.ResourceURI != "", "prompt_name": in.PromptName != "",
		"url": in.URL != "", "headers": len(in.Headers) > 0, "command": len(in.Command) > 0, "env": len(in.Env) > 0, "cwd": in.Cwd != "",
	}
	want := []string{needed[in.Operation], map[string]string{"http": "url", "stdio": "command"}[in.Transport]}
	for _, name := range want {
		if name != "" && !given[name] {
			return invalid(name, "is required for %s over %s", in.Operation, in.Transport)
		}
	}
	other := map[string][]string{"http": {"command", "env", "cwd"}, "stdio": {"url", "headers"}}[in.Transport]
	for _, name := range slices.Concat(other, []string{"tool_name", "resource_uri", "prompt_name"}) {
		if given[name] && !slices.Contains(want, name) {
			return invalid(name, "is not for %s over %s", in.Operation, in.Transport)
		}
	}
	return nil
}

func invalid(field, format string, args ...any) *executors.Error {
	return executors.Errorf(executors.ValidationError, field+" "+format, args...).WithField(field)
}

// operate runs the operation. Results are returned unchanged; the pages of a
// list are joined.
func (p *peer) operate(ctx context.Context, call *executors.Call, in Input, out *Output, got *responses) error {
	var list string // the name of a list, whose pages are joined
	var err error
	switch in.Operation {
	case "list_tools":
		list = "tools"
		_, err = p.client.ListTools(ctx, mcp.ListToolsRequest{})
	case "list_resources":
		list = "resources"
		_, err = p.client.ListResources(ctx, mcp.ListResourcesRequest{})
	case "list_prompts":
		list = "prompts"
		_, err = p.client.ListPrompts(ctx, mcp.ListPromptsRequest{})
	case "read_resource":
		request := mcp.ReadResourceRequest{}
		request.Params.URI = in.ResourceURI
		_, err = p.client.ReadResource(ctx, request)
	case "get_prompt":
		request := mcp.GetPromptRequest{}
		request.Params.Name = in.PromptName
		if request.Params.Arguments, err = texts(in.Arguments); err == nil {
			_, err = p.client.GetPrompt(ctx, request)
		}
	case "call_tool":
		return p.callTool(ctx, call, in, out, got)
	}
	switch {
	case err != nil:
		return err
	case list != "":
		if out.Result, err = got.joined(list); err != nil {
			return executors.Errorf(executors.ExecutionError, "the server's list is invalid: %w", err)
		}
		return nil
	}
	out.Result = got.last
	return nil
}

func (p *peer) callTool(ctx context.Context, call *executors.Call, in Input, out *Output, got *responses) error {
	log := call.Output()
	token, done := p.follow(func(at executors.Progress) {
		call.Progress(at)
		if at.Message != "" {
			_, _ = io.WriteString(log, at.Message+"\n")
		}
	})
	defer done()
	request := mcp.CallToolRequest{}
	request.Params.Name, request.Params.Arguments = in.ToolName, in.Arguments
	if in.Arguments == nil {
		request.Params.Arguments = map[string]any{}
	}
	request.Params.Meta = &mcp.Meta{ProgressToken: token}
	telemetry.Inject(ctx, func(key, value string) {
		if request.Params.Meta.AdditionalFields == nil {
			request.Params.Meta.AdditionalFields = map[string]any{}
		}
		request.Params.Meta.AdditionalFields[key] = value
	})
	result, err := p.client.CallTool(ctx, request)
	out.Result = got.last
	if err != nil {
		return err
	}
	if result.IsError {
		said := "no reason given"
		for _, content := range result.Content {
			if text, ok := content.(mcp.TextContent); ok && text.Text != "" {
				said = text.Text
				break
			}
		}
		out.Error = said
		return &peerError{message: "the tool " + in.ToolName + " reports an error: " + said}
	}
	return nil
}

// texts converts the arguments of a prompt to strings, as the protocol requires.
func texts(arguments map[string]any) (map[string]string, error) {
	out := make(map[string]string, len(arguments))
	for name, value := range arguments {
		switch value := value.(type) {
		case string:
			out[name] = value
		case json.Number:
			out[name] = value.String()
		default:
			return nil, invalid("arguments."+name, "must be a string for a prompt")
		}
	}
	return out, nil
}
