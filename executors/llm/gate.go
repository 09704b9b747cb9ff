package llm

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/jq"
	"github.com/chainwright/chainwright/executors/llm/model"
	"github.com/chainwright/chainwright/executors/strictjson"
)

var (
	//go:embed prompts/judge.md
	judgePrompt string
	//go:embed prompts/judgement.json
	judgementSchema []byte

	judgement = sync.OnceValues(func() (*Schema, error) { return NewSchema("judgement", judgementSchema) })
)

// What happens to a reply that does not pass its gate, once it may not be
// asked for again.
const (
	GateRetry = "retry" // the call fails; it is asked for again DefaultRepairs times before
	GateFail  = "fail"  // the call fails
	GateKeep  = "keep"  // the call completes, and its output says that it did not pass
)

// GateInput is what a caller says of a gate.
type GateInput struct {
	Matches    string `json:"matches"`
	MinLength  int    `json:"min_length"`
	MaxLength  int    `json:"max_length"`
	Schema     any    `json:"schema"`
	Condition  string `json:"condition"`
	Judge      string `json:"judge"`
	JudgeModel string `json:"judge_model"`
	OnFailure  string `json:"on_failure"`
	Retries    *int   `json:"retries"`
}

// GateResult is what a gate said of the reply that is in the output.
type GateResult struct {
	Passed bool `json:"passed"`
	// Attempts are the replies that were looked at.
	Attempts int      `json:"attempts"`
	Reasons  []string `json:"reasons,omitempty"`
}

// Gate is what a reply must be beyond its schema. It is safe for concurrent
// use.
type Gate struct {
	in        GateInput
	pattern   *regexp.Regexp
	schema    *executors.Schema
	condition *jq.Program
	retries   int
}

// NewGate compiles a gate; its errors name the field, under "gate".
func NewGate(in GateInput) (*Gate, *executors.Error) {
	g := &Gate{in: in}
	wrong := func(field, format string, args ...any) (*Gate, *executors.Error) {
		return nil, executors.Errorf(executors.ValidationError, format, args...).WithField("gate." + field)
	}
	if in.Matches == "" && in.MinLength == 0 && in.MaxLength == 0 && in.Schema == nil && in.Condition == "" && in.Judge == "" {
		return nil, executors.Errorf(executors.ValidationError, "the gate asks for nothing").WithField("gate").
			WithHint("give matches, min_length, max_length, schema, condition or judge")
	}
	if in.MaxLength > 0 && in.MinLength > in.MaxLength {
		return wrong("max_length", "max_length is %d and min_length %d: no reply can be both", in.MaxLength, in.MinLength)
	}
	var err error
	if in.Matches != "" {
		if g.pattern, err = regexp.Compile(in.Matches); err != nil {
			return wrong("matches", "matches is no regular expression: %w", err)
		}
	}
	if in.Schema != nil {
		raw, err := json.Marshal(in.Schema)
		if err != nil {
			return wrong("schema", "the schema can't be written as JSON: %w", err)
		}
		if g.schema, err = executors.CompileSchema("gate", raw); err != nil {
			return wrong("schema", "%w", err)
		}
	}
	if in.Condition != "" {
		if g.condition, err = jq.Compile(in.Condition); err != nil {
			return wrong("condition", "condition: %w", err)
		}
	}
	switch {
	case in.Retries != nil:
		g.retries = *in.Retries
	case in.OnFailure == "" || in.OnFailure == GateRetry:
		g.retries = DefaultRepairs
	}
	return g, nil
}

// ask asks until a reply passes the gate, each time with the reasons why the
// last one did not. The reply's usage is that of all that was asked.
func (g *Gate) ask(ctx context.Context, client *Client, req Request) (Reply, *GateResult, error) {
	var sum Usage
	first, result := req, &GateResult{}
	for {
		reply, err := client.Complete(ctx, req)
		sum = sum.Plus(reply.Usage)
		reply.Usage = sum
		if err != nil {
			return reply, nil, err
		}
		result.Attempts++
		reasons, used, err := g.check(ctx, client, &first, &reply)
		sum = sum.Plus(used)
		reply.Usage = sum
		if err != nil {
			return reply, nil, unjudged(ctx, err)
		}
		result.Reasons, result.Passed = reasons, len(reasons) == 0
		if result.Passed || result.Attempts > g.retries {
			return reply, result, g.verdict(result)
		}
		req.Messages = sentBack(&first, &reply, reasons)
	}
}

// unjudged is the error of a reply that nobody could judge: its words say that
// it was not the reply that failed.
func unjudged(ctx context.Context, err error) error {
	failed := executors.AsError(err)
	if ctx.Err() != nil || failed.Type == executors.Cancelled {
		return err
	}
	said := *failed
	said.Message = "judging the reply: " + failed.Message
	return &said
}

// verdict is the failure of a call whose reply did not pass, unless it is to
// be kept.
func (g *Gate) verdict(result *GateResult) error {
	if result.Passed || g.in.OnFailure == GateKeep {
		return nil
	}
	return executors.Errorf(executors.ExecutionError, "the reply does not pass the gate: %s", strings.Join(result.Reasons, "; ")).
		WithCode("gate").WithField("gate").WithHint("the reply as it came is kept in the output")
}

// check gives the reasons why a reply does not pass. A model is asked only
// about what passes everything else.
func (g *Gate) check(ctx context.Context, client *Client, asked *Request, reply *Reply) ([]string, Usage, error) {
	var reasons []string
	add := func(format string, args ...any) { reasons = append(reasons, fmt.Sprintf(format, args...)) }
	if g.pattern != nil && !g.pattern.MatchString(reply.Text) {
		add("it must match the regular expression %s", g.in.Matches)
	}
	length := utf8.RuneCountInString(reply.Text)
	if length < g.in.MinLength {
		add("it must have at least %d characters; it has %d", g.in.MinLength, length)
	}
	if g.in.MaxLength > 0 && length > g.in.MaxLength {
		add("it must have at most %d characters; it has %d", g.in.MaxLength, length)
	}
	if g.schema != nil {
		if value, err := strictjson.Decode(source(reply)); err != nil {
			add("it must be JSON and nothing else: %v", err)
		} else {
			for _, violation := range g.schema.Validate(value) {
				add("%s", violation.String())
			}
		}
	}
	if g.condition != nil {
		reason, err := g.holds(ctx, reply)
		if err != nil {
			return nil, Usage{}, err
		}
		if reason != "" {
			add("%s", reason)
		}
	}
	if g.in.Judge == "" || len(reasons) > 0 {
		return reasons, Usage{}, nil
	}
	return g.judged(ctx, client, asked, reply)
}

// source is the JSON of a reply, or the text that should be it.
func source(reply *Reply) json.RawMessage {
	if len(reply.JSON) > 0 {
		return reply.JSON
	}
	return json.RawMessage(strings.TrimSpace(reply.Text))
}

// holds evaluates the condition on the reply: on its JSON where one was asked
// for, else on its text. It gives the reason where the condition is not true.
func (g *Gate) holds(ctx context.Context, reply *Reply) (string, error) {
	var value any = reply.Text
	if len(reply.JSON) > 0 {
		var err error
		if value, err = strictjson.Decode(reply.JSON); err != nil {
			return "", fmt.Errorf("reading the reply: %w", err)
		}
	}
	found, err := g.condition.Run(ctx, value)
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil:
		return fmt.Sprintf("the condition %s can't be evaluated on it: %v", g.in.Condition, err), nil
	case len(found) != 1 || found[0] == nil || found[0] == false:
		return "this must be true of it: " + g.in.Condition, nil
	}
	return "", nil
}

// judged asks a model about the reply.
func (g *Gate) judged(ctx context.Context, client *Client, asked *Request, reply *Reply) ([]string, Usage, error) {
	schema, err := judgement()
	if err != nil {
		return nil, Usage{}, fmt.Errorf("the schema of judgements: %w", err)
	}
	name := g.in.JudgeModel
	if name == "" {
		name = asked.Model
	}
	exact := 0.0
	said, err := client.Complete(ctx, Request{
		Provider: asked.Provider, Model: name, Temperature: &exact, Schema: schema, Meter: asked.Meter,
		Messages: []model.Message{
			{Role: RoleSystem, Content: strings.TrimSpace(strings.Replace(judgePrompt, "{{CRITERION}}", g.in.Judge, 1))},
			{Role: RoleUser, Content: reply.Text},
		},
	})
	if err != nil {
		return nil, said.Usage, err
	}
	var verdict struct {
		Passed bool   `json:"passed"`
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal(said.JSON, &verdict); err != nil {
		return nil, said.Usage, fmt.Errorf("reading the judgement: %w", err)
	}
	if verdict.Passed {
		return nil, said.Usage, nil
	}
	return []string{verdict.Reason}, said.Usage, nil
}
