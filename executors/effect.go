package executors

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/chainwright/chainwright/executors/schema"
)

// EffectOf gives the annotations of the call with these inputs: those of the
// first effect that they match, else the definition's own. An input that is
// not there counts as its default. One that is not known yet, or holds the
// placeholder of a secret, could match any effect, and the result is then the
// most careful of what is possible.
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

// ReadOnlyInput gives the input schema narrowed to calls that change nothing:
// an input that decides about that is left with the values that are read-only.
// It gives false where no call is read-only.
//
// A schema can say this of one effect, or of several that look at the same
// input. Where effects are more involved it is narrower than it had to be or,
// for inputs without an enum, wider; Registry.Invoke checks the call anyway.
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

// readOnlyValues gives the values that inputs are narrowed to.
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
	taken := map[string][]any{} // values that earlier effects have decided on
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

// narrow sets the enum of one property of a schema, keys kept in their order.
// A default that is not among the values goes, and the property is required.
func narrow(raw json.RawMessage, name string, values []any) json.RawMessage {
	root := members(raw)
	properties := members(root.get("properties"))
	property := members(properties.get(name))
	if old := property.get("enum"); old != nil {
		values = inOrder(old, values)
	}
	property.set("enum", encode(values))
	if old := property.get("default"); old != nil && !contains(values, decode(old)) {
		property.drop("default")
		required, _ := decode(root.get("required")).([]any)
		if !contains(required, name) {
			root.set("required", encode(append(required, name)))
		}
	}
	properties.set(name, property.encode())
	root.set("properties", properties.encode())
	return root.encode()
}

// inOrder gives the values that a schema's own enum has, in its order.
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

// object is a JSON object whose keys stay in their order.
type object []property

type property struct {
	key   string
	value json.RawMessage
}

// members takes a JSON object apart. What is not one has no members.
func members(raw json.RawMessage) *object {
	o := new(object)
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return o
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return o
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return o
		}
		*o = append(*o, property{key.(string), value})
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
		raw = append(raw, encode(each.key)...)
		raw = append(raw, ':')
		raw = append(raw, each.value...)
	}
	return append(raw, '}')
}
