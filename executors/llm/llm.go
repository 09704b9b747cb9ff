// Package llm asks language models, and is llm_executor. A Client chooses the
// endpoint, keeps to its limits, adds up what is spent, and holds replies to
// their schema: a bad one is sent back with the exact reasons.
//
// A Client retries nothing that failed on the way: its errors say whether
// trying again may help, for the one retry policy (chain/retry).
package llm

import (
	"encoding/json"

	"github.com/chainwright/chainwright/executors/llm/model"
)

// The words of package model, for callers that need nothing else of it.
type (
	Message      = model.Message
	Reply        = model.Reply
	Usage        = model.Usage
	Schema       = model.Schema
	FinishReason = model.FinishReason
)

// Roles of messages, and why models stop.
const (
	RoleSystem    = model.System
	RoleUser      = model.User
	RoleAssistant = model.Assistant

	FinishStop    = model.Stop
	FinishLength  = model.Length
	FinishRefusal = model.Refusal
)

// NewSchema compiles a schema for replies; make it once. The name is shown to
// the model: letters, digits, _ and -.
func NewSchema(name string, raw json.RawMessage) (*Schema, error) { return model.NewSchema(name, raw) }

// DefaultRepairs is how often a bad reply is sent back where a request does
// not say.
const DefaultRepairs = 2

// Request is one question, with what its answer must be.
type Request struct {
	// Provider is one of Providers; empty means the operator's choice.
	Provider string
	// Model is empty for the operator's choice, else the endpoint's default.
	Model    string
	Messages []Message
	// Temperature is nil where the endpoint shall choose; 0 is sent as 0.
	Temperature *float64
	// MaxTokens bounds the reply; 0 leaves it to the endpoint.
	MaxTokens int
	Seed      *int
	// Schema is what the reply must be, as JSON; nil means text.
	Schema *Schema
	// Read, where set, is tried on a text that holds no JSON that fits the
	// schema: what it makes of the text must fit.
	Read func(text string) (json.RawMessage, bool)
	// Check, where set, looks at a reply that fits and names what is wrong
	// with it: problems are sent back as violations of the schema are.
	Check func(*Reply) []string
	// Repairs is how often a bad reply is sent back; 0 means DefaultRepairs,
	// less means never.
	Repairs int
	// OnText, where set, has the reply streamed and takes its text piece by
	// piece as it comes: thinking that the model puts into its text too. With
	// repairs, each reply is streamed.
	OnText func(piece string)
	// Meter, where set, counts what this takes and may stop it.
	Meter *Meter
	// Cache, where set, is looked at first. The operator's is used otherwise.
	Cache *Cache
}

// question is the request as providers see it.
func (r *Request) question(name string) model.Request {
	return model.Request{
		Messages: r.Messages, Model: name, Temperature: r.Temperature, MaxTokens: r.MaxTokens,
		Seed: r.Seed, Schema: r.Schema, OnText: r.OnText,
	}
}
