package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/external"
	"github.com/chainwright/chainwright/executors/internal/process"
	"github.com/chainwright/chainwright/executors/policy"
)

// Peers connects to the MCP servers in an operator's own files. Policy does not
// restrict their programs and addresses.
type Peers struct{ policy *policy.Policy }

var _ external.Peers = Peers{}

// NewPeers returns Peers that use the policy's dialer and secrets.
func NewPeers(pol *policy.Policy) Peers { return Peers{pol} }

// Peer returns a peer that connects on its first use.
func (p Peers) Peer(spec external.PeerSpec) (external.Peer, error) {
	o := &operated{executor: &Executor{pool: newPool()}, in: Input{Transport: "stdio"}}
	o.target = target{policy: p.policy, name: spec.Path, header: spec.Headers, spec: process.Spec{
		Path: spec.Path, Args: spec.Args, Env: spec.Env, Dir: spec.Dir, Cap: keepStderr,
	}}
	if spec.URL != "" {
		at, err := url.Parse(spec.URL)
		if err != nil || at.Hostname() == "" {
			return nil, errors.New("url is not a valid URL")
		}
		o.direct = trusted(p.policy, "")
		o.target.url, o.target.name, o.target.own, o.in.Transport = at.String(), at.Host, o.direct, "http"
	}
	return o, nil
}

// operated is a server from an operator's file.
type operated struct {
	executor *Executor
	target   target
	in       Input
	direct   *http.Transport // nil over stdio
}

// of returns the target of one principal's calls. Principals do not share
// sessions, because a session may keep what one of them sent.
func (o *operated) of(principal string) *target {
	own := o.target
	own.key = "of " + principal
	return &own
}

// Close closes the connections and stops the programs.
func (o *operated) Close() error {
	err := o.executor.Close()
	if o.direct != nil {
		o.direct.CloseIdleConnections()
	}
	return err
}

// Tools lists the server's tools.
func (o *operated) Tools(ctx context.Context) ([]external.PeerTool, error) {
	in := o.in
	in.Operation = "list_tools"
	out, err := o.executor.exchange(ctx, &executors.Call{Policy: o.target.policy}, o.of(""), in)
	if err != nil {
		return nil, err
	}
	var list struct {
		Tools []struct {
			Name        string          `json:"name"`
			Title       string          `json:"title"`
			Description string          `json:"description"`
			Input       json.RawMessage `json:"inputSchema"`
			Output      json.RawMessage `json:"outputSchema"`
			Annotations struct {
				Title       string `json:"title"`
				ReadOnly    *bool  `json:"readOnlyHint"`
				Destructive *bool  `json:"destructiveHint"`
				Idempotent  *bool  `json:"idempotentHint"`
				OpenWorld   *bool  `json:"openWorldHint"`
			} `json:"annotations"`
		} `json:"tools"`
	}
	if err := json.Unmarshal(out.Result, &list); err != nil {
		return nil, fmt.Errorf("the server's list of tools is invalid: %w", err)
	}
	said := func(hint *bool, otherwise bool) bool {
		if hint == nil {
			return otherwise
		}
		return *hint
	}
	tools := make([]external.PeerTool, len(list.Tools))
	for i, each := range list.Tools {
		a := each.Annotations
		tools[i] = external.PeerTool{
			Name: each.Name, Title: each.Title, Description: each.Description, Input: each.Input, Output: each.Output,
			Annotations: executors.Annotations{
				ReadOnly: said(a.ReadOnly, false), Destructive: said(a.Destructive, true) && !said(a.ReadOnly, false),
				Idempotent: said(a.Idempotent, false), OpenWorld: said(a.OpenWorld, true),
			},
		}
		if tools[i].Title == "" {
			tools[i].Title = a.Title
		}
	}
	return tools, nil
}

// Call calls a tool. The output is its structured content; without any, it has
// the joined texts as text and all other content as content.
func (o *operated) Call(ctx context.Context, call *executors.Call, tool string) (any, error) {
	in := o.in
	in.Operation, in.ToolName, in.Arguments = "call_tool", tool, call.Inputs
	out, err := o.executor.exchange(ctx, call, o.of(call.Principal), in)
	if out == nil || len(out.Result) == 0 {
		return nil, err
	}
	var result struct {
		Structured json.RawMessage   `json:"structuredContent"`
		Content    []json.RawMessage `json:"content"`
	}
	if wrong := json.Unmarshal(out.Result, &result); wrong != nil {
		return nil, errors.Join(err, fmt.Errorf("the result of %s is invalid: %w", tool, wrong))
	}
	if len(result.Structured) > 0 && string(result.Structured) != "null" {
		return result.Structured, err
	}
	var texts []string
	others := []json.RawMessage{}
	for _, each := range result.Content {
		var block struct{ Type, Text string }
		if json.Unmarshal(each, &block) == nil && block.Type == "text" {
			texts = append(texts, block.Text)
			continue
		}
		others = append(others, each)
	}
	output := map[string]any{"text": strings.Join(texts, "\n")}
	if len(out.Warnings) > 0 {
		output["warnings"] = out.Warnings
	}
	if len(others) > 0 {
		output["content"] = others
	}
	return output, err
}
