// Package client is an MCP client of this program. It is not a stable API.
// The demo and the tests of the whole program use it. It is the SDK's client,
// so that the server is tested against code that this project did not write.
package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/chainwright/chainwright/executors/plainjson"
)

// Options configure the client.
type Options struct {
	Name, Version string
	// Revision is the protocol revision to use; the newest if empty.
	Revision string
	// Ask answers the server's questions with accept, decline or cancel. The
	// client declares elicitation if it is set.
	Ask func(message string) (action string)
	// OnToolsChanged is called when the server's list of tools has changed.
	OnToolsChanged func()
	// OnProgress is called with the progress of calls.
	OnProgress func(done, total float64, message string)
}

// Client is a connection to a server.
type Client struct {
	sdk  *client.Client
	opts Options
}

// Tool is a tool as the server lists it.
type Tool struct {
	Name, Title string
	JSON        json.RawMessage // the whole entry
}

// callTimeout bounds one request over HTTP.
const callTimeout = 2 * time.Minute

// Stdio starts a program and connects to it over stdin and stdout. The
// program's stderr is copied to errs, if that is not nil.
func Stdio(ctx context.Context, program func(ctx context.Context) *exec.Cmd, errs io.Writer, opts Options) (*Client, error) {
	start := transport.WithCommandFunc(func(ctx context.Context, _ string, _, _ []string) (*exec.Cmd, error) { return program(ctx), nil })
	with := []transport.StdioOption{start}
	if errs != nil {
		with = append(with, transport.WithCommandStderrWriter(errs))
	}
	return connect(ctx, transport.NewStdioWithOptions("program", nil, nil, with...), opts)
}

// HTTP connects to a server that listens at a URL.
func HTTP(ctx context.Context, url string, opts Options) (*Client, error) {
	wire, err := transport.NewStreamableHTTP(url, transport.WithHTTPTimeout(callTimeout))
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", url, err)
	}
	return connect(ctx, wire, opts)
}

func connect(ctx context.Context, wire transport.Interface, opts Options) (*Client, error) {
	var with []client.ClientOption
	if opts.Ask != nil {
		with = append(with, client.WithElicitationHandler(person(opts.Ask)))
	}
	c := &Client{client.NewClient(wire, with...), opts}
	if err := c.sdk.Start(context.WithoutCancel(ctx)); err != nil {
		return nil, fmt.Errorf("starting the client: %w", err)
	}
	c.sdk.OnNotification(c.opts.notified)
	var hello mcp.InitializeRequest
	hello.Params.ProtocolVersion = opts.Revision
	if opts.Revision == "" {
		hello.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	}
	hello.Params.ClientInfo = mcp.Implementation{Name: opts.Name, Version: opts.Version}
	if _, err := c.sdk.Initialize(ctx, hello); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("initialize: %w", err)
	}
	return c, nil
}

func (o *Options) notified(n mcp.JSONRPCNotification) {
	switch {
	case n.Method == mcp.MethodNotificationToolsListChanged && o.OnToolsChanged != nil:
		o.OnToolsChanged()
	case n.Method == "notifications/progress" && o.OnProgress != nil:
		done, _ := n.Params.AdditionalFields["progress"].(float64)
		total, _ := n.Params.AdditionalFields["total"].(float64)
		message, _ := n.Params.AdditionalFields["message"].(string)
		o.OnProgress(done, total, message)
	}
}

type person func(message string) (action string)

// Elicit implements client.ElicitationHandler.
func (p person) Elicit(_ context.Context, request mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	action := mcp.ElicitationResponseAction(p(request.Params.Message))
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: action}}, nil
}

// Revision is the revision that client and server agreed on.
func (c *Client) Revision() string { return c.sdk.ProtocolVersion() }

// Close ends the connection, and the program if Stdio started one.
func (c *Client) Close() error { return c.sdk.Close() }

// Tools lists the server's tools.
func (c *Client) Tools(ctx context.Context) ([]Tool, error) {
	list, err := c.sdk.ListTools(ctx, mcp.ListToolsRequest{})
	if err != nil {
		return nil, fmt.Errorf("listing the tools: %w", err)
	}
	raw, err := each(list.Tools)
	tools := make([]Tool, len(raw))
	for i := range raw {
		tools[i] = Tool{list.Tools[i].Name, list.Tools[i].Title, raw[i]}
	}
	return tools, err
}

// Prompts lists the server's prompts as JSON.
func (c *Client) Prompts(ctx context.Context) ([]json.RawMessage, error) {
	list, err := c.sdk.ListPrompts(ctx, mcp.ListPromptsRequest{})
	if err != nil {
		return nil, fmt.Errorf("listing the prompts: %w", err)
	}
	return each(list.Prompts)
}

// Resources lists the server's resources as JSON.
func (c *Client) Resources(ctx context.Context) ([]json.RawMessage, error) {
	list, err := c.sdk.ListResources(ctx, mcp.ListResourcesRequest{})
	if err != nil {
		return nil, fmt.Errorf("listing the resources: %w", err)
	}
	return each(list.Resources)
}

// ResourceTemplates lists the forms of the resources' addresses as JSON.
func (c *Client) ResourceTemplates(ctx context.Context) ([]json.RawMessage, error) {
	list, err := c.sdk.ListResourceTemplates(ctx, mcp.ListResourceTemplatesRequest{})
	if err != nil {
		return nil, fmt.Errorf("listing the resource templates: %w", err)
	}
	return each(list.ResourceTemplates)
}

func each[T any](list []T) ([]json.RawMessage, error) {
	all := make([]json.RawMessage, len(list))
	for i := range list {
		var err error
		if all[i], err = plainjson.Marshal(&list[i]); err != nil {
			return nil, fmt.Errorf("encoding a list: %w", err)
		}
	}
	return all, nil
}

// Call calls a tool and returns the text of its result, which is the envelope
// as JSON. It answers questions of the server during the call.
func (c *Client) Call(ctx context.Context, tool string, arguments any) (json.RawMessage, error) {
	var call mcp.CallToolRequest
	call.Params.Name, call.Params.Arguments = tool, arguments
	if c.opts.OnProgress != nil {
		call.Params.Meta = &mcp.Meta{ProgressToken: tool}
	}
	res, err := c.sdk.CallTool(ctx, call)
	if err != nil {
		return nil, fmt.Errorf("calling %s: %w", tool, err)
	}
	if len(res.Content) == 1 {
		if content, ok := res.Content[0].(mcp.TextContent); ok {
			return json.RawMessage(content.Text), nil
		}
	}
	return nil, fmt.Errorf("%s answered with something else than one text", tool)
}

// Complete completes a variable of a resource's address.
func (c *Client) Complete(ctx context.Context, uri, variable, begun string) ([]string, error) {
	done, err := c.sdk.Complete(ctx, mcp.CompleteRequest{Params: mcp.CompleteParams{
		Ref: mcp.ResourceReference{Type: "ref/resource", URI: uri}, Argument: mcp.CompleteArgument{Name: variable, Value: begun},
	}})
	if err != nil {
		return nil, fmt.Errorf("completing %s of %s: %w", variable, uri, err)
	}
	return done.Completion.Values, nil
}

// Read reads a resource that is one text.
func (c *Client) Read(ctx context.Context, uri string) (string, error) {
	read, err := c.sdk.ReadResource(ctx, mcp.ReadResourceRequest{Params: mcp.ReadResourceParams{URI: uri}})
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", uri, err)
	}
	for _, each := range read.Contents {
		if content, ok := each.(mcp.TextResourceContents); ok {
			return content.Text, nil
		}
	}
	return "", fmt.Errorf("%s is not a text", uri)
}
