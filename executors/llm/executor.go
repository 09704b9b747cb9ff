package llm

import (
	"context"
	"embed"
	"encoding/json"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/bind"
	"github.com/chainwright/chainwright/executors/llm/internal/model"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
)

//go:embed definition.yaml
var files embed.FS

// Executor is llm_executor. It is closed until it has a client with a model.
type Executor struct {
	executors.Executor
	client atomic.Pointer[Client]
}

// New returns llm_executor without a client; see Connect.
func New() *Executor {
	e := &Executor{}
	e.Executor = executors.New(executors.MustLoad(files), e.execute)
	return e
}

// Check implements executors.Checker: it compiles the gate and the schema of
// the reply.
func (e *Executor) Check(inputs map[string]any) []*executors.Error {
	var found []*executors.Error
	if given, ok := inputs["gate"].(map[string]any); ok && executors.Known(given) {
		var gate GateInput
		if err := bind.Into(&gate, given); err != nil {
			found = append(found, executors.Errorf(executors.ValidationError, "%w", err).WithField("gate"))
		} else if _, wrong := NewGate(gate); wrong != nil {
			found = append(found, wrong)
		}
	}
	if given, ok := inputs["output_schema"].(map[string]any); ok && executors.Known(given) {
		if _, err := replySchema(given); err != nil {
			found = append(found, err)
		}
	}
	return found
}

// User is an executor that uses models.
type User interface{ UseModels(client *Client) }

// Connect sets the client of all executors that use models.
func Connect(client *Client, list ...executors.Executor) {
	for _, e := range list {
		if user, ok := e.(User); ok {
			user.UseModels(client)
		}
	}
}

// UseModels sets the client.
func (e *Executor) UseModels(client *Client) { e.client.Store(client) }

// Closed reports whether no model is configured, and what would configure one.
func (e *Executor) Closed() (opens string, closed bool) {
	client := e.client.Load()
	if client == nil {
		return setting, true
	}
	return client.Closed()
}

// Note implements executors.Noted.
func (e *Executor) Note() string { return e.client.Load().Note() }

type input struct {
	Prompt       string         `json:"prompt"`
	Messages     []Message      `json:"messages"`
	System       string         `json:"system"`
	Model        string         `json:"model"`
	Provider     string         `json:"provider"`
	Temperature  *float64       `json:"temperature"`
	MaxTokens    int            `json:"max_tokens"`
	OutputSchema map[string]any `json:"output_schema"`
	Seed         *int           `json:"seed"`
	Gate         *GateInput     `json:"gate"`
	Stream       bool           `json:"stream"`
	Timeout      float64        `json:"timeout"` // applied by the registry
}

type output struct {
	Success      bool            `json:"success"`
	Content      string          `json:"content"`
	JSON         json.RawMessage `json:"json,omitempty"`
	Usage        Usage           `json:"usage"`
	Model        string          `json:"model"`
	Provider     string          `json:"provider"`
	FinishReason FinishReason    `json:"finish_reason"`
	Cached       bool            `json:"cached,omitempty"`
	Gate         *GateResult     `json:"gate,omitempty"`
}

func (e *Executor) execute(ctx context.Context, call *executors.Call, in input) (output, error) {
	client := e.client.Load()
	if client == nil {
		return output{}, executors.Errorf(executors.PermissionDenied, "no language model is configured").WithCode(model.CodeNone)
	}
	req, err := request(in)
	if err != nil {
		return output{}, err
	}
	var gate *Gate
	if in.Gate != nil {
		var wrong *executors.Error
		if gate, wrong = NewGate(*in.Gate); wrong != nil {
			return output{}, wrong
		}
	}
	req.Meter, req.Redact = client.MeterOf(call), call.Policy.RedactString
	log := call.Output()
	if in.Stream && (call.OnProgress != nil || call.Logs != nil) {
		req.OnText = (&teller{call: call, log: log}).take
	}
	var reply Reply
	var passed *GateResult
	var failed error
	if gate == nil {
		reply, failed = client.Complete(ctx, req)
	} else {
		reply, passed, failed = gate.ask(ctx, client, req)
	}
	if req.OnText == nil || reply.Cached {
		_, _ = io.WriteString(log, reply.Text)
	}
	if failed != nil && reply.Usage.Requests == 0 {
		return output{}, failed
	}
	return output{
		Success: failed == nil, Content: reply.Text, JSON: reply.JSON, Usage: reply.Usage, Model: reply.Model,
		Provider: reply.Provider, FinishReason: reply.FinishReason, Cached: reply.Cached, Gate: passed,
	}, failed
}

// request converts the inputs of a call to a Request.
func request(in input) (Request, error) {
	if (in.Prompt == "") == (len(in.Messages) == 0) {
		return Request{}, executors.Errorf(executors.ValidationError, "set exactly one of prompt and messages").WithField("prompt")
	}
	req := Request{
		Provider: in.Provider, Model: in.Model, Temperature: in.Temperature, MaxTokens: in.MaxTokens, Seed: in.Seed,
	}
	if in.System != "" {
		req.Messages = append(req.Messages, Message{Role: RoleSystem, Content: in.System})
	}
	req.Messages = append(req.Messages, in.Messages...)
	if in.Prompt != "" {
		req.Messages = append(req.Messages, Message{Role: RoleUser, Content: in.Prompt})
	}
	if in.OutputSchema == nil {
		return req, nil
	}
	schema, err := replySchema(in.OutputSchema)
	if err != nil {
		return Request{}, err
	}
	req.Schema = schema
	return req, nil
}

// replySchema compiles the input output_schema.
func replySchema(given map[string]any) (*Schema, *executors.Error) {
	raw, err := plainjson.Marshal(given)
	if err != nil {
		return nil, executors.Errorf(executors.ValidationError, "encoding output_schema failed: %w", err).WithField("output_schema")
	}
	schema, err := NewSchema("reply", raw)
	if err != nil {
		return nil, executors.Errorf(executors.ValidationError, "output_schema: %w", err).WithField("output_schema")
	}
	return schema, nil
}

// tellEvery is the minimum interval between progress reports of a streamed reply.
const tellEvery = 100 * time.Millisecond

// teller reports progress while a reply is streamed.
type teller struct {
	call *executors.Call
	log  io.Writer
	text strings.Builder
	last time.Time
}

func (t *teller) take(piece string) {
	t.text.WriteString(piece)
	_, _ = io.WriteString(t.log, piece)
	if now := time.Now(); now.Sub(t.last) >= tellEvery {
		t.last = now
		t.call.Progress(executors.Progress{Done: float64(tokens(t.text.String())), Message: strings.Join(strings.Fields(shorten.End(t.text.String(), 120)), " ")})
	}
}
