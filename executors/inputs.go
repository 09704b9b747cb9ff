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

// ResolveInputs is ReadInputs without the arguments.
func (r *Registry) ResolveInputs(id string, raw json.RawMessage) (map[string]any, *Error) {
	inputs, _, err := r.ReadInputs(id, raw)
	return inputs, err
}

// ReadInputs decodes the raw inputs of a direct call strictly, fills in
// defaults and validates them. Inputs that are refused are read once more by
// Schema.Tolerate. It also returns the arguments that the inputs were read
// from: raw, or what it stands for. Its error is one validation_error that
// names each field, its value and what is allowed.
func (r *Registry) ReadInputs(id string, raw json.RawMessage) (map[string]any, json.RawMessage, *Error) {
	e, ok := (*r.all.Load())[id]
	if !ok {
		return nil, nil, r.unknown(id)
	}
	object, err := strictjson.DecodeObject(raw)
	if err != nil {
		var syntax *strictjson.SyntaxError
		if errors.As(err, &syntax) {
			return nil, nil, Errorf(ValidationError, "the inputs are not valid JSON: %w", syntax).WithHint("send one JSON object")
		}
		return nil, nil, AsError(err)
	}
	inputs, violations := e.def.completeOwned(object)
	if len(violations) > 0 && len(raw) > 0 {
		inputs, raw, violations = e.def.Reread(raw, violations, e.def.completeOwned)
	}
	if len(violations) > 0 {
		return nil, nil, InvalidInputs(e.def, violations)
	}
	if len(e.def.ReadJSON) > 0 {
		return e.def.readJSON(inputs, raw)
	}
	return inputs, raw, nil
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
