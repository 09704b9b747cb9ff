package schema

import (
	"encoding/json"

	v5 "github.com/santhosh-tekuri/jsonschema/v5"
)

func (e *explainer) check(s *v5.Schema, v any, at path) Answer {
	defer func() { e.depth-- }()
	if !e.step() {
		return Maybe
	}
	if s.Always != nil {
		if *s.Always {
			return Yes
		}
		return e.add(at, "is not allowed here; got %s", shown{v})
	}
	if answer := e.kind(s, v, at); answer == No {
		return No
	}
	answer := e.values(s, v, at)
	switch v := v.(type) {
	case map[string]any:
		answer = min(answer, e.object(s, v, at))
	case []any:
		answer = min(answer, e.array(s, v, at))
	case string:
		answer = min(answer, e.text(s, v, at))
	case Unknown:
		answer = min(answer, Maybe)
	case nil, bool:
	default:
		text, _ := numeral(v)
		answer = min(answer, e.number(s, text, at))
	}
	answer = min(answer, e.composed(s, v, at))
	if s.UnevaluatedProperties != nil || s.UnevaluatedItems != nil || s.DynamicRef != nil || s.RecursiveRef != nil {
		answer = min(answer, Maybe)
	}
	return answer
}

// kind checks the keyword type.
func (e *explainer) kind(s *v5.Schema, v any, at path) Answer {
	if len(s.Types) == 0 {
		return Yes
	}
	for _, name := range s.Types {
		if isKind(name, v) {
			return Yes
		}
	}
	if unknown, ok := v.(Unknown); ok {
		return e.add(at, "must be %s; got a string with references%s", kindList(s.Types), unknown.hint())
	}
	return e.add(at, "must be %s; got %s", kindList(s.Types), shown{v})
}

func (Unknown) hint() string { return ": write the reference alone to keep its type" }

func isKind(name string, v any) bool {
	kind := kindNames[name]
	switch v := v.(type) {
	case nil:
		return kind == kindNull
	case bool:
		return kind == kindBoolean
	case string:
		return kind == kindString
	case []any:
		return kind == kindArray
	case map[string]any:
		return kind == kindObject
	case Unknown:
		return !v.Text || kind == kindString
	}
	text, _ := numeral(v)
	return kind == kindNumber || kind == kindInteger && isWhole(text)
}

// values checks the keywords const, enum and format.
func (e *explainer) values(s *v5.Schema, v any, at path) Answer {
	answer := Yes
	if len(s.Constant) > 0 {
		if answer = min(answer, Equal(v, s.Constant[0])); answer == No {
			e.add(at, "must be %s; got %s", shown{s.Constant[0]}, shown{v})
		}
	}
	if s.Enum != nil {
		any := No
		for _, each := range s.Enum {
			any = max(any, Equal(v, each))
		}
		if any == No && len(s.Enum) == 0 {
			e.add(at, "is not allowed here: its schema allows no value")
		} else if any == No {
			e.add(at, "must be one of %s; got %s%s", valueList(s.Enum), shown{v}, meant{v, s.Enum})
		}
		answer = min(answer, any)
	}
	if text, ok := v.(string); ok && s.Format != "" && !fitsFormat(s, text) {
		answer = e.add(at, "must be a valid %s; got %s", s.Format, shown{v})
	}
	return answer
}

// fitsFormat checks the format alone.
func fitsFormat(s *v5.Schema, text string) bool {
	format, ok := v5.Formats[s.Format]
	return !ok || format(text)
}

func (e *explainer) text(s *v5.Schema, v string, at path) Answer {
	answer := Yes
	length := len([]rune(v))
	switch {
	case s.MinLength == 1 && length == 0:
		answer = e.add(at, "must not be empty")
	case s.MinLength != -1 && length < s.MinLength:
		answer = e.add(at, "must have at least %s; got %d", count{s.MinLength, "character"}, length)
	case s.MaxLength != -1 && length > s.MaxLength:
		answer = e.add(at, "must have at most %s; got %d", count{s.MaxLength, "character"}, length)
	}
	if s.Pattern != nil && !s.Pattern.MatchString(v) {
		answer = e.add(at, "must match the pattern %s; got %s", s.Pattern, shown{v})
	}
	return answer
}

func (e *explainer) number(s *v5.Schema, text string, at path) Answer {
	answer := Yes
	got := shown{json.Number(text)}
	if s.Minimum != nil && compare(text, limit{rat: s.Minimum}) < 0 {
		answer = e.add(at, "must be at least %s; got %s", decimal{s.Minimum}, got)
	}
	if s.ExclusiveMinimum != nil && compare(text, limit{rat: s.ExclusiveMinimum}) <= 0 {
		answer = e.add(at, "must be more than %s; got %s", decimal{s.ExclusiveMinimum}, got)
	}
	if s.Maximum != nil && compare(text, limit{rat: s.Maximum}) > 0 {
		answer = e.add(at, "must be at most %s; got %s", decimal{s.Maximum}, got)
	}
	if s.ExclusiveMaximum != nil && compare(text, limit{rat: s.ExclusiveMaximum}) >= 0 {
		answer = e.add(at, "must be less than %s; got %s", decimal{s.ExclusiveMaximum}, got)
	}
	if s.MultipleOf != nil && !isMultiple(text, limit{text: s.MultipleOf.RatString(), rat: s.MultipleOf}) {
		answer = e.add(at, "must be a multiple of %s; got %s", decimal{s.MultipleOf}, got)
	}
	return answer
}
