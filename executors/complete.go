package executors

import (
	"maps"
	"slices"
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
