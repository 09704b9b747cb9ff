// Package anthropic implements a provider for Anthropic-compatible endpoints.
//
// It is written by hand: the official SDK adds 5 MB to the program for this one
// request, drops errors with the status 200, and copies the whole text for each
// piece of a stream.
package anthropic

import (
	"context"
	"strings"

	"github.com/chainwright/chainwright/executors/llm/internal/model"
)

// DefaultBaseURL is Anthropic's endpoint.
const DefaultBaseURL = "https://api.anthropic.com"

const (
	defaultModel = "claude-sonnet-4-6"
	// defaultTokens is the default token limit: the endpoint requires one.
	defaultTokens = 8192
	// version is the version of the API.
	version = "2023-06-01"
)

// Provider is a provider with an Anthropic-compatible endpoint.
type Provider struct{ *model.Server }

var _ model.Provider = (*Provider)(nil)

// New returns a provider. The default base URL is Anthropic's. It does not
// connect.
func New(opts model.ServerOptions) (*Provider, error) {
	if opts.BaseURL == "" {
		opts.BaseURL = DefaultBaseURL
	}
	opts.BaseURL = strings.TrimSuffix(strings.TrimRight(opts.BaseURL, "/"), "/v1")
	server, err := model.NewServer("Anthropic", opts)
	if err != nil {
		return nil, err
	}
	return &Provider{server}, nil
}

// Name returns anthropic.
func (p *Provider) Name() string { return "anthropic" }

// DefaultModel returns a good model at a moderate price.
func (p *Provider) DefaultModel(context.Context) (string, error) { return defaultModel, nil }

// Complete sends a request, and sends it again without a feature that the
// endpoint does not support.
func (p *Provider) Complete(ctx context.Context, req model.Request) (model.Reply, error) {
	for {
		body, used := p.translate(req)
		sending, x := model.Watched(ctx)
		m, err := p.send(sending, body, req.OnText, x)
		reply := p.reply(req, m)
		if err == nil {
			err = p.finish(&reply, m)
		}
		if again, err := p.Again(req.Model, err, used...); !again {
			return reply, err
		}
	}
}

// translate converts a request. used are the features that the endpoint may not
// support.
func (p *Provider) translate(req model.Request) (body *request, used []string) {
	body = &request{Model: req.Model, MaxTokens: defaultTokens, Stream: req.OnText != nil}
	if req.MaxTokens > 0 {
		body.MaxTokens = req.MaxTokens
	}
	messages := req.Messages
	if req.Schema != nil {
		if req.Schema.Strict && !p.Lacks(req.Model, model.FeatureSchema) {
			used = append(used, model.FeatureSchema)
			body.OutputConfig = &output{format{Type: "json_schema", Schema: req.Schema.Doc}}
		} else {
			messages = model.InWords(messages, req.Schema)
		}
	}
	if req.Temperature != nil && !p.Lacks(req.Model, model.FeatureTemperature) {
		used = append(used, model.FeatureTemperature)
		temperature := min(*req.Temperature, 1)
		body.Temperature = &temperature
	}
	for _, m := range messages {
		text := []block{{Type: "text", Text: m.Content}}
		switch m.Role {
		case model.System:
			body.System = append(body.System, text...)
		case model.Assistant:
			body.Messages = append(body.Messages, turn{"assistant", text})
		default:
			body.Messages = append(body.Messages, turn{"user", text})
		}
	}
	return body, used
}

// reply converts a message; it separates text and reasoning.
func (p *Provider) reply(req model.Request, m *message) model.Reply {
	reply := model.Reply{Provider: p.Name(), Model: m.Model}
	if reply.Model == "" {
		reply.Model = req.Model
	}
	var text, reasoning strings.Builder
	for _, block := range m.Content {
		switch block.Type {
		case "text":
			text.WriteString(block.Text)
		case "thinking":
			reasoning.WriteString(block.Thinking)
		}
	}
	reply.Text, reply.Reasoning = text.String(), reasoning.String()
	u := m.Usage
	reply.Usage = model.Usage{
		InputTokens: u.Input + u.Cached + u.Created, OutputTokens: u.Output, CachedTokens: u.Cached, Requests: 1,
	}
	return reply
}

// finish sets the finish reason and returns the error for an incomplete reply or
// a refusal.
func (p *Provider) finish(reply *model.Reply, m *message) error {
	switch m.StopReason {
	case "end_turn", "stop_sequence":
		reply.FinishReason = model.Stop
	case "max_tokens", "model_context_window_exceeded":
		reply.FinishReason = model.Length
	case "refusal":
		reply.FinishReason = model.Refusal
		said := m.StopDetails.Explanation
		if said == "" {
			said = reply.Text
		}
		return p.Declined(said)
	case "":
		if len(m.Content) == 0 {
			return p.Empty()
		}
		return p.Cut("the reply has no stop reason and may be incomplete")
	default:
		reply.FinishReason = model.Other
	}
	return nil
}
