// Package model is what a language model looks like from here, whoever serves
// it: a request, a reply, and what may go wrong between them. The packages
// openai and anthropic speak to the endpoints; package llm, which callers use,
// chooses between them, bounds them and checks what they say.
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

// Request is one question to a model.
type Request struct {
	Messages []Message
	// Model is the model to ask; empty means the endpoint's default.
	Model string
	// Temperature is nil where the endpoint shall choose; 0 is sent as 0.
	Temperature *float64
	// MaxTokens bounds the reply; 0 leaves it to the endpoint.
	MaxTokens int
	// Seed asks for the same reply again, where the endpoint can do that.
	Seed *int
	// Schema is what the reply must be, as JSON; nil means text.
	Schema *Schema
	// OnText, where set, has the reply streamed, and takes each piece of text
	// in order, from one goroutine. After a failure in the middle a repeated
	// request begins from the start again.
	OnText func(piece string)
}

// FinishReason is why a model stopped.
type FinishReason string

// Why models stop. There are no others.
const (
	Stop    FinishReason = "stop"
	Length  FinishReason = "length"
	Refusal FinishReason = "refusal"
	Other   FinishReason = "other"
)

// Reply is what a model said.
type Reply struct {
	// Text is the reply without the model's thinking.
	Text string
	// JSON is the reply where a schema was asked for, and it fits that schema.
	JSON json.RawMessage
	// Reasoning is the model's thinking, where the endpoint shows it.
	Reasoning    string
	FinishReason FinishReason
	Usage        Usage
	// Provider and Model are who answered.
	Provider, Model string
	// Cached says that nobody was asked: the reply is an earlier one.
	Cached bool
}

// Usage is what one or more replies took.
type Usage struct {
	InputTokens  int `json:"input_tokens"`
	OutputTokens int `json:"output_tokens"`
	// CachedTokens are those of the input that the endpoint had read before.
	CachedTokens int `json:"cached_tokens"`
	// Requests counts what was sent, repairs included.
	Requests int `json:"requests"`
	// CostUSD is the price, as far as the models' prices are known.
	CostUSD float64 `json:"cost_usd"`
}

// Plus is the sum of both.
func (u Usage) Plus(v Usage) Usage {
	return Usage{
		u.InputTokens + v.InputTokens, u.OutputTokens + v.OutputTokens, u.CachedTokens + v.CachedTokens,
		u.Requests + v.Requests, u.CostUSD + v.CostUSD,
	}
}

// Tokens are those of the input and the output.
func (u Usage) Tokens() int { return u.InputTokens + u.OutputTokens }

// Provider speaks to one endpoint. Implementations are safe for concurrent
// use, retry nothing, and return failures as *executors.Error that say whether
// trying again may help. A reply beside an error is what there was of it.
type Provider interface {
	// Name is the provider's: openai, anthropic.
	Name() string
	// Endpoint is where it is, without credentials.
	Endpoint() string
	// DefaultModel is the model that is asked where none is named. It may ask
	// the endpoint, the first time.
	DefaultModel(ctx context.Context) (string, error)
	// Complete asks once. Model is set.
	Complete(ctx context.Context, req Request) (Reply, error)
	// Close frees idle connections.
	Close() error
}
