// Package anthropic asks Claude through the official SDK.
package anthropic

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	sdk "github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	"github.com/chainwright/chainwright/executors/llm/internal/model"
)

// DefaultBaseURL is Anthropic's endpoint.
const DefaultBaseURL = "https://api.anthropic.com"

const (
	defaultModel = "claude-sonnet-4-6"
	// defaultTokens is the default token limit: the endpoint requires one.
	defaultTokens = 8192
)

// Provider is a provider with an Anthropic-compatible endpoint.
type Provider struct {
	*model.Server
	messages sdk.MessageService
}

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
	// These options only: the SDK's use of the environment and the disk, its
	// retries and its timeouts are disabled.
	return &Provider{Server: server, messages: sdk.NewMessageService(
		option.WithBaseURL(opts.BaseURL+"/"),
		option.WithAPIKey(opts.Key),
		option.WithHTTPClient(server.HTTP),
		option.WithMaxRetries(0),
		option.WithRequestTimeout(24*time.Hour), // the context limits the call
		option.WithoutOpenTelemetry(),
	)}, nil
}

// Name returns anthropic.
func (p *Provider) Name() string { return "anthropic" }

// DefaultModel returns a good model at a moderate price.
func (p *Provider) DefaultModel(context.Context) (string, error) { return defaultModel, nil }

// Complete sends a request, and sends it again without a feature that the
// endpoint does not support.
func (p *Provider) Complete(ctx context.Context, req model.Request) (model.Reply, error) {
	for {
		params, used := p.translate(req)
		sending, x := model.Watched(ctx)
		var message sdk.Message
		var err error
		if req.OnText != nil {
			message, err = p.stream(sending, params, req.OnText, x)
		} else {
			var whole *sdk.Message
			if whole, err = p.messages.New(sending, params); whole != nil {
				message = *whole
			}
			if err != nil {
				err = p.failed(sending, err, x)
			}
		}
		reply := p.reply(req, &message)
		if err == nil {
			err = p.finish(&reply, &message)
		}
		if err != nil { // the SDK drops errors that come with the status 200
			if up, ok := x.Reported(); ok {
				err = p.Refused(up, x)
			}
		}
		if again, err := p.Again(req.Model, err, used...); !again {
			return reply, err
		}
	}
}

func (p *Provider) translate(req model.Request) (params sdk.MessageNewParams, used []string) {
	params = sdk.MessageNewParams{Model: req.Model, MaxTokens: defaultTokens}
	if req.MaxTokens > 0 {
		params.MaxTokens = int64(req.MaxTokens)
	}
	messages := req.Messages
	if req.Schema != nil {
		if req.Schema.Strict && !p.Lacks(req.Model, model.FeatureSchema) {
			used = append(used, model.FeatureSchema)
			params.OutputConfig.Format = sdk.JSONOutputFormatParam{Schema: req.Schema.Doc}
		} else {
			messages = model.InWords(messages, req.Schema)
		}
	}
	if req.Temperature != nil && !p.Lacks(req.Model, model.FeatureTemperature) {
		used = append(used, model.FeatureTemperature)
		params.Temperature = sdk.Float(min(*req.Temperature, 1))
	}
	for _, m := range messages {
		switch m.Role {
		case model.System:
			params.System = append(params.System, sdk.TextBlockParam{Text: m.Content})
		case model.Assistant:
			params.Messages = append(params.Messages, sdk.NewAssistantMessage(sdk.NewTextBlock(m.Content)))
		default:
			params.Messages = append(params.Messages, sdk.NewUserMessage(sdk.NewTextBlock(m.Content)))
		}
	}
	return params, used
}

// reply converts a message; it separates text and reasoning.
func (p *Provider) reply(req model.Request, message *sdk.Message) model.Reply {
	reply := model.Reply{Provider: p.Name(), Model: message.Model}
	if reply.Model == "" {
		reply.Model = req.Model
	}
	var text, reasoning strings.Builder
	for _, block := range message.Content {
		switch block.Type {
		case "text":
			text.WriteString(block.Text)
		case "thinking":
			reasoning.WriteString(block.Thinking)
		}
	}
	reply.Text, reply.Reasoning = text.String(), reasoning.String()
	u := message.Usage
	reply.Usage = model.Usage{
		InputTokens:  int(u.InputTokens + u.CacheReadInputTokens + u.CacheCreationInputTokens),
		OutputTokens: int(u.OutputTokens), CachedTokens: int(u.CacheReadInputTokens), Requests: 1,
	}
	return reply
}

// finish sets the finish reason and returns the error for an incomplete reply or
// a refusal.
func (p *Provider) finish(reply *model.Reply, message *sdk.Message) error {
	switch message.StopReason {
	case sdk.StopReasonEndTurn, sdk.StopReasonStopSequence:
		reply.FinishReason = model.Stop
	case sdk.StopReasonMaxTokens, sdk.StopReasonModelContextWindowExceeded:
		reply.FinishReason = model.Length
	case sdk.StopReasonRefusal:
		reply.FinishReason = model.Refusal
		said := message.StopDetails.Explanation
		if said == "" {
			said = reply.Text
		}
		return p.Declined(said)
	case "":
		if len(message.Content) == 0 {
			return p.Empty()
		}
		return p.Cut("the reply has no stop reason and may be incomplete")
	default:
		reply.FinishReason = model.Other
	}
	return nil
}

// stream reads a streamed reply. It is complete when it has a stop reason.
func (p *Provider) stream(ctx context.Context, params sdk.MessageNewParams, take func(string), x *model.Exchange) (message sdk.Message, err error) {
	ctx, watch := p.Watch(ctx)
	defer watch.Stop()
	var texts pieces
	defer func() { texts.into(message) }()
	events := p.messages.NewStreaming(ctx, params)
	defer events.Close() // an error has no effect: the response has been read
	for events.Next() {
		event := events.Current()
		if !texts.take(event, len(message.Content)) {
			if err := message.Accumulate(event); err != nil {
				return message, p.Senseless(err)
			}
		}
		if event.Type == "content_block_delta" || event.Type == "message_delta" {
			watch.Beat()
		}
		if event.Type == "content_block_delta" && event.Delta.Type == "text_delta" && event.Delta.Text != "" {
			take(event.Delta.Text)
		}
	}
	switch err := events.Err(); {
	case message.StopReason != "" && ctx.Err() == nil:
		return message, nil
	case err != nil && !errors.Is(err, io.EOF) || ctx.Err() != nil:
		if err == nil {
			err = ctx.Err()
		}
		return message, p.failed(ctx, err, x)
	}
	return message, p.Cut(model.CutStream)
}

func (p *Provider) failed(ctx context.Context, err error, x *model.Exchange) error {
	var api *sdk.Error
	if ctx.Err() != nil || !errors.As(err, &api) {
		return p.Broken(ctx, err)
	}
	up := model.Upstream{Status: api.StatusCode, Code: string(api.Type()), Message: api.RawJSON()}
	var body struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal([]byte(api.RawJSON()), &body) == nil && body.Error.Message != "" {
		up.Message = body.Error.Message
	}
	return p.Refused(up, x)
}
