// Package apflow implements apflow_api_executor. It is not a stable API.
// The executor is a client of apflow servers of both generations: those with one
// JSON-RPC endpoint (up to apflow 0.18), and those with one address for each
// module (from apflow 0.22). A remote task that a call waits for is cancelled
// when the call ends.
package apflow

import (
	"context"
	"embed"
	"encoding/json"
	"errors"

	"github.com/chainwright/chainwright/executors"
)

//go:embed definition.yaml
var definition embed.FS

// New returns apflow_api_executor. Connections are pooled by the policy's
// transports.
func New() executors.Executor {
	return executors.New(executors.MustLoad(definition), new(client).run)
}

type input struct {
	BaseURL      string            `json:"base_url"`
	API          string            `json:"api"`
	Method       string            `json:"method"`
	Params       any               `json:"params"`
	AuthToken    string            `json:"auth_token"`
	Headers      map[string]string `json:"headers"`
	UseStreaming bool              `json:"use_streaming"`
	Wait         bool              `json:"wait_for_completion"`
	PollInterval float64           `json:"poll_interval"`
	Timeout      float64           `json:"timeout"` // applied by the registry
}

type output struct {
	Success   bool            `json:"success"`
	Result    json.RawMessage `json:"result,omitempty"`
	Error     string          `json:"error,omitempty"`
	ErrorCode int             `json:"error_code,omitempty"`
	Status    string          `json:"status,omitempty"`
	Task      json.RawMessage `json:"task,omitempty"`
	TaskID    string          `json:"task_id,omitempty"`
	PollCount int             `json:"poll_count,omitempty"`
}

// peer is a server, addressed in the API of its generation.
type peer interface {
	// ask calls a method of this executor and returns its result. With an error,
	// it also returns a result that holds a refusal.
	ask(ctx context.Context, method string, params any) (json.RawMessage, error)
	// stream executes a task and passes the events on to take.
	stream(ctx context.Context, params any, take func(event) error) error
	// look returns the state of a task that was started.
	look(ctx context.Context, id string) (*task, error)
}

func (c *client) run(ctx context.Context, call *executors.Call, in input) (*output, error) {
	to, err := aim(call.Policy, in)
	if err != nil {
		return nil, err
	}
	out := new(output)
	err = c.talk(ctx, to, in.API, func(server peer) error {
		*out = output{}
		return perform(ctx, call, server, in, out)
	})
	if out.Success = err == nil; err == nil {
		return out, nil
	}
	var said *remoteError
	if errors.As(err, &said) {
		out.Error, out.ErrorCode = said.failed.Message, said.code
		return out, said.failed
	}
	if out.TaskID == "" {
		out = nil // the task is unknown
	}
	return out, to.failure(ctx, err)
}

func perform(ctx context.Context, call *executors.Call, server peer, in input, out *output) error {
	if in.Method == "tasks.execute" && (in.Wait || in.UseStreaming) {
		return execute(ctx, call, server, in, out)
	}
	var err error
	out.Result, err = server.ask(ctx, in.Method, in.Params)
	out.read(in.Method)
	return err
}

// read takes the ID and the status of the task from the result.
func (o *output) read(method string) {
	type said struct {
		ID     string `json:"id"`
		TaskID string `json:"task_id"`
		Root   string `json:"root_task_id"`
		Status string `json:"status"`
		State  string `json:"state"` // of a run
	}
	var one said
	var list []said // a tree that was made: the root is the first
	switch {
	case json.Unmarshal(o.Result, &one) == nil:
	case (method == "tasks.create" || method == "tasks.copy") && json.Unmarshal(o.Result, &list) == nil && len(list) > 0:
		one = list[0]
	default:
		return
	}
	for _, id := range []string{one.TaskID, one.ID, one.Root} {
		if id != "" {
			o.TaskID = id
			break
		}
	}
	if one.Root != "" {
		o.TaskID = one.Root // wait for the whole tree
	}
	switch o.Status = one.Status; one.State {
	case "":
	case "accepted":
		o.Status = "started"
	case "running":
		o.Status = "already_running"
	default:
		o.Status = one.State
	}
}

// remoteError is an error that the server reported.
type remoteError struct {
	failed *executors.Error
	code   int  // the server's number for the error, or 0
	passes bool // the next poll may succeed
}

func (e *remoteError) Error() string { return e.failed.Error() }
func (e *remoteError) Unwrap() error { return e.failed }

func reported(kind executors.ErrorType, format string, args ...any) *remoteError {
	return &remoteError{failed: executors.Errorf(kind, format, args...)}
}

// WithField sets the path of the input that caused e, and returns e.
func (e *remoteError) WithField(field string) *remoteError { e.failed.Field = field; return e }

// WithHint sets what to do next, and returns e.
func (e *remoteError) WithHint(hint string) *remoteError { e.failed.Hint = hint; return e }
