package executors

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chainwright/chainwright/executors/schema"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// ResolveInputs reads the inputs of a direct call as they came: strictly
// decoded, defaults filled in, validated. The error is one validation_error
// that names each field with what came and what is allowed.
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

// InvalidInputs is the error of inputs that do not fit, which names the first
// few reasons. Its hint shows an example where the definition has one.
func InvalidInputs(def *Definition, violations []schema.Violation) *Error {
	const most = 5
	var reasons []string
	for _, each := range violations[:min(len(violations), most)] {
		reasons = append(reasons, each.String())
	}
	if more := len(violations) - most; more > 0 {
		reasons = append(reasons, fmt.Sprintf("and %d more", more))
	}
	err := Errorf(ValidationError, "%s", strings.Join(reasons, "; ")).WithField(violations[0].Path)
	const longest = 300
	if len(def.Examples) > 0 && len(def.Examples[0].Inputs) <= longest {
		err.Hint = "inputs that work: " + string(def.Examples[0].Inputs)
	}
	return err
}

func (r *Registry) unknown(id string) *Error {
	err := Errorf(NotFound, "there is no executor %q", truncate(id, 100))
	if names := r.Nearest(id); len(names) > 0 {
		return err.WithHint("did you mean " + strings.Join(names, " or ") + "?")
	}
	return err
}

// TimeoutFor is the bound of one attempt: the task's own, else the input
// timeout in seconds, else the definition's; never over its ceiling.
func TimeoutFor(def *Definition, inputs map[string]any, task time.Duration) time.Duration {
	bound := def.Timeout.Default
	switch {
	case task > 0:
		bound = task
	default:
		if number, ok := inputs["timeout"].(json.Number); ok {
			if seconds, err := number.Float64(); err == nil && seconds > 0 {
				// A number over the ceiling may not fit a time at all.
				seconds = min(seconds, def.Timeout.Ceiling.Seconds())
				bound = time.Duration(seconds * float64(time.Second))
			}
		}
	}
	return max(min(bound, def.Timeout.Ceiling), 1)
}
