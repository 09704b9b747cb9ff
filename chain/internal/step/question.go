package step

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// The limits of what is shown to a person, in bytes.
const (
	MaxMessage = 16 << 10
	MaxShown   = 64 << 10
)

// The codes of approvals that did not complete.
const (
	CodeRejected = "rejected"
	CodeNoAnswer = "no_answer"
)

// Question is what a task asks: its references evaluated, secrets removed.
type Question struct {
	Message string
	Inputs  json.RawMessage // nil: none
	Schema  json.RawMessage // nil: approve or reject
	Digest  string
}

// Ask returns the question of a task.
func Ask(ctx context.Context, t *chain.Task, env *expr.Env, hide *policy.Policy) (*Question, *executors.Error) {
	v, err := t.Approval.Message.Eval(ctx, env)
	if err != nil {
		return nil, within("approval.message", err)
	}
	message, ok := v.(string)
	if !ok {
		message = string(plainjson.Must(v))
	}
	q := &Question{Message: hide.RedactString(message)}
	if n := len(q.Message); n > MaxMessage {
		return nil, tooLong("approval.message", n, MaxMessage)
	}
	inputs, static := t.Inputs.Static()
	if !static {
		if inputs, err = t.Inputs.Eval(ctx, env); err != nil {
			return nil, within("inputs", err)
		}
	}
	if len(inputs) > 0 {
		if q.Inputs = hide.RedactJSON(plainjson.Must(inputs)); len(q.Inputs) > MaxShown {
			return nil, tooLong("inputs", len(q.Inputs), MaxShown)
		}
	}
	if t.Approval.Schema != nil {
		q.Schema = t.Approval.Schema.JSON()
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q %q", q.Message, q.Inputs, q.Schema)
	q.Digest = hex.EncodeToString(sum.Sum(nil))
	return q, nil
}

func tooLong(field string, n, most int) *executors.Error {
	return executors.Errorf(executors.ValidationError, "%s is too long to show to a person: it has %d bytes, and at most %d are shown", field, n, most).
		WithField(field).WithHint("show a part of it, or a link to it")
}

// approved is the result of an approval without a schema.
var approved = json.RawMessage(`{"approved":true}`)

// AnswerOf checks a person's answer by the schema of its question, nil for
// approve or reject, and returns the result of the task. Defaults are filled in.
func AnswerOf(schema, value json.RawMessage) (json.RawMessage, *executors.Error) {
	if schema == nil {
		if len(value) > 0 {
			return nil, executors.Errorf(executors.ValidationError, "this question takes no value: it is approved or rejected").WithField("value").
				WithHint("leave value out")
		}
		return approved, nil
	}
	compiled, err := executors.CompileSchema("approval.schema", schema)
	if err != nil {
		return nil, executors.AsError(fmt.Errorf("reading the schema of the question: %w", err))
	}
	given := map[string]any{}
	if len(value) > 0 {
		decoded, err := strictjson.Decode(value)
		if err != nil {
			return nil, executors.Errorf(executors.ValidationError, "the answer is not JSON: %w", err).WithField("value")
		}
		var ok bool
		if given, ok = decoded.(map[string]any); !ok {
			return nil, executors.Errorf(executors.ValidationError, "the answer must be an object; got %s", strictjson.Kind(decoded)).WithField("value")
		}
	}
	filled, wrong := compiled.Apply(given)
	if len(wrong) > 0 {
		const most = 5
		return nil, executors.Errorf(executors.ValidationError, "the answer does not fit the question's schema: %s",
			shorten.List(wrong, most, executors.Violation.String)).WithField(chain.Under("value", wrong[0].Path)).
			WithHint("answer with an object of this schema: " + shorten.Bytes(string(schema), 500))
	}
	return plainjson.Must(filled), nil
}

// Unanswered returns the state and the outcome of a task whose question nobody
// answered in time.
func Unanswered(a *chain.Approval) (chain.State, executors.Outcome) {
	switch a.OnTimeout {
	case chain.OnTimeoutSkip:
		return chain.Skipped, executors.Outcome{}
	case chain.OnTimeoutValue:
		return chain.Completed, executors.Outcome{Result: a.Value}
	}
	err := executors.Errorf(executors.TimeoutError, "nobody answered within %s", a.Timeout).WithField("approval").
		WithHint("retry_run asks again; approval.on_timeout says what happens instead of a failure")
	err.Code = CodeNoAnswer
	return chain.Failed, executors.Outcome{Err: err}
}

// RejectedBy returns the failure of a task whose question a person rejected.
func RejectedBy(way chain.Way, principal, reason string) *executors.Error {
	by := "a person"
	if principal != "" {
		by = principal
	}
	text := fmt.Sprintf("rejected by %s (%s)", by, way)
	if reason != "" {
		text += ": " + reason
	}
	err := executors.Errorf(executors.PermissionDenied, "%s", text).WithField("approval").WithHint("ask the person what to do instead; a retry asks the question again")
	err.Code = CodeRejected
	return err
}
