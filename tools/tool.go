// Package tools makes the tools that are published. It is not a stable API.
// It depends on no protocol, so MCP, the command line, the tests and the
// documentation use the same tools.
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
	// SearchHint are the words that people use for what the tool does.
	SearchHint string
	// Input and Output are JSON Schemas of root type object, as published.
	Input, Output json.RawMessage
	// Whole is the schema that calls are validated by. Input is made from it.
	Whole       json.RawMessage
	Annotations executors.Annotations
	Toolset     string
	// Long means that a call may take long, so that clients should be able to
	// call the tool as a task.
	Long bool
	// Draws means that the result is about a run or a plan, which clients can draw.
	Draws bool

	// onRequest: it is listed only if the selection names it.
	onRequest bool
	prepare   preparer
}

// Request is one call of a tool.
type Request struct {
	Arguments json.RawMessage // as received; nil is {}
	// OnProgress, when set, is called with progress; it never blocks.
	OnProgress func(executors.Progress)
	// GivenUp is called, if it is set, with the result of a direct call that is
	// given up because it does not stop. Pending.Start then returns when the
	// call ends after all, and what it returns is to be dropped. Nil: Start
	// returns when the call is given up.
	GivenUp func(*Result)
	// Trace is the trace context (traceparent) of the caller. It is recorded
	// with the run.
	Trace string
	// Labels are recorded with the run that the call starts, if it is that of a
	// tree. Only the command line sets them.
	Labels map[string]string
	// Ask asks the person behind the caller while the call waits for a run; nil:
	// it can't. Rounds means that the caller is asked by the reply instead:
	// Result.Asked.
	Ask    func(context.Context, *Question) (Reply, error)
	Rounds bool
	// Principal identifies the caller; empty on a local transport. Set.Prepare
	// sets it.
	Principal string
}

// The values of Result.Status: the state of the work.
const (
	StatusCompleted  = "completed"
	StatusFailed     = "failed"
	StatusCancelled  = "cancelled"
	StatusInProgress = "in_progress"
	StatusPending    = "pending"
	StatusQueued     = "queued"
	StatusSkipped    = "skipped"
)

// Result is the envelope that every tool returns; see Encode for its JSON form.
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
	// Rest is the call that reads the result in pages. It becomes Next if the
	// result is too long.
	Rest *Next
	// Told means that Err belongs to the run that the call asked about. The call
	// itself succeeded.
	Told bool
	// Asked is a question of the run that the call waited for, for a caller that
	// is asked in rounds.
	Asked *Asked
}

// Next is the call to make next.
type Next struct {
	Tool      string         `json:"tool"`
	Arguments map[string]any `json:"arguments"`
	Why       string         `json:"why,omitempty"`
}
