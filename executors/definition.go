package executors

import (
	"encoding/json"
	"time"
)

// Definition describes an executor. It is read from a definition.yaml in the
// executor's folder. Everything that is published about an executor comes from
// it: the schema of its tool, the planner's brief, the reference pages and the
// help.
type Definition struct {
	ID          string
	Title       string
	Description string
	// Details are what the description has no room for. describe_executor and the
	// reference pages show them.
	Details string
	// SearchHint are the words that people use for what the executor does, for
	// clients that search for tools: at most MaxSearchHint bytes. Empty: Hint
	// makes one.
	SearchHint string
	Tags       []string
	// Aliases are other ids that trees may use. The executor is published
	// under its own id only.
	Aliases []string
	Toolset string
	// OnRequest is set for executors whose tool is listed only if the operator's
	// tools or toolsets name it. Calls by name and trees need no list.
	OnRequest bool
	// BuiltIn is set for the executors of this program. Tests hold them to
	// their output schemas, so a reference in a tree that reads anything else
	// is a problem. For all others it is a warning.
	BuiltIn     bool
	Annotations Annotations
	// Effects narrow the annotations by input; the first match applies.
	Effects []Effect
	// Input and Output are JSON Schemas (2020-12) of root type object.
	Input, Output *Schema
	// Rare are the paths of optional properties of Input that calls may have and
	// that are not published: "verify", "auth.location". describe_executor shows
	// them.
	Rare []string
	// RareResults are the properties of Output that are not published.
	RareResults []string
	Examples    []Example
	Timeout     Timeout
	Retry       Retry
	// Needs are the policy switches that must be on: see policy.Need.
	Needs []string
	// Destination names the input with the host that a call connects to
	// ("url", "host"). Secrets are bound to that host. It is empty for
	// executors that connect to no host.
	Destination string
	// AcceptsDependencies is set for executors that are given the results of
	// the tasks that their task depends on.
	AcceptsDependencies bool
	// RowsIn names the input with the rows of a table that the executor writes.
	// A call of such an executor gets the order of their columns.
	RowsIn string
	// ReadJSON are the inputs of any type that are read as JSON if a direct
	// call gives them as text.
	ReadJSON []JSONText
}

// JSONText is an input of any type that has to be an array or an object for
// calls whose inputs have the values in When, without the input Unless.
type JSONText struct {
	Input  string
	When   map[string][]any
	Unless string
}

// Annotations say which effects a call may have. All four are always set.
type Annotations struct {
	ReadOnly    bool `json:"read_only"`
	Destructive bool `json:"destructive"`
	Idempotent  bool `json:"idempotent"`
	OpenWorld   bool `json:"open_world"`
}

// Effect is the annotations of calls whose inputs have one of the given
// values: {"method": ["GET", "HEAD"]}.
type Effect struct {
	When map[string][]any
	Annotations
}

// Example is a call that works, with the interesting part of its result. A
// test runs the examples of all built-in executors.
type Example struct {
	Title  string
	Inputs json.RawMessage
	Result json.RawMessage // nil: no documented result
}

// Timeout is the time limit of one attempt: the default and the largest value
// that a call may set.
type Timeout struct {
	Default, Ceiling time.Duration
}

// Backoff is how the delay between attempts grows.
type Backoff string

// The kinds of backoff.
const (
	Exponential Backoff = "exponential"
	Fixed       Backoff = "fixed"
)

// Retry is how often a retryable failure of an idempotent call is retried, and
// the delays between attempts. The zero value is one attempt.
type Retry struct {
	MaxAttempts int
	// Never means that trying again can't help: what a task's retry says has no
	// effect.
	Never   bool
	Backoff Backoff
	Initial time.Duration
	Max     time.Duration
}
