// Package model defines requests to and replies from language models, and their
// errors. The packages openai and anthropic implement providers; package llm,
// which callers use, chooses the provider, applies limits and checks replies.
package model

import (
	"context"
	"encoding/json"
)

// Roles of messages.
const (
	System    = "system"
	User      = "user"
	Assistant = "assistant"
)

// Message is one turn of the conversation.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Request is one request to a model.
type Request struct {
	Messages []Message
	// Model is the name of the model; empty: the endpoint's default.
	Model string
	// Temperature is nil for the endpoint's default; 0 is sent as 0.
	Temperature *float64
	// MaxTokens limits the reply; 0: the endpoint's limit.
	MaxTokens int
	// Seed requests the same reply each time, if the endpoint supports it.
	Seed *int
	// Schema is the schema of a JSON reply; nil: text.
	Schema *Schema
	// OnText, if set, streams the reply and receives its text piece by piece, in
	// order and from one goroutine. A repeated request starts from the beginning.
	OnText func(piece string)
}

// FinishReason is why a model stopped.
type FinishReason string

// The finish reasons.
const (
	Stop    FinishReason = "stop"
	Length  FinishReason = "length"
	Refusal FinishReason = "refusal"
	Other   FinishReason = "other"
)

// Reply is the reply of a model.
type Reply struct {
	// Text is the reply without the model's reasoning.
	Text string
	// JSON is the reply if a schema was requested and the reply matches it.
	JSON json.RawMessage
	// Reasoning is the model's reasoning, if the endpoint returns it.
	Reasoning    string
	FinishReason FinishReason
	Usage        Usage
	// Provider and Model generated the reply.
	Provider, Model string
	// Cached says that the reply came from the cache.
	Cached bool
}

// Usage is the usage of one or more requests.
type Usage struct {
	InputTokens  int `json:"input_tokens"`
	OutputTokens int `json:"output_tokens"`
	// CachedTokens are input tokens from the endpoint's cache.
	CachedTokens int `json:"cached_tokens"`
	// Requests is the number of requests, including repairs.
	Requests int `json:"requests"`
	// CostUSD is the cost, as far as the models' prices are known.
	CostUSD float64 `json:"cost_usd"`
}

// Plus returns the sum of u and v.
func (u Usage) Plus(v Usage) Usage {
	return Usage{
		u.InputTokens + v.InputTokens, u.OutputTokens + v.OutputTokens, u.CachedTokens + v.CachedTokens,
		u.Requests + v.Requests, u.CostUSD + v.CostUSD,
	}
}

// Tokens returns the sum of input and output tokens.
func (u Usage) Tokens() int { return u.InputTokens + u.OutputTokens }

// Provider calls one endpoint. Implementations are safe for concurrent use, do
// not retry, and return errors as *executors.Error that say whether a retry may
// help. After an error, the reply is the part that was received.
type Provider interface {
	// Name returns the name of the provider: openai, anthropic.
	Name() string
	// Endpoint returns the base URL without credentials.
	Endpoint() string
	// DefaultModel returns the model for requests that name none. The first call
	// may query the endpoint.
	DefaultModel(ctx context.Context) (string, error)
	// Complete sends one request. req.Model is set.
	Complete(ctx context.Context, req Request) (Reply, error)
	// Close closes idle connections.
	Close() error
}
