// Package llm calls language models and implements llm_executor. A Client
// chooses the endpoint, applies limits, adds up usage, and validates replies
// against their schema: an invalid one is sent back with its problems.
//
// A Client does not retry failed requests. Its errors say whether a retry may
// help; package chain/retry decides.
package llm

import (
	"encoding/json"

	"github.com/chainwright/chainwright/executors/llm/internal/model"
)

// Types of package model, for callers outside of this package.
type (
	Message      = model.Message
	Reply        = model.Reply
	Usage        = model.Usage
	Schema       = model.Schema
	FinishReason = model.FinishReason
)

// Roles of messages and finish reasons.
const (
	RoleSystem    = model.System
	RoleUser      = model.User
	RoleAssistant = model.Assistant

	FinishStop    = model.Stop
	FinishLength  = model.Length
	FinishRefusal = model.Refusal
)

// NewSchema compiles a schema for replies, to be used for any number of requests.
// The model sees the name: letters, digits, _ and -.
func NewSchema(name string, raw json.RawMessage) (*Schema, error) { return model.NewSchema(name, raw) }

// DefaultRepairs is how often an invalid reply is sent back by default.
const DefaultRepairs = 2

// Request is one request to a model and the requirements for its reply.
type Request struct {
	// Provider is one of Providers; empty: the operator's choice.
	Provider string
	// Model is empty for the operator's choice, or else the endpoint's default.
	Model    string
	Messages []Message
	// Temperature is nil for the endpoint's default; 0 is sent as 0.
	Temperature *float64
	// MaxTokens limits the reply; 0: the endpoint's limit.
	MaxTokens int
	Seed      *int
	// Schema is the schema of a JSON reply; nil: text.
	Schema *Schema
	// Read, if set, converts a text without valid JSON; the result must match the
	// schema.
	Read func(text string) (json.RawMessage, bool)
	// Check, if set, returns the problems of a reply that matches the schema. They
	// are sent back like schema violations.
	Check func(*Reply) []string
	// Repairs is how often an invalid reply is sent back; 0: DefaultRepairs,
	// negative: never.
	Repairs int
	// OnText, if set, streams the reply and receives each piece of its text,
	// including reasoning that the model writes into the text. After an invalid
	// reply, the next one is streamed, too.
	OnText func(piece string)
	// Redact, if set, removes secrets from a reply before it is checked: a check
	// could read an echoed secret letter by letter.
	Redact func(string) string
	// Meter, if set, counts the usage and can stop requests.
	Meter *Meter
	// Cache, if set, replaces the operator's cache.
	Cache *Cache
}

// question returns the request in the form for providers.
func (r *Request) question(name string) model.Request {
	return model.Request{
		Messages: r.Messages, Model: name, Temperature: r.Temperature, MaxTokens: r.MaxTokens,
		Seed: r.Seed, Schema: r.Schema, OnText: r.OnText,
	}
}
