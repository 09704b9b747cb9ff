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
	"github.com/chainwright/chainwright/executors/llm/internal/model"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/strictjson"
)

var (
	//go:embed prompts/judge.md
	judgePrompt string
	//go:embed prompts/judgement.json
	judgementSchema []byte

	judgement = sync.OnceValues(func() (*Schema, error) { return NewSchema("judgement", judgementSchema) })
)

// What happens to a reply that does not pass its gate when no retries are left.
const ( // the call fails; the default number of retries is DefaultRepairs
	GateRetry = "retry" // the call fails; it is asked for again DefaultRepairs times before
	GateFail  = "fail"  // the call fails
	GateKeep  = "keep"  // the call completes, and the output says that the reply did not pass
)

// GateInput is the gate input of a call.
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

// GateResult is the gate's result for the reply in the output.
type GateResult struct {
	Passed bool `json:"passed"`
	// Attempts is the number of replies that were checked.
	Attempts int      `json:"attempts"`
	Reasons  []string `json:"reasons,omitempty"`
}

// Gate checks replies beyond their schema. It is safe for concurrent use.
type Gate struct {
	in        GateInput
	pattern   *regexp.Regexp
	heft      int // instructions of the pattern
	schema    *executors.Schema
	condition *jq.Program
	retries   int
}

// NewGate compiles a gate. Errors name the field, below "gate".
func NewGate(in GateInput) (*Gate, *executors.Error) {
	g := &Gate{in: in}
	wrong := func(field, format string, args ...any) (*Gate, *executors.Error) {
		return nil, executors.Errorf(executors.ValidationError, format, args...).WithField("gate." + field)
	}
	if in.Matches == "" && in.MinLength == 0 && in.MaxLength == 0 && in.Schema == nil && in.Condition == "" && in.Judge == "" {
		return nil, executors.Errorf(executors.ValidationError, "the gate has no check").WithField("gate").
			WithHint("set matches, min_length, max_length, schema, condition or judge")
	}
	if in.MaxLength > 0 && in.MinLength > in.MaxLength {
		return wrong("max_length", "max_length %d is less than min_length %d", in.MaxLength, in.MinLength)
	}
	var err error
	if in.Matches != "" {
		if g.pattern, g.heft, err = jq.CompileRegexp(in.Matches); err != nil {
			return wrong("matches", "matches: %w", err)
		}
	}
	if in.Schema != nil {
		raw, err := plainjson.Marshal(in.Schema)
		if err != nil {
			return wrong("schema", "encoding the schema failed: %w", err)
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

// ask repeats a request until a reply passes the gate, each time with the
// reasons why the last one failed. The usage is that of all requests.
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

// unjudged marks the error of a judge's request, so that it is not taken for an
// error of the reply.
func unjudged(ctx context.Context, err error) error {
	failed := executors.AsError(err)
	if ctx.Err() != nil || failed.Type == executors.Cancelled {
		return err
	}
	said := *failed
	said.Message = "judging the reply: " + failed.Message
	return &said
}

// verdict returns the error for a reply that did not pass, unless the gate keeps
// it.
func (g *Gate) verdict(result *GateResult) error {
	if result.Passed || g.in.OnFailure == GateKeep {
		return nil
	}
	return executors.Errorf(executors.ExecutionError, "the reply did not pass the gate: %s", strings.Join(result.Reasons, "; ")).
		WithCode("gate").WithField("gate").WithHint("the output contains the reply")
}

// check returns the reasons why a reply does not pass. The judge is called only
// if all other checks pass.
func (g *Gate) check(ctx context.Context, client *Client, asked *Request, reply *Reply) ([]string, Usage, error) {
	var reasons []string
	add := func(format string, args ...any) { reasons = append(reasons, fmt.Sprintf(format, args...)) }
	if g.heft > 0 && len(reply.Text) > jq.MaxMatching/g.heft {
		return nil, Usage{}, executors.Errorf(executors.ExecutionError, "the reply has %d bytes, which are too many for the regular expression gate.matches", len(reply.Text)).
			WithField("gate.matches").WithHint("use a shorter expression, or max_tokens")
	}
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
			add("it must be JSON only: %v", err)
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

// source returns the JSON of a reply, or else its text.
func source(reply *Reply) json.RawMessage {
	if len(reply.JSON) > 0 {
		return reply.JSON
	}
	return json.RawMessage(strings.TrimSpace(reply.Text))
}

// holds evaluates the condition on the reply's JSON, or else on its text. It
// returns the reason if the condition is not true.
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
		return fmt.Sprintf("evaluating the condition %s failed: %v", g.in.Condition, err), nil
	case len(found) != 1 || found[0] == nil || found[0] == false:
		return "this must be true of it: " + g.in.Condition, nil
	}
	return "", nil
}

// judged calls a model to judge the reply.
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
