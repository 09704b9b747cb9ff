package external

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/fieldpath"
	"github.com/chainwright/chainwright/executors/nearest"
)

// text is a text with holes: ${{ inputs.name }} for an input, or a part of
// one, and ${{ secrets.NAME }} for a secret of the operator's. $${{ is no hole
// but stands for ${{.
type text []part

// part is literal where it is no hole.
type part struct {
	literal string
	input   string // the input's name, for messages
	path    fieldpath.Path
	secret  string
}

func (p part) isHole() bool { return p.input != "" || p.secret != "" }

var (
	holeForm   = regexp.MustCompile(`\$+\{\{(.*?)\}\}`)
	inputForm  = regexp.MustCompile(`^inputs(\.|\[)`)
	secretForm = regexp.MustCompile(`^secrets\.([A-Za-z_][A-Za-z0-9_]*)$`)
	nameForm   = regexp.MustCompile(`^[^.\[\]"]+`)
)

// parseText reads a text with holes; they may name the inputs that there are.
func parseText(def *executors.Definition, from string) (text, error) {
	var parts text
	for {
		found := holeForm.FindStringSubmatchIndex(from)
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
		hole, err := parseHole(def, strings.TrimSpace(from[found[2]:found[3]]))
		if err != nil {
			return nil, err
		}
		parts = append(parts, hole)
		from = from[found[1]:]
	}
	pieces := strings.Split(from, "$${{")
	for _, piece := range pieces {
		if strings.Contains(piece, "${{") {
			return nil, errors.New("a hole is not closed: write ${{ inputs.name }}, or $${{ for the characters themselves")
		}
	}
	if from = strings.Join(pieces, "${{"); from != "" {
		parts = append(parts, part{literal: from})
	}
	return parts, nil
}

func parseHole(def *executors.Definition, inside string) (part, error) {
	if secret := secretForm.FindStringSubmatch(inside); secret != nil {
		return part{secret: secret[1]}, nil
	}
	if !inputForm.MatchString(inside) {
		return part{}, fmt.Errorf("the hole ${{ %s }} names neither an input nor a secret: write ${{ inputs.name }} or ${{ secrets.NAME }}", inside)
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(inside, "inputs"), ".")
	path, err := fieldpath.Parse(rest)
	if err != nil {
		return part{}, fmt.Errorf("the hole ${{ %s }}: %w", inside, err)
	}
	name := nameForm.FindString(rest)
	if quoted, ok := strings.CutPrefix(rest, `["`); ok {
		name, _, _ = strings.Cut(quoted, `"]`)
	}
	if known := def.Input.Properties(); !def.Input.HasProperty(name) {
		hint := nearest.Hint(name, known)
		if hint == "" {
			hint = "known are " + strings.Join(known, ", ")
		}
		return part{}, fmt.Errorf("the hole ${{ %s }} names no input of input_schema; %s", inside, hint)
	}
	return part{input: name, path: path}, nil
}

// filler puts values into holes, for one call.
type filler struct {
	inputs map[string]any
	secret func(name string) (string, error)
	sample string // in the place of every value, where there are none yet
}

// write makes the text. Each value goes through escape.
func (t text) write(f *filler, escape func(part, string) (string, error)) (string, error) {
	var out strings.Builder
	for _, p := range t {
		if !p.isHole() {
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

// value is the value of a text that is nothing but a hole, as it was given;
// any other text is written. What was not given is not there.
func (t text) value(f *filler) (v any, there bool, err error) {
	if len(t) == 1 && t[0].input != "" {
		v, there = t[0].path.In(f.inputs)
		return v, there, nil
	}
	written, err := t.write(f, nil)
	return written, true, err
}

// textAt is what goes into one hole: a text, a number, a boolean, or nothing.
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
	return "", executors.Errorf(executors.ValidationError, "%s must be a text, a number or a boolean to stand inside a text", p.input).WithField(p.input)
}

// shape is any value with texts in it that have holes.
type shape struct {
	text   text // where it is one
	fixed  any  // where there is no hole in it
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
				return shape{}, fmt.Errorf("the key %q has a hole; only values can have them", key)
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

// fill makes the value. Members and elements that were not given are left
// out.
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

// unknown is the value with its holes open, to be validated before they are
// filled.
func (s shape) unknown() any {
	switch {
	case s.text != nil:
		if len(s.text) == 1 && s.text[0].input != "" {
			return executors.Unknown{}
		}
		var literal strings.Builder
		for _, p := range s.text {
			if p.isHole() {
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
