// Package openai asks models behind any OpenAI-compatible endpoint: OpenAI,
// Azure, Together, Ollama, vLLM, llama.cpp, LM Studio and others.
package openai

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"

	sdk "github.com/sashabaranov/go-openai"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm/model"
)

// DefaultBaseURL is OpenAI's own endpoint.
const DefaultBaseURL = "https://api.openai.com/v1"

// defaultModel is asked at OpenAI itself where none is named.
const defaultModel = "gpt-4.1-mini"

// azureVersion is the API version of Azure's endpoints that are not of the
// version-less kind (/openai/v1).
const azureVersion = "2024-10-21"

// Options say where the endpoint is. Without a base URL it is OpenAI's own.
type Options struct {
	model.ServerOptions
	// Organization is sent where it is set.
	Organization string
}

// Provider is one endpoint.
type Provider struct {
	*model.Server
	client *sdk.Client

	listing sync.Mutex
	first   string // the model that it lists first
}

var _ model.Provider = (*Provider)(nil)

// New makes a provider. Nothing is dialled yet.
func New(opts Options) (*Provider, error) {
	if opts.BaseURL == "" {
		opts.BaseURL = DefaultBaseURL
	}
	server, err := model.NewServer("OpenAI-compatible", opts.ServerOptions, fieldsOf)
	if err != nil {
		return nil, err
	}
	cfg := sdk.DefaultConfig(opts.Key)
	if byDeployment(opts.BaseURL) {
		cfg = sdk.DefaultAzureConfig(opts.Key, opts.BaseURL)
		cfg.APIVersion = azureVersion
		cfg.AzureModelMapperFunc = func(deployment string) string { return deployment }
	}
	cfg.BaseURL, cfg.OrgID, cfg.HTTPClient = opts.BaseURL, opts.Organization, server.HTTP
	cfg.EmptyMessagesLimit = 1 << 20 // comments that keep the connection open; the watch bounds them
	return &Provider{Server: server, client: sdk.NewClientWithConfig(cfg)}, nil
}

// byDeployment: it is an endpoint of Azure's older kind.
func byDeployment(base string) bool {
	u, err := url.Parse(base)
	return err == nil && strings.HasSuffix(u.Hostname(), ".openai.azure.com") && !strings.Contains(u.Path, "/openai/v1")
}

// Name is openai.
func (p *Provider) Name() string { return "openai" }

// DefaultModel is a model of OpenAI's, or at other endpoints the first that
// they list.
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
	list, err := p.client.ListModels(ctx)
	if err != nil {
		_, err = p.Again("", p.failed(ctx, err, x))
		return "", err
	}
	if len(list.Models) == 0 {
		return "", executors.Errorf(executors.ExecutionError, "%s lists no models", p.Host).
			WithHint("name a model, or have the endpoint load one")
	}
	p.first = list.Models[0].ID
	return p.first, nil
}

// Complete asks once; where the endpoint says that it doesn't know a
// parameter, again without that.
func (p *Provider) Complete(ctx context.Context, req model.Request) (model.Reply, error) {
	for {
		body, fields, used := p.translate(req)
		sending, x := model.Watched(context.WithValue(ctx, fieldsKey{}, fields))
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

func (p *Provider) whole(ctx context.Context, body sdk.ChatCompletionRequest, x *model.Exchange) (model.Reply, error) {
	answer, err := p.client.CreateChatCompletion(ctx, body)
	if err != nil {
		return model.Reply{}, p.failed(ctx, err, x)
	}
	reply := model.Reply{Model: answer.Model, Usage: usage(&answer.Usage)}
	if len(answer.Choices) == 0 {
		return reply, p.Empty()
	}
	choice := answer.Choices[0]
	reply.Text, reply.Reasoning = choice.Message.Content, choice.Message.ReasoningContent
	return p.finish(reply, choice.FinishReason, choice.Message.Refusal)
}

// finish says what the end of a reply means.
func (p *Provider) finish(reply model.Reply, reason sdk.FinishReason, refusal string) (model.Reply, error) {
	switch reason {
	case sdk.FinishReasonStop, "eos", "end_turn":
		reply.FinishReason = model.Stop
	case sdk.FinishReasonLength, "max_tokens":
		reply.FinishReason = model.Length
	case sdk.FinishReasonContentFilter, "refusal":
		reply.FinishReason = model.Refusal
	case "", sdk.FinishReasonNull:
		if refusal == "" {
			return reply, p.Cut("the reply has no finish reason, so it may be cut")
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

func usage(u *sdk.Usage) model.Usage {
	if u == nil {
		return model.Usage{}
	}
	sum := model.Usage{InputTokens: u.PromptTokens, OutputTokens: u.CompletionTokens}
	if u.PromptTokensDetails != nil {
		sum.CachedTokens = u.PromptTokensDetails.CachedTokens
	}
	return sum
}

func (p *Provider) failed(ctx context.Context, err error, x *model.Exchange) error {
	var api *sdk.APIError
	var other *sdk.RequestError
	switch {
	case ctx.Err() != nil:
	case errors.As(err, &api):
		up := model.Upstream{Status: api.HTTPStatusCode, Message: api.Message, Code: strings.Trim(fmt.Sprintf("%v %s", api.Code, api.Type), " ")}
		if api.Code == nil {
			up.Code = api.Type
		}
		return p.Refused(up, x)
	case errors.As(err, &other) && other.HTTPStatusCode != 0:
		return p.Refused(model.Upstream{Status: other.HTTPStatusCode, Message: string(other.Body)}, x)
	}
	return p.Broken(ctx, err)
}
