package llm

import (
	"context"
	"embed"
	"encoding/json"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm/model"
)

//go:embed definition.yaml
var files embed.FS

// Executor is llm_executor. It is closed until it is given a client that has a
// model to ask.
type Executor struct {
	executors.Executor
	client atomic.Pointer[Client]
}

// New makes llm_executor without a client: see Connect.
func New() *Executor {
	e := &Executor{}
	e.Executor = executors.New(executors.MustLoad(files), e.execute)
	return e
}

// User is an executor that asks models.
type User interface{ UseModels(client *Client) }

// Connect gives the client to those of the executors that ask models.
func Connect(client *Client, list ...executors.Executor) {
	for _, e := range list {
		if user, ok := e.(User); ok {
			user.UseModels(client)
		}
	}
}

// UseModels gives it the client to ask with.
func (e *Executor) UseModels(client *Client) { e.client.Store(client) }

// Closed reports whether there is no model to ask, and what opens one.
func (e *Executor) Closed() (opens string, closed bool) {
	client := e.client.Load()
	if client == nil {
		return setting, true
	}
	return client.Closed()
}

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
	Timeout      float64        `json:"timeout"` // applied by the door
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
		return output{}, executors.Errorf(executors.PermissionDenied, "there is no language model to ask").WithCode(model.CodeNone)
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
	req.Meter = client.Meter(call.RunID)
	if in.Stream && call.OnProgress != nil {
		req.OnText = (&teller{call: call}).take
	}
	var reply Reply
	var passed *GateResult
	var failed error
	if gate == nil {
		reply, failed = client.Complete(ctx, req)
	} else {
		reply, passed, failed = gate.ask(ctx, client, req)
	}
	if failed != nil && reply.Usage.Requests == 0 {
		return output{}, failed
	}
	return output{
		Success: failed == nil, Content: reply.Text, JSON: reply.JSON, Usage: reply.Usage, Model: reply.Model,
		Provider: reply.Provider, FinishReason: reply.FinishReason, Cached: reply.Cached, Gate: passed,
	}, failed
}

// request makes the request of a call.
func request(in input) (Request, error) {
	if (in.Prompt == "") == (len(in.Messages) == 0) {
		return Request{}, executors.Errorf(executors.ValidationError, "give either prompt or messages, and not both").WithField("prompt")
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
	raw, err := json.Marshal(in.OutputSchema)
	if err != nil {
		return Request{}, executors.Errorf(executors.ValidationError, "output_schema can't be written as JSON: %w", err).WithField("output_schema")
	}
	if req.Schema, err = NewSchema("reply", raw); err != nil {
		return Request{}, executors.Errorf(executors.ValidationError, "output_schema: %w", err).WithField("output_schema")
	}
	return req, nil
}

// tellEvery is how often a streamed reply is reported.
const tellEvery = 100 * time.Millisecond

// teller reports a reply while it is written.
type teller struct {
	call *executors.Call
	text strings.Builder
	last time.Time
}

func (t *teller) take(piece string) {
	t.text.WriteString(piece)
	if now := time.Now(); now.Sub(t.last) >= tellEvery {
		t.last = now
		t.call.Progress(executors.Progress{Done: float64(tokens(t.text.String())), Message: ending(t.text.String())})
	}
}

// ending is the last of a text, on one line.
func ending(text string) string {
	const longest = 120
	if len(text) > longest {
		from := len(text) - longest
		for from < len(text) && !utf8.RuneStart(text[from]) {
			from++
		}
		text = "…" + text[from:]
	}
	return strings.Join(strings.Fields(text), " ")
}
