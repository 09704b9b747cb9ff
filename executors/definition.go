package executors

import (
	"encoding/json"
	"time"
)

// Definition describes an executor. It is read from a definition.yaml beside
// the code, and everything that is published about an executor (the tool's
// schema, the planner's brief, the reference pages, the help) comes from it.
type Definition struct {
	ID          string
	Title       string
	Description string
	Tags        []string
	// Aliases are further ids by which trees may name it; it is published
	// under its own alone.
	Aliases     []string
	Toolset     string
	Annotations Annotations
	// Effects narrow the annotations by input; the first that matches holds.
	Effects []Effect
	// Input and Output are JSON Schemas (2020-12) of root type object.
	Input, Output *Schema
	Examples      []Example
	Timeout       Timeout
	Retry         Retry
	// Needs are the policy switches that must be open: see policy.Need.
	Needs []string
	// Destination names the input that holds the host a call goes to ("url",
	// "host"); secrets are bound to it. Empty where a call goes nowhere.
	Destination string
	// AcceptsDependencies: the call is given the results of the tasks that
	// its task depends on.
	AcceptsDependencies bool
}

// Annotations say what a call may do to the world. All four are always set.
type Annotations struct {
	ReadOnly    bool `json:"read_only"`
	Destructive bool `json:"destructive"`
	Idempotent  bool `json:"idempotent"`
	OpenWorld   bool `json:"open_world"`
}

// Effect is the annotations of the calls whose inputs have one of the given
// values: {"method": ["GET", "HEAD"]}.
type Effect struct {
	When map[string][]any
	Annotations
}

// Example is a call that works, and what is worth showing of its result. Those
// of the executors that the server brings are all run by a test.
type Example struct {
	Title  string
	Inputs json.RawMessage
	Result json.RawMessage // nil: not told
}

// Timeout bounds one attempt: by default, and at most.
type Timeout struct {
	Default, Ceiling time.Duration
}

// Backoff is how waiting between attempts grows.
type Backoff string

// The ways of backing off.
const (
	Exponential Backoff = "exponential"
	Fixed       Backoff = "fixed"
)

// Retry is how often a retryable failure of an idempotent call is tried
// again, and how long to wait. The zero value is one attempt.
type Retry struct {
	MaxAttempts int
	Backoff     Backoff
	Initial     time.Duration
	Max         time.Duration
}
