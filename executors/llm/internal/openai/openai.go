// Package openai implements a provider for OpenAI-compatible endpoints: OpenAI,
// Azure, Together, Ollama, vLLM, llama.cpp, LM Studio and others.
//
// The forms of requests are go-openai's. Its client is not used: it drops what is
// not in the form that it knows, such as content in parts, reasoning under other
// names, and errors with the status 200.
package openai

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm/internal/model"
)

// DefaultBaseURL is OpenAI's endpoint.
const DefaultBaseURL = "https://api.openai.com/v1"

// defaultModel is the default model at OpenAI's endpoint.
const defaultModel = "gpt-4.1-mini"

// azureVersion is the API version for Azure endpoints other than /openai/v1.
const azureVersion = "2024-10-21"

// Options are the address of the endpoint. The default base URL is OpenAI's.
type Options struct {
	model.ServerOptions
	// Organization is sent if it is set.
	Organization string
}

// Provider is a provider with an OpenAI-compatible endpoint.
type Provider struct {
	*model.Server
	organization string
	byDeployment bool // an Azure endpoint with a URL for each model

	listing sync.Mutex
	first   string // the first model that the endpoint lists
}

var _ model.Provider = (*Provider)(nil)

// New returns a provider. It does not connect.
func New(opts Options) (*Provider, error) {
	if opts.BaseURL == "" {
		opts.BaseURL = DefaultBaseURL
	}
	server, err := model.NewServer("OpenAI-compatible", opts.ServerOptions)
	if err != nil {
		return nil, err
	}
	return &Provider{Server: server, organization: opts.Organization, byDeployment: byDeployment(opts.BaseURL)}, nil
}

// byDeployment reports whether it is an Azure endpoint with deployments.
func byDeployment(base string) bool {
	u, err := url.Parse(base)
	return err == nil && strings.HasSuffix(u.Hostname(), ".openai.azure.com") && !strings.Contains(u.Path, "/openai/v1")
}

// Name returns openai.
func (p *Provider) Name() string { return "openai" }

// DefaultModel returns OpenAI's default model, or the first model that another
// endpoint lists.
func (p *Provider) DefaultModel(ctx context.Context) (string, error) {
	if strings.TrimRight(p.BaseURL, "/") == DefaultBaseURL {
		return defaultModel, nil
	}
	p.listing.Lock()
	defer p.listing.Unlock()
	if p.first != "" {
		return p.first, nil
	}
	ctx, x := model.Watched(ctx)
	list, err := p.list(ctx, x)
	if err != nil {
		_, err = p.Again("", err)
		return "", err
	}
	if len(list) == 0 {
		return "", executors.Errorf(executors.ExecutionError, "%s lists no models", p.Host).
			WithHint("set a model, or load one at the endpoint")
	}
	p.first = list[0]
	return p.first, nil
}

// list returns the IDs of the endpoint's models.
func (p *Provider) list(ctx context.Context, x *model.Exchange) ([]string, error) {
	at, err := p.url("", "models")
	if err != nil {
		return nil, err
	}
	resp, err := p.open(ctx, x, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() // an error has no effect: the response has been read
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, p.Broken(ctx, err)
	}
	if up, ok := model.ErrorIn(data); ok {
		return nil, p.Refused(up, x)
	}
	var models struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.Unmarshal(data, &models); err != nil {
		return nil, p.Broken(ctx, err)
	}
	var ids []string
	for _, each := range models.Data {
		ids = append(ids, each.ID)
	}
	return ids, nil
}

// Complete sends a request, and sends it again without a feature that the
// endpoint does not support.
func (p *Provider) Complete(ctx context.Context, req model.Request) (model.Reply, error) {
	for {
		body, used := p.translate(req)
		sending, x := model.Watched(ctx)
		var reply model.Reply
		var err error
		if req.OnText != nil {
			reply, err = p.stream(sending, body, req.OnText, x)
		} else {
			reply, err = p.whole(sending, body, x)
		}
		reply.Provider = p.Name()
		reply.Usage.Requests++
		if reply.Model == "" {
			reply.Model = req.Model
		}
		again, err := p.Again(req.Model, err, used...)
		if !again {
			return reply, err
		}
	}
}

// finish sets the finish reason and returns the error for an incomplete reply or
// a refusal.
func (p *Provider) finish(reply model.Reply, reason, refusal string) (model.Reply, error) {
	switch strings.ToLower(reason) {
	case "stop", "eos", "end_turn":
		reply.FinishReason = model.Stop
	case "length", "max_tokens", "model_length":
		reply.FinishReason = model.Length
	case "content_filter", "refusal":
		reply.FinishReason = model.Refusal
	case "", "null":
		if refusal == "" {
			return reply, p.Cut("the reply has no finish reason and may be incomplete")
		}
	default:
		reply.FinishReason = model.Other
	}
	if refusal != "" {
		reply.FinishReason = model.Refusal
		if reply.Text == "" {
			reply.Text = refusal
		}
	}
	if reply.FinishReason == model.Refusal {
		said := refusal
		if said == "" {
			said = "its content filter stopped the reply"
		}
		return reply, p.Declined(said)
	}
	return reply, nil
}
