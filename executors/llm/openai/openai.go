// Package openai asks models behind any OpenAI-compatible endpoint: OpenAI,
// Azure, Together, Ollama, vLLM, llama.cpp, LM Studio and others.
package openai

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

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

// Options say where the endpoint is and how long to wait for it.
type Options struct {
	// Key may be empty, for endpoints that need none.
	Key string
	// BaseURL is empty for OpenAI's own.
	BaseURL string
	// Organization is sent where it is set.
	Organization string
	Connect      time.Duration
	// FirstToken and Idle bound the silence of a stream: at its begin, and
	// later on.
	FirstToken, Idle time.Duration
	// Connections is how many are kept open.
	Connections int
}

// Provider is one endpoint.
type Provider struct {
	opts   Options
	who    string
	client *sdk.Client
	http   *http.Client
	quirks model.Quirks

	listing sync.Mutex
	first   string // the model that it lists first
}

var _ model.Provider = (*Provider)(nil)

// New makes a provider. Nothing is dialled yet.
func New(opts Options) (*Provider, error) {
	if opts.BaseURL == "" {
		opts.BaseURL = DefaultBaseURL
	}
	u, err := url.Parse(opts.BaseURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the base URL of the OpenAI-compatible endpoint is no http or https URL")
	}
	p := &Provider{opts: opts, who: u.Host}
	p.http = model.NewHTTPClient(model.ClientOptions{Connect: opts.Connect, Connections: opts.Connections, Fields: fieldsOf})
	cfg := sdk.DefaultConfig(opts.Key)
	if strings.HasSuffix(u.Hostname(), ".openai.azure.com") && !strings.Contains(u.Path, "/openai/v1") {
		cfg = sdk.DefaultAzureConfig(opts.Key, opts.BaseURL)
		cfg.APIVersion = azureVersion
		cfg.AzureModelMapperFunc = func(deployment string) string { return deployment }
	}
	cfg.BaseURL, cfg.OrgID, cfg.HTTPClient = opts.BaseURL, opts.Organization, p.http
	cfg.EmptyMessagesLimit = 1 << 20 // comments that keep the connection open; the watch bounds them
	p.client = sdk.NewClientWithConfig(cfg)
	return p, nil
}

// Name is openai.
func (p *Provider) Name() string { return "openai" }

// Endpoint is the base URL, without credentials.
func (p *Provider) Endpoint() string {
	u, err := url.Parse(p.opts.BaseURL)
	if err != nil {
		return ""
	}
	u.User = nil
	return u.String()
}

// Close frees idle connections.
func (p *Provider) Close() error {
	p.http.CloseIdleConnections()
	return nil
}

// DefaultModel is a model of OpenAI's, or at other endpoints the first that
// they list.
func (p *Provider) DefaultModel(ctx context.Context) (string, error) {
	if strings.TrimRight(p.opts.BaseURL, "/") == DefaultBaseURL {
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
		failed, _ := p.failure(ctx, err, x)
		return "", failed
	}
	if len(list.Models) == 0 {
		return "", executors.Errorf(executors.ExecutionError, "%s lists no models", p.who).
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
		var refused *refusedError
		if errors.As(err, &refused) {
			if p.quirks.Learn(req.Model, refused.up, used...) {
				continue
			}
			return reply, refused.as
		}
		return reply, err
	}
}

func (p *Provider) whole(ctx context.Context, body sdk.ChatCompletionRequest, x *model.Exchange) (model.Reply, error) {
	answer, err := p.client.CreateChatCompletion(ctx, body)
	if err != nil {
		return model.Reply{}, p.failed(ctx, err, x)
	}
	reply := model.Reply{Model: answer.Model, Usage: usage(&answer.Usage)}
	if len(answer.Choices) == 0 {
		return reply, executors.Errorf(executors.ExecutionError, "%s sent a response without a reply in it (no choices)", p.who).
			WithCode(model.CodeNoChoices)
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
			return reply, executors.Errorf(executors.NetworkError, "%s: the reply has no finish reason, so it may be cut", p.who).
				WithCode(model.CodeCut).Retry(0)
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
		return reply, executors.Errorf(executors.ExecutionError, "the model declined: %s", model.Clean(said, p.opts.Key)).
			WithCode(model.CodeRefusal)
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

// refusedError is a response that says no, with what it says.
type refusedError struct {
	up model.Upstream
	as *executors.Error
}

func (e *refusedError) Error() string { return e.as.Error() }

func (e *refusedError) Unwrap() error { return e.as }

// failed is failure, with the endpoint's words kept for Learn.
func (p *Provider) failed(ctx context.Context, err error, x *model.Exchange) error {
	as, up := p.failure(ctx, err, x)
	if up == nil {
		return as
	}
	return &refusedError{*up, as}
}

func (p *Provider) failure(ctx context.Context, err error, x *model.Exchange) (*executors.Error, *model.Upstream) {
	var api *sdk.APIError
	var other *sdk.RequestError
	switch {
	case ctx.Err() != nil:
	case errors.As(err, &api):
		up := model.Upstream{Status: api.HTTPStatusCode, Message: api.Message, Code: strings.Trim(fmt.Sprintf("%v %s", api.Code, api.Type), " ")}
		if api.Code == nil {
			up.Code = api.Type
		}
		return model.Failure(p.who, up, x, p.opts.Key), &up
	case errors.As(err, &other) && other.HTTPStatusCode != 0:
		up := model.Upstream{Status: other.HTTPStatusCode, Message: string(other.Body)}
		return model.Failure(p.who, up, x, p.opts.Key), &up
	}
	return model.Broken(ctx, p.who, err, p.opts.Key), nil
}
