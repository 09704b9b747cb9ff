// Package tools says what is published. A Tool is free of MCP types, so that
// the adapter, the command line, the tests and the documentation use the same
// value.
package tools

import (
	"context"
	"encoding/json"

	"github.com/chainwright/chainwright/executors"
)

// Tool is one published tool.
type Tool struct {
	Name        string
	Title       string
	Description string
	// Input and Output are JSON Schemas of root type object, as published.
	Input, Output json.RawMessage
	Annotations   executors.Annotations
	Toolset       string
	// Handle answers one call; it never returns a Go error.
	Handle Handler
}

// Handler answers one call of a tool.
type Handler func(ctx context.Context, req *Request) *Result

// Request is one call of a tool.
type Request struct {
	Arguments json.RawMessage // as they came; nil is {}
	// Principal is who asked; empty on a local transport.
	Principal string
	// OnProgress, when set, takes progress; it never blocks.
	OnProgress func(executors.Progress)

	tool   string // as it was called
	rounds *Rounds
}

// The states that an answer can be in: how the work that it tells of stands.
const (
	StatusCompleted  = "completed"
	StatusFailed     = "failed"
	StatusCancelled  = "cancelled"
	StatusInProgress = "in_progress"
	StatusPending    = "pending"
	StatusSkipped    = "skipped"
)

// Result is the one envelope that every tool answers with; see Encode for
// its JSON form.
type Result struct {
	Status     string
	Result     json.RawMessage
	Err        *executors.Error
	RunID      string
	DurationMS float64
	Truncated  bool
	Preview    string
	Warnings   []string
	Next       *Next
	// Rest is the call that reads the result in pages; it becomes Next where
	// the result is too long to be sent.
	Rest *Next
	// Told: Err belongs to the run that was asked about, and the call itself
	// did what it was asked.
	Told bool
	// Question, when set, stands for all of the above: the call has to be made
	// again, with what the person behind the caller says to it.
	Question *Question
}

// Next is the call that goes on from here.
type Next struct {
	Tool      string         `json:"tool"`
	Arguments map[string]any `json:"arguments"`
	Why       string         `json:"why,omitempty"`
}
