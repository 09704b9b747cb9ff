// Package executors says what can be done: an executor is a definition (a
// file that describes it) plus an execute function.
//
// The package knows nothing of task trees or of MCP. Whoever calls an
// executor goes through Registry.Invoke, the one door, which bounds the call
// in time, resolves secrets for the destinations they are bound to, redacts
// what comes back and writes the audit line.
package executors

import (
	"context"
	"encoding/json"

	"github.com/chainwright/chainwright/executors/policy"
)

// Executor does one kind of work. Implementations must be safe for
// concurrent use. One that holds connections also implements io.Closer, which
// Registry.Close calls.
type Executor interface {
	// Definition describes the executor; it never changes.
	Definition() *Definition
	// Execute does the work once. Inputs have been validated and defaults
	// filled in. A returned error is a failure, a value is success; a value
	// returned beside an error is kept as the failed call's output.
	Execute(ctx context.Context, call *Call) (any, error)
}

// Gated is an executor that works with something that policy does not know
// of, such as a language model: it is closed while that is not there. Closed is
// asked often, and must be quick.
type Gated interface {
	Closed() (setting string, closed bool)
}

// Call is one attempt at one piece of work.
type Call struct {
	// Inputs are validated, with defaults filled in. Numbers are json.Number.
	Inputs map[string]any
	// Dependencies are the results of earlier tasks by task id, given only
	// to executors whose definition accepts dependencies.
	Dependencies map[string]Dependency
	// RunID and TaskID name the run and the task that the call belongs to.
	RunID, TaskID string
	// Attempt counts from 1.
	Attempt int
	// Principal is who asked, for the audit line; empty on a local transport.
	Principal string
	// Policy is what may be done; never nil inside Execute.
	Policy *policy.Policy
	// OnProgress, when set, takes progress reports. Use Progress to report.
	OnProgress func(Progress)

	used func(secret string) // notes it for the audit line
}

// Secret gives a secret that an operator's own definition names, for where the
// call goes. Those that inputs name are put in before.
func (c *Call) Secret(name, executor, host string) (string, error) {
	value, err := c.Policy.Secret(name, executor, host)
	if err == nil && c.used != nil {
		c.used(name)
	}
	return value, err
}

// Progress is how far a call has come: done of total (0: unknown), and a
// short message for people.
type Progress struct {
	Done    float64
	Total   float64
	Message string
}

// Progress reports how far the call has come. It never blocks.
func (c *Call) Progress(p Progress) {
	if c.OnProgress != nil {
		c.OnProgress(p)
	}
}

// Dependency is an earlier task as a later one sees it.
type Dependency struct {
	Status string
	Result json.RawMessage
	Error  string
}

// Outcome is how one attempt ended. Result is the executor's output, encoded
// once; on failure it holds the output that was there, if any.
type Outcome struct {
	Result json.RawMessage
	Err    *Error // nil: completed
}
