package executors

import (
	"maps"
	"slices"
)

// Complete fills defaults into the inputs of a call and validates the result,
// without changing what it was given. The placeholder of a secret fits
// anywhere: what it stands for is not known before the call.
func (d *Definition) Complete(inputs map[string]any) (map[string]any, []Violation) {
	inputs, violations := d.Input.Apply(inputs)
	return inputs, d.excuse(inputs, violations)
}

// completeOwned is Complete for inputs that may be changed.
func (d *Definition) completeOwned(inputs map[string]any) (map[string]any, []Violation) {
	inputs, violations := d.Input.ApplyOwned(inputs)
	return inputs, d.excuse(inputs, violations)
}

// excuse validates again, with holes for the placeholders of secrets.
func (d *Definition) excuse(inputs map[string]any, violations []Violation) []Violation {
	if len(violations) == 0 || !hasOpening(inputs) {
		return violations
	}
	return d.Input.Validate(withHoles(inputs))
}

// withHoles gives a copy of v with holes in the place of texts that hold
// placeholders. One that is nothing but a placeholder could be anything.
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
