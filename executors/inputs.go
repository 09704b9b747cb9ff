package executors

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/chainwright/chainwright/executors/internal/schema"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// ResolveInputs decodes the raw inputs of a direct call strictly, fills in
// defaults and validates them. Its error is one validation_error that names
// each field, its value and what is allowed.
func (r *Registry) ResolveInputs(id string, raw json.RawMessage) (map[string]any, *Error) {
	e, ok := (*r.all.Load())[id]
	if !ok {
		return nil, r.unknown(id)
	}
	object, err := strictjson.DecodeObject(raw)
	if err != nil {
		var syntax *strictjson.SyntaxError
		if errors.As(err, &syntax) {
			return nil, Errorf(ValidationError, "the inputs are not valid JSON: %w", syntax).WithHint("send one JSON object")
		}
		return nil, AsError(err)
	}
	inputs, violations := e.def.completeOwned(object)
	if len(violations) > 0 {
		return nil, InvalidInputs(e.def, violations)
	}
	return inputs, nil
}

// InvalidInputs returns the error of invalid inputs. It lists the first five
// violations; its hint shows an example if the definition has a short one.
func InvalidInputs(def *Definition, violations []schema.Violation) *Error {
	const most = 5
	err := Errorf(ValidationError, "%s", shorten.List(violations, most, Violation.String)).WithField(violations[0].Path)
	const longest = 300
	if len(def.Examples) > 0 && len(def.Examples[0].Inputs) <= longest {
		err.Hint = "inputs that work: " + string(def.Examples[0].Inputs)
	}
	return err
}

func (r *Registry) unknown(id string) *Error {
	err := Errorf(NotFound, "there is no executor %q", shorten.Bytes(id, 100))
	if names := r.Nearest(id); len(names) > 0 {
		return err.WithHint("did you mean " + strings.Join(names, " or ") + "?")
	}
	return err
}

// TimeoutFor returns the time limit of one attempt: the task's own, or the
// input timeout in seconds, or the definition's default; at most the ceiling.
func TimeoutFor(def *Definition, inputs map[string]any, task time.Duration) time.Duration {
	bound := def.Timeout.Default
	switch {
	case task > 0:
		bound = task
	default:
		if number, ok := inputs["timeout"].(json.Number); ok {
			if seconds, err := number.Float64(); err == nil && seconds > 0 {
				// A number over the ceiling may overflow a time.Duration.
				seconds = min(seconds, def.Timeout.Ceiling.Seconds())
				bound = time.Duration(seconds * float64(time.Second))
			}
		}
	}
	return max(min(bound, def.Timeout.Ceiling), 1)
}
