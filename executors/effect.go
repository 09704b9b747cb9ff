package executors

import (
	"encoding/json"
	"strings"

	"github.com/chainwright/chainwright/executors/internal/schema"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// EffectOf returns the annotations of a call with these inputs: those of the
// first effect that matches, or the definition's own. A missing input counts
// as its default. An input that is not known yet, or contains the placeholder
// of a secret, could match any effect; then the result is the most careful of
// the possible ones.
func (d *Definition) EffectOf(inputs map[string]any) Annotations {
	if len(d.Effects) == 0 {
		return d.Annotations
	}
	var possible []Annotations
	for i := range d.Effects {
		switch d.Effects[i].matches(d.Input, inputs) {
		case schema.Yes:
			return careful(possible, d.Effects[i].Annotations)
		case schema.Maybe:
			possible = append(possible, d.Effects[i].Annotations)
		}
	}
	return careful(possible, d.Annotations)
}

func (e *Effect) matches(input *Schema, inputs map[string]any) schema.Answer {
	all := schema.Yes
	for name, values := range e.When {
		value, ok := inputs[name]
		if text, isText := value.(string); !ok {
			value = input.Default(name)
		} else if isText && strings.Contains(text, opening) {
			value = withHoles(text)
		}
		any := schema.No
		for _, each := range values {
			any = max(any, schema.Equal(value, each))
		}
		all = min(all, any)
	}
	return all
}

func careful(possible []Annotations, last Annotations) Annotations {
	for _, each := range possible {
		last.ReadOnly = last.ReadOnly && each.ReadOnly
		last.Destructive = last.Destructive || each.Destructive
		last.Idempotent = last.Idempotent && each.Idempotent
		last.OpenWorld = last.OpenWorld || each.OpenWorld
	}
	return last
}

// ReadOnlyInput returns the input schema limited to calls that change nothing:
// an input that decides about that keeps only its read-only values. It returns
// false if no call is read-only.
//
// This is exact for one effect, or for several effects of the same input. For
// other effects the schema may be too narrow or, for inputs without an enum,
// too wide; Registry.Invoke checks each call in any case.
func (d *Definition) ReadOnlyInput() (json.RawMessage, bool) {
	allowed, ok := d.readOnlyValues()
	if !ok {
		return nil, false
	}
	raw := d.Input.JSON()
	for name, values := range allowed {
		raw = narrow(raw, name, values)
	}
	return raw, true
}

// readOnlyValues returns the values that inputs are limited to.
func (d *Definition) readOnlyValues() (map[string][]any, bool) {
	if d.Annotations.ReadOnly {
		allowed := map[string][]any{}
		for _, effect := range d.Effects {
			if effect.ReadOnly || len(effect.When) != 1 {
				continue
			}
			for name, values := range effect.When {
				from, ok := allowed[name]
				if !ok {
					from = d.Input.Enum(name)
				}
				if len(from) > 0 {
					allowed[name] = without(from, values)
				}
			}
		}
		return allowed, true
	}
	var allowed map[string][]any
	taken := map[string][]any{} // values that earlier effects match
	for _, effect := range d.Effects {
		if !effect.ReadOnly {
			for name, values := range effect.When {
				taken[name] = append(taken[name], values...)
			}
			continue
		}
		left := map[string][]any{}
		for name, values := range effect.When {
			left[name] = without(values, taken[name])
		}
		switch {
		case allowed == nil:
			allowed = left
		case len(allowed) == 1 && sameKeys(allowed, left):
			for name := range allowed {
				allowed[name] = append(allowed[name], without(left[name], allowed[name])...)
			}
		}
	}
	for _, values := range allowed {
		if len(values) == 0 {
			return nil, false
		}
	}
	return allowed, allowed != nil
}

func sameKeys(a, b map[string][]any) bool {
	for name := range a {
		if _, ok := b[name]; !ok {
			return false
		}
	}
	return len(a) == len(b)
}

func without(values, taken []any) []any {
	var left []any
	for _, each := range values {
		if !contains(taken, each) {
			left = append(left, each)
		}
	}
	return left
}

func contains(values []any, value any) bool {
	for _, each := range values {
		if schema.Equal(each, value) == schema.Yes {
			return true
		}
	}
	return false
}

// narrow sets the enum of one property of a schema, and keeps the order of
// keys. If the default is not one of the values, it is removed and the
// property becomes required.
func narrow(raw json.RawMessage, name string, values []any) json.RawMessage {
	root := members(raw)
	properties := members(root.get("properties"))
	property := members(properties.get(name))
	if old := property.get("enum"); old != nil {
		values = inOrder(old, values)
	}
	property.set("enum", plainjson.Must(values))
	if old := property.get("default"); old != nil && !contains(values, decode(old)) {
		property.drop("default")
		required, _ := decode(root.get("required")).([]any)
		if !contains(required, name) {
			root.set("required", plainjson.Must(append(required, name)))
		}
	}
	properties.set(name, property.encode())
	root.set("properties", properties.encode())
	return root.encode()
}

// inOrder returns those of values that are in the schema's own enum, in its
// order.
func inOrder(enum json.RawMessage, values []any) []any {
	list, _ := decode(enum).([]any)
	var kept []any
	for _, each := range list {
		if contains(values, each) {
			kept = append(kept, each)
		}
	}
	return kept
}

// object is a JSON object that keeps the order of its keys.
type object []property

type property struct {
	key   string
	value json.RawMessage
}

// members returns the members of a JSON object; none for another value.
func members(raw json.RawMessage) *object {
	o := new(object)
	for key, value := range strictjson.Members(raw) {
		*o = append(*o, property{key, value})
	}
	return o
}

func (o *object) get(key string) json.RawMessage {
	for _, each := range *o {
		if each.key == key {
			return each.value
		}
	}
	return nil
}

func (o *object) set(key string, value json.RawMessage) {
	for i := range *o {
		if (*o)[i].key == key {
			(*o)[i].value = value
			return
		}
	}
	*o = append(*o, property{key, value})
}

func (o *object) drop(key string) {
	kept := (*o)[:0]
	for _, each := range *o {
		if each.key != key {
			kept = append(kept, each)
		}
	}
	*o = kept
}

func (o *object) encode() json.RawMessage {
	raw := []byte{'{'}
	for i, each := range *o {
		if i > 0 {
			raw = append(raw, ',')
		}
		raw = plainjson.AppendString(raw, each.key)
		raw = append(raw, ':')
		raw = append(raw, each.value...)
	}
	return append(raw, '}')
}
