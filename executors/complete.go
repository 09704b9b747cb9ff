package executors

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors/internal/schema"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// Complete fills in the defaults of a call's inputs and validates the result.
// It does not change inputs. A placeholder of a secret is valid anywhere,
// because its value is not known before the call.
func (d *Definition) Complete(inputs map[string]any) (map[string]any, []Violation) {
	inputs, violations := d.Input.Apply(inputs)
	return inputs, d.excuse(inputs, violations)
}

// completeOwned is Complete for inputs that may be changed.
func (d *Definition) completeOwned(inputs map[string]any) (map[string]any, []Violation) {
	inputs, violations := d.Input.ApplyOwned(inputs)
	return inputs, d.excuse(inputs, violations)
}

// Reread reads arguments once more that were refused: by Schema.Tolerate, and
// then by complete, which fills in defaults and validates. It also returns the
// arguments that it has read. before are the violations so far.
func (d *Definition) Reread(raw json.RawMessage, before []Violation, complete func(map[string]any) (map[string]any, []Violation)) (map[string]any, json.RawMessage, []Violation) {
	read, wrong := d.Input.Tolerate(raw)
	object, err := strictjson.DecodeObject(read)
	if err != nil {
		return nil, raw, before
	}
	inputs, violations := complete(object)
	return inputs, read, merged(wrong, violations)
}

// merged returns the violations of both lists, those of the first where both
// have the same place.
func merged(first, second []Violation) []Violation {
	if len(first) == 0 {
		return second
	}
	list := slices.Clone(first)
	for _, each := range second {
		if !slices.ContainsFunc(first, func(v Violation) bool { return v.Path == each.Path }) {
			list = append(list, each)
		}
	}
	return list
}

// readJSON reads the texts that ReadJSON names.
func (d *Definition) readJSON(inputs map[string]any, raw json.RawMessage) (map[string]any, json.RawMessage, *Error) {
	for i := range d.ReadJSON {
		each := &d.ReadJSON[i]
		text, ok := inputs[each.Input].(string)
		if !ok || !each.applies(d.Input, inputs) {
			continue
		}
		text = strings.TrimSpace(text)
		if !strings.HasPrefix(text, "[") && !strings.HasPrefix(text, "{") {
			continue
		}
		value, err := strictjson.Decode([]byte(text))
		if err != nil {
			return nil, nil, Errorf(ValidationError, "%s must be an array or an object here; got text that is not JSON: %w", each.Input, err).WithField(each.Input)
		}
		raw = withMember(raw, each.Input, json.RawMessage(text))
		inputs[each.Input] = value
	}
	return inputs, raw, nil
}

// applies reports whether what the inputs ask for needs JSON.
func (t *JSONText) applies(input *Schema, inputs map[string]any) bool {
	if _, ok := inputs[t.Unless]; ok {
		return false
	}
	return (&Effect{When: t.When}).matches(input, inputs) == schema.Yes
}

// withMember returns an object in which a member has another value.
func withMember(object json.RawMessage, name string, value json.RawMessage) json.RawMessage {
	changed := []byte{'{'}
	for key, old := range strictjson.Members(object) {
		if len(changed) > 1 {
			changed = append(changed, ',')
		}
		if key == name {
			old = value
		}
		changed = append(append(plainjson.AppendString(changed, key), ':'), old...)
	}
	return append(changed, '}')
}

// excuse validates again and accepts the placeholders of secrets.
func (d *Definition) excuse(inputs map[string]any, violations []Violation) []Violation {
	if len(violations) == 0 || !hasOpening(inputs) {
		return violations
	}
	return d.Input.Validate(withHoles(inputs))
}

// withHoles returns a copy of v in which texts with placeholders are Unknown.
// A text that is one placeholder and nothing else may become any value.
func withHoles(v any) any {
	switch v := v.(type) {
	case string:
		for _, at := range placeholders.FindAllStringIndex(v, -1) {
			if v[at[0]:at[0]+2] != "$$" {
				return Unknown{Text: at[1]-at[0] < len(v)}
			}
		}
	case []any:
		copied := slices.Clone(v)
		for i, each := range copied {
			copied[i] = withHoles(each)
		}
		return copied
	case map[string]any:
		copied := maps.Clone(v)
		for key, each := range v {
			copied[key] = withHoles(each)
		}
		return copied
	}
	return v
}
