// Package executors defines what an executor is: a definition (a file that
// describes it) and a function that does the work.
//
// The package does not depend on task trees or on MCP. All calls go through
// Registry.Invoke, the one entry point: it sets the time limit, resolves secrets
// for the destinations they are bound to, redacts the result and writes the
// audit line.
package executors

import (
	"context"
	"encoding/json"

	"github.com/chainwright/chainwright/executors/policy"
)

// Executor does one kind of work. Implementations must be safe for concurrent
// use. An executor that holds connections also implements io.Closer, which
// Registry.Close calls.
type Executor interface {
	// Definition describes the executor; it never changes.
	Definition() *Definition
	// Execute does the work once. Inputs are validated and defaults are filled
	// in. If it returns an error, the call failed; a value returned with the
	// error is kept as the output of the failed call.
	Execute(ctx context.Context, call *Call) (any, error)
}

// Checker is an executor that finds errors in literal inputs that its schema
// can't express, such as a program that does not compile. Trees are validated
// with it.
type Checker interface {
	// Check returns the errors of inputs that are valid by the schema, with
	// defaults filled in. The parts that are Unknown may be anything. It must be
	// fast, and depend on nothing but the inputs.
	Check(inputs map[string]any) []*Error
}

// Gated is an executor that depends on something outside of the policy, such
// as a language model. It is closed while that is missing. Closed is called
// often and must be fast.
type Gated interface {
	Closed() (setting string, closed bool)
}

// Noted is an executor with a note that depends on the settings, such as the
// language model. It follows the description of the published tool. Note is
// called when tools are listed, and must be fast.
type Noted interface {
	Note() string
}

// Call is one attempt at one call of an executor.
type Call struct {
	// Inputs are validated, with defaults filled in. Numbers are json.Number.
	Inputs map[string]any
	// Dependencies are the results of earlier tasks by task id. Only executors
	// whose definition accepts dependencies get them.
	Dependencies map[string]Dependency
	// Columns are names of columns in the order of the source of the rows in the
	// input Definition.RowsIn. Some may be missing, and others no columns.
	Columns []string
	// RunID and TaskID are the run and the task of the call.
	RunID, TaskID string
	// Element is the number of the element of a for_each, counted from 1; 0: the
	// task has none.
	Element int
	// Outermost is the run that a person or an assistant started: RunID, or the
	// run whose task, directly or through others, started the run RunID.
	Outermost string
	// Attempt counts from 1.
	Attempt int
	// IdempotencyKey names the work of the call: it is the same for every attempt,
	// in whichever process, and another one when a person has completed work done
	// again. Peers that know it can tell a repeated call. It has 32 hexadecimal
	// digits; empty if no engine made the call.
	IdempotencyKey string
	// Principal is the caller, for the audit line; empty on a local transport.
	Principal string
	// Policy is what the operator permits; never nil inside Execute.
	Policy *policy.Policy
	// OnProgress receives progress reports if it is set. Use Progress to
	// report.
	OnProgress func(Progress)
	// Logs receive what the call puts out, if it is set. Use Output to write.
	Logs Logs

	attempt *attempt // that of the call
}

// Secret returns a secret that an operator's own definition names, for the
// destination of the call. Secrets in inputs are resolved before Execute.
func (c *Call) Secret(ctx context.Context, name, executor, host string) (string, error) {
	value, err := c.Policy.Secret(ctx, name, executor, host)
	if err == nil && c.attempt != nil {
		c.attempt.note(name)
	}
	return value, err
}

// Progress is how far a call is: done of total (0: unknown), and a short
// message for people.
type Progress struct {
	Done    float64
	Total   float64
	Message string
}

// Progress reports how far the call is. It never blocks.
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

// Outcome is how one attempt ended. Result is the encoded output; after a
// failure it is the output that the executor returned with its error, if any.
type Outcome struct {
	Result json.RawMessage
	Err    *Error // nil: completed
	// Warning is what people must know about the result of a completed call,
	// such as that it is not the whole. It is also in the result.
	Warning string
}
