// Package mcp is mcp_executor: a client of other MCP servers, over HTTP and
// stdio, in every revision of the protocol. It is the one executor that knows
// the protocol's library.
package mcp

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"slices"

	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/chainwright/chainwright/executors"
)

//go:embed definition.yaml
var definition embed.FS

// Executor is mcp_executor. It keeps connections and programs; Close ends
// them.
type Executor struct {
	executors.Executor
	pool *pool
}

// New makes the executor. Nothing is started or dialled before the first call.
func New() *Executor {
	e := &Executor{pool: newPool()}
	e.Executor = executors.New(executors.MustLoad(definition), e.run)
	return e
}

// Close ends the connections and the programs.
func (e *Executor) Close() error { return e.pool.close() }

// Input is what a call gives.
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
	Timeout     float64           `json:"timeout"` // applied by the door
}

// Output is what the server gave.
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
}

type server struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

func (e *Executor) run(ctx context.Context, call *executors.Call, in Input) (*Output, error) {
	if err := check(in); err != nil {
		return nil, err
	}
	to, err := aim(call, in)
	if err != nil {
		return nil, err
	}
	return e.exchange(ctx, call, to, in)
}

// exchange does one operation with a server that may be used.
func (e *Executor) exchange(ctx context.Context, call *executors.Call, to *target, in Input) (*Output, error) {
	out, err := e.attempt(ctx, call, to, in)
	if errors.Is(err, transport.ErrSessionTerminated) && ctx.Err() == nil {
		// The server has forgotten the session, and so has not begun.
		out, err = e.attempt(ctx, call, to, in)
	}
	if err != nil {
		return out, to.failure(ctx, out, err)
	}
	return out, nil
}

func (e *Executor) attempt(ctx context.Context, call *executors.Call, to *target, in Input) (*Output, error) {
	var got answers
	ctx = context.WithValue(ctx, answersKey{}, &got)
	peer, release, err := e.pool.acquire(ctx, to)
	if err != nil {
		return nil, err
	}
	defer release()
	out := &Output{Operation: in.Operation, Transport: in.Transport, Server: &peer.server, ProtocolVersion: peer.version}
	err = peer.operate(ctx, call, in, out, &got)
	if out.Success = err == nil; err != nil {
		out.Stderr = peer.stderr()
		var said *peerError
		if !errors.As(err, &said) {
			e.pool.discard(to.key, peer) // whether it is of any use is not known
		}
	}
	return out, err
}

// needed are the inputs without which an operation means nothing.
var needed = map[string]string{"call_tool": "tool_name", "read_resource": "resource_uri", "get_prompt": "prompt_name"}

// check refuses what is missing, and what would be ignored.
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

// operate does what was asked for. Results are kept as they came, but for
// lists, whose pages are put together.
func (p *peer) operate(ctx context.Context, call *executors.Call, in Input, out *Output, got *answers) error {
	var list any
	var err error
	switch in.Operation {
	case "list_tools":
		list, err = p.client.ListTools(ctx, mcp.ListToolsRequest{})
	case "list_resources":
		list, err = p.client.ListResources(ctx, mcp.ListResourcesRequest{})
	case "list_prompts":
		list, err = p.client.ListPrompts(ctx, mcp.ListPromptsRequest{})
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
	case list != nil:
		if got.last, err = json.Marshal(list); err != nil {
			return executors.Errorf(executors.ExecutionError, "the server's list can't be read: %w", err)
		}
	}
	out.Result = got.last
	return nil
}

func (p *peer) callTool(ctx context.Context, call *executors.Call, in Input, out *Output, got *answers) error {
	token, done := p.follow(call.Progress)
	defer done()
	request := mcp.CallToolRequest{}
	request.Params.Name, request.Params.Arguments = in.ToolName, in.Arguments
	if in.Arguments == nil {
		request.Params.Arguments = map[string]any{}
	}
	request.Params.Meta = &mcp.Meta{ProgressToken: token}
	result, err := p.client.CallTool(ctx, request)
	out.Result = got.last
	if err != nil {
		return err
	}
	if result.IsError {
		said := "without saying why"
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

// texts are the arguments of a prompt, which the protocol has as strings.
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
