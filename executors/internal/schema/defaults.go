package schema

import (
	"maps"
	"slices"
)

// filler is the tree of properties and items that have defaults.
type filler struct {
	defaults []defaultValue
	inside   []inner
	items    *filler
	also     []*filler // allOf and references
}

type defaultValue struct {
	name  string
	value any
	deep  bool // an array or object, which is copied for each value
}

type inner struct {
	name   string
	filler *filler
}

// fillers finds the defaults of a schema. It follows a limited number of
// references, because a schema may refer to itself.
type fillers struct {
	root any
	left int // schemas to look at: references can multiply them
}

func (b *fillers) of(doc any, depth int) *filler {
	const deepest = 32
	object, ok := doc.(map[string]any)
	if b.left--; !ok || depth > deepest || b.left < 0 {
		return nil
	}
	f := new(filler)
	properties, _ := object["properties"].(map[string]any)
	for _, name := range sortedKeys(properties) {
		property, _ := properties[name].(map[string]any)
		if value, ok := property["default"]; ok {
			_, list := value.([]any)
			_, object := value.(map[string]any)
			f.defaults = append(f.defaults, defaultValue{name, value, list || object})
		}
		if in := b.of(properties[name], depth+1); in != nil {
			f.inside = append(f.inside, inner{name, in})
		}
	}
	f.items = b.of(object["items"], depth+1)
	all, _ := object["allOf"].([]any)
	if ref, ok := object["$ref"].(string); ok {
		if target, ok := resolve(b.root, ref); ok {
			all = append(slices.Clone(all), target)
		}
	}
	for _, each := range all {
		if in := b.of(each, depth+1); in != nil {
			f.also = append(f.also, in)
		}
	}
	if f.defaults == nil && f.inside == nil && f.items == nil && f.also == nil {
		return nil
	}
	return f
}

// fill returns v with its defaults, and whether the result is another value
// than v. It changes v only if v is owned.
func (f *filler) fill(v any, owned bool) (any, bool) {
	if f == nil {
		return v, false
	}
	changed := false
	switch value := v.(type) {
	case map[string]any:
		if filled, ok := f.object(value, owned); ok {
			v, changed = filled, true
		}
	case []any:
		if filled, ok := f.array(value, owned); ok {
			v, changed = filled, true
		}
	}
	for _, each := range f.also {
		if filled, ok := each.fill(v, owned); ok {
			v, changed = filled, true
		}
	}
	return v, changed
}

func (f *filler) object(v map[string]any, owned bool) (map[string]any, bool) {
	changed := false
	set := func(name string, value any) {
		if !changed && !owned {
			v = maps.Clone(v)
		}
		if v == nil {
			v = map[string]any{}
		}
		changed = true
		v[name] = value
	}
	for i := range f.defaults {
		each := &f.defaults[i]
		if _, ok := v[each.name]; ok {
			continue
		}
		value := each.value
		if each.deep {
			value = clone(value)
		}
		set(each.name, value)
	}
	for _, each := range f.inside {
		if value, ok := v[each.name]; ok {
			if filled, ok := each.filler.fill(value, owned); ok {
				set(each.name, filled)
			}
		}
	}
	return v, changed
}

func (f *filler) array(v []any, owned bool) ([]any, bool) {
	changed := false
	for i := range v {
		filled, ok := f.items.fill(v[i], owned)
		if !ok {
			continue
		}
		if !changed && !owned {
			v = slices.Clone(v)
		}
		changed = true
		v[i] = filled
	}
	return v, changed
}

func clone(v any) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = clone(element)
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(v))
		for key, element := range v {
			object[key] = clone(element)
		}
		return object
	}
	return v
}
