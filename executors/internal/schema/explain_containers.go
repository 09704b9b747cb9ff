package schema

import (
	v5 "github.com/santhosh-tekuri/jsonschema/v5"
)

func (e *explainer) object(s *v5.Schema, v map[string]any, at path) Answer {
	answer := Yes
	for _, name := range s.Required {
		if _, ok := v[name]; !ok {
			answer = e.add(at.key(name), "is required")
		}
	}
	if s.MinProperties != -1 && len(v) < s.MinProperties {
		answer = e.add(at, "must have at least %s; got %d", count{s.MinProperties, "key"}, len(v))
	}
	if s.MaxProperties != -1 && len(v) > s.MaxProperties {
		answer = e.add(at, "must have at most %s; got %d", count{s.MaxProperties, "key"}, len(v))
	}
	for _, name := range sortedKeys(v) {
		answer = min(answer, e.member(s, name, v[name], at.key(name)))
	}
	for name, needed := range s.DependentRequired {
		if _, ok := v[name]; ok {
			answer = min(answer, e.needed(v, name, needed, at))
		}
	}
	for name, schema := range s.DependentSchemas {
		if _, ok := v[name]; ok {
			answer = min(answer, e.check(schema, v, at))
		}
	}
	for name, dependency := range s.Dependencies {
		if _, ok := v[name]; !ok {
			continue
		}
		switch dependency := dependency.(type) {
		case []string:
			answer = min(answer, e.needed(v, name, dependency, at))
		case *v5.Schema:
			answer = min(answer, e.check(dependency, v, at))
		}
	}
	return answer
}

func (e *explainer) needed(v map[string]any, because string, names []string, at path) Answer {
	answer := Yes
	for _, name := range names {
		if _, ok := v[name]; !ok {
			answer = e.add(at.key(name), "is required where %s is given", because)
		}
	}
	return answer
}

func (e *explainer) member(s *v5.Schema, name string, value any, at path) Answer {
	answer, named := Yes, false
	if schema, ok := s.Properties[name]; ok {
		answer, named = e.check(schema, value, at), true
	}
	for form, schema := range s.PatternProperties {
		if form.MatchString(name) {
			answer, named = min(answer, e.check(schema, value, at)), true
		}
	}
	if !named {
		answer = min(answer, e.additional(s, name, value, at))
	}
	if s.PropertyNames != nil {
		inside, reasons := e.quiet(s.PropertyNames, name, path{})
		if inside == No && len(reasons) > 0 {
			e.add(at, "is not an allowed name: it %s", reasons[0])
		}
		answer = min(answer, inside)
	}
	return answer
}

func (e *explainer) additional(s *v5.Schema, name string, value any, at path) Answer {
	switch additional := s.AdditionalProperties.(type) {
	case bool:
		if !additional {
			return e.unknown(s, name, at)
		}
	case *v5.Schema:
		if additional.Always != nil && !*additional.Always {
			return e.unknown(s, name, at)
		}
		return e.check(additional, value, at)
	}
	return Yes
}

// unknown refuses a key and suggests the most similar known one.
func (e *explainer) unknown(s *v5.Schema, name string, at path) Answer {
	return e.add(at, "is not a known field; %s", known{name, s})
}

func (e *explainer) array(s *v5.Schema, v []any, at path) Answer {
	answer := Yes
	if s.MinItems != -1 && len(v) < s.MinItems {
		answer = e.add(at, "must have at least %s; got %d", count{s.MinItems, "element"}, len(v))
	}
	if s.MaxItems != -1 && len(v) > s.MaxItems {
		answer = e.add(at, "must have at most %s; got %d", count{s.MaxItems, "element"}, len(v))
	}
	if s.UniqueItems {
		inside := distinct(v)
		if answer = min(answer, inside); inside == No {
			e.add(at, "must not have the same element twice")
		}
	}
	for i, element := range v {
		if schema := itemSchema(s, i); schema != nil {
			answer = min(answer, e.check(schema, element, at.index(i)))
		}
	}
	if closed, ok := s.AdditionalItems.(bool); ok && !closed {
		if items, ok := s.Items.([]*v5.Schema); ok && len(v) > len(items) {
			answer = e.add(at, "must have at most %s; got %d", count{len(items), "element"}, len(v))
		}
	}
	if s.Contains != nil {
		answer = min(answer, e.contains(s, v, at))
	}
	return answer
}

// itemSchema returns the schema of an element, in this draft and earlier ones.
func itemSchema(s *v5.Schema, i int) *v5.Schema {
	switch items := s.Items.(type) {
	case *v5.Schema:
		return items
	case []*v5.Schema:
		if i < len(items) {
			return items[i]
		}
		additional, _ := s.AdditionalItems.(*v5.Schema)
		return additional
	}
	if i < len(s.PrefixItems) {
		return s.PrefixItems[i]
	}
	return s.Items2020
}

func (e *explainer) contains(s *v5.Schema, v []any, at path) Answer {
	fits, may := 0, 0
	for i, element := range v {
		switch answer, _ := e.quiet(s.Contains, element, at.index(i)); answer {
		case Yes:
			fits++
		case Maybe:
			may++
		}
	}
	answer := counted(fits, may, max(s.MinContains, 0), s.MaxContains)
	switch {
	case answer == No && fits+may < s.MinContains:
		e.add(at, "must have at least %s that match the schema in contains; %d match", count{s.MinContains, "element"}, fits)
	case answer == No:
		e.add(at, "must have at most %s that match the schema in contains; %d match", count{s.MaxContains, "element"}, fits)
	}
	return answer
}
