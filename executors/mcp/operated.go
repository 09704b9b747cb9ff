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
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/process"
)

// Peers connects to the servers that an operator named in a file of their
// own: what is started and dialled for them is not the policy's to allow.
type Peers struct{ policy *policy.Policy }

var _ external.Peers = Peers{}

// NewPeers makes it.
func NewPeers(pol *policy.Policy) Peers { return Peers{pol} }

// Peer prepares one; nothing is started or dialled yet.
func (p Peers) Peer(spec external.PeerSpec) (external.Peer, error) {
	o := &operated{executor: &Executor{pool: newPool()}, in: Input{Transport: "stdio"}}
	o.target = target{policy: p.policy, name: spec.Path, header: spec.Headers, spec: process.Spec{
		Path: spec.Path, Args: spec.Args, Env: spec.Env, Dir: spec.Dir, Cap: keepStderr,
	}}
	if spec.URL != "" {
		at, err := url.Parse(spec.URL)
		if err != nil || at.Hostname() == "" {
			return nil, errors.New("the address can't be read")
		}
		o.direct = trusted(p.policy, "")
		o.target.url, o.target.name, o.target.own, o.in.Transport = at.String(), at.Host, o.direct, "http"
	}
	return o, nil
}

// operated is a server that an operator named.
type operated struct {
	executor *Executor
	target   target
	in       Input
	direct   *http.Transport // nil over stdio
}

// of is the target of one principal's calls: a session may hold what one of
// them has said.
func (o *operated) of(principal string) *target {
	own := o.target
	own.key = "of " + principal
	return &own
}

// Close ends the connections and the programs.
func (o *operated) Close() error {
	err := o.executor.Close()
	if o.direct != nil {
		o.direct.CloseIdleConnections()
	}
	return err
}

// Tools lists what the server has.
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
		return nil, fmt.Errorf("the server's list of tools can't be read: %w", err)
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

// Call calls a tool. Its structured content is the output; where there is
// none, the output has its text, and everything else as it came.
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
		return nil, errors.Join(err, fmt.Errorf("the result of %s can't be read: %w", tool, wrong))
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
	if len(others) > 0 {
		output["content"] = others
	}
	return output, err
}
