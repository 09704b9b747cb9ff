package external

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/fieldpath"
	"github.com/chainwright/chainwright/executors/nearest"
)

// text is a string with placeholders: ${{ inputs.name }} for an input or a part
// of one, and ${{ secrets.NAME }} for a secret. $${{ stands for a literal ${{.
type text []part

// part is either a literal or a placeholder for an input or a secret.
type part struct {
	literal string
	input   string // the input's name, for error messages
	path    fieldpath.Path
	secret  string
}

func (p part) isPlaceholder() bool { return p.input != "" || p.secret != "" }

var (
	placeholderForm = regexp.MustCompile(`\$+\{\{(.*?)\}\}`)
	inputForm       = regexp.MustCompile(`^inputs(\.|\[)`)
	secretForm      = regexp.MustCompile(`^secrets\.([A-Za-z_][A-Za-z0-9_]*)$`)
	nameForm        = regexp.MustCompile(`^[^.\[\]"]+`)
)

// parseText parses a string with placeholders. It fails if a placeholder names
// an input that input_schema does not have.
func parseText(def *executors.Definition, from string) (text, error) {
	var parts text
	for {
		found := placeholderForm.FindStringSubmatchIndex(from)
		if found == nil {
			break
		}
		if whole := from[found[0]:found[1]]; strings.HasPrefix(whole, "$$") {
			parts = append(parts, part{literal: from[:found[0]] + whole[1:]})
			from = from[found[1]:]
			continue
		}
		if found[0] > 0 {
			parts = append(parts, part{literal: from[:found[0]]})
		}
		hole, err := parsePlaceholder(def, strings.TrimSpace(from[found[2]:found[3]]))
		if err != nil {
			return nil, err
		}
		parts = append(parts, hole)
		from = from[found[1]:]
	}
	pieces := strings.Split(from, "$${{")
	for _, piece := range pieces {
		if strings.Contains(piece, "${{") {
			return nil, errors.New("a placeholder is not closed: write ${{ inputs.name }}, or $${{ for a literal ${{")
		}
	}
	if from = strings.Join(pieces, "${{"); from != "" {
		parts = append(parts, part{literal: from})
	}
	return parts, nil
}

func parsePlaceholder(def *executors.Definition, inside string) (part, error) {
	if secret := secretForm.FindStringSubmatch(inside); secret != nil {
		return part{secret: secret[1]}, nil
	}
	if !inputForm.MatchString(inside) {
		return part{}, fmt.Errorf("the placeholder ${{ %s }} is neither an input nor a secret: write ${{ inputs.name }} or ${{ secrets.NAME }}", inside)
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(inside, "inputs"), ".")
	path, err := fieldpath.Parse(rest)
	if err != nil {
		return part{}, fmt.Errorf("the placeholder ${{ %s }}: %w", inside, err)
	}
	name := nameForm.FindString(rest)
	if quoted, ok := strings.CutPrefix(rest, `["`); ok {
		name, _, _ = strings.Cut(quoted, `"]`)
	}
	if known := def.Input.Properties(); !def.Input.HasProperty(name) {
		hint := nearest.Hint(name, known)
		if hint == "" {
			hint = "inputs are " + strings.Join(known, ", ")
		}
		return part{}, fmt.Errorf("the placeholder ${{ %s }} is not an input in input_schema; %s", inside, hint)
	}
	return part{input: name, path: path}, nil
}

// filler holds the values of the placeholders for one call.
type filler struct {
	inputs map[string]any
	secret func(name string) (string, error)
	sample string // used for every value when a template is checked
}

// write returns the text with its placeholders filled. Each value goes through
// escape unless escape is nil.
func (t text) write(f *filler, escape func(part, string) (string, error)) (string, error) {
	var out strings.Builder
	for _, p := range t {
		if !p.isPlaceholder() {
			out.WriteString(p.literal)
			continue
		}
		value, err := f.textAt(p)
		if err == nil && escape != nil {
			value, err = escape(p, value)
		}
		if err != nil {
			return "", err
		}
		out.WriteString(value)
	}
	return out.String(), nil
}

// value returns the value of a text that is exactly one input placeholder with
// its JSON type; any other text is filled as a string. there is false if the
// caller did not pass that input.
func (t text) value(f *filler) (v any, there bool, err error) {
	if len(t) == 1 && t[0].input != "" {
		v, there = t[0].path.In(f.inputs)
		return v, there, nil
	}
	written, err := t.write(f, nil)
	return written, true, err
}

// textAt returns the value of one placeholder as a string. A missing input is
// the empty string; arrays and objects fail.
func (f *filler) textAt(p part) (string, error) {
	switch {
	case f.sample != "":
		return f.sample, nil
	case p.secret != "":
		return f.secret(p.secret)
	}
	v, _ := p.path.In(f.inputs)
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case bool:
		return fmt.Sprint(v), nil
	case json.Number:
		return v.String(), nil
	}
	return "", executors.Errorf(executors.ValidationError, "%s must be a string, a number or a boolean to be inserted into a string", p.input).WithField(p.input)
}

// shape is any JSON value whose strings may contain placeholders.
type shape struct {
	text   text // for a string
	fixed  any  // for a value that is not a string
	list   []shape
	object map[string]shape
}

func parseShape(def *executors.Definition, v any) (shape, error) {
	switch v := v.(type) {
	case string:
		parsed, err := parseText(def, v)
		return shape{text: parsed, fixed: ""}, err
	case []any:
		s := shape{list: make([]shape, len(v))}
		for i, each := range v {
			var err error
			if s.list[i], err = parseShape(def, each); err != nil {
				return shape{}, err
			}
		}
		return s, nil
	case map[string]any:
		s := shape{object: make(map[string]shape, len(v))}
		for key, each := range v {
			if strings.Contains(key, "${{") {
				return shape{}, fmt.Errorf("the key %q has a placeholder; only values can have placeholders", key)
			}
			var err error
			if s.object[key], err = parseShape(def, each); err != nil {
				return shape{}, err
			}
		}
		return s, nil
	}
	return shape{fixed: v}, nil
}

// fill returns the value with its placeholders filled. Members and elements
// whose input was not passed are left out.
func (s shape) fill(f *filler) (v any, there bool, err error) {
	switch {
	case s.text != nil:
		return s.text.value(f)
	case s.list != nil:
		list := make([]any, 0, len(s.list))
		for _, each := range s.list {
			v, there, err := each.fill(f)
			if err != nil {
				return nil, false, err
			}
			if there {
				list = append(list, v)
			}
		}
		return list, true, nil
	case s.object != nil:
		object := make(map[string]any, len(s.object))
		for key, each := range s.object {
			v, there, err := each.fill(f)
			if err != nil {
				return nil, false, err
			}
			if there {
				object[key] = v
			}
		}
		return object, true, nil
	}
	return s.fixed, true, nil
}

// unknown returns the value with executors.Unknown for each placeholder, so
// that it can be validated when the definition is loaded.
func (s shape) unknown() any {
	switch {
	case s.text != nil:
		if len(s.text) == 1 && s.text[0].input != "" {
			return executors.Unknown{}
		}
		var literal strings.Builder
		for _, p := range s.text {
			if p.isPlaceholder() {
				return executors.Unknown{Text: true}
			}
			literal.WriteString(p.literal)
		}
		return literal.String()
	case s.list != nil:
		list := make([]any, len(s.list))
		for i, each := range s.list {
			list[i] = each.unknown()
		}
		return list
	case s.object != nil:
		object := make(map[string]any, len(s.object))
		for key, each := range s.object {
			object[key] = each.unknown()
		}
		return object
	}
	return s.fixed
}
