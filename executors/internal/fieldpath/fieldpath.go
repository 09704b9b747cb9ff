// Package fieldpath finds a value inside JSON by a path such as
// "data.items[0].id". Find returns the original bytes, so large numbers and the
// order of keys stay as they are.
//
// It is written by hand: gjson's paths have queries and modifiers, which callers
// must not use, and another syntax for indexes.
package fieldpath

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/chainwright/chainwright/executors/strictjson"
)

// maxSteps limits a path. JSON values are at most 64 levels deep here.
const maxSteps = 64

// Path is a parsed path. The zero value selects the whole value.
type Path struct {
	steps []step
}

// step is a key of an object or, if array is set, an index of an array.
type step struct {
	key   string
	index int
	array bool
}

// Parse parses a path: keys separated by dots, indexes in square brackets (0 is
// the first element, -1 the last), and keys with special characters as ["a.b"].
// A leading dot is allowed, as in jq. "" and "." select the whole value.
func Parse(text string) (Path, error) {
	var path Path
	rest := strings.TrimPrefix(strings.TrimSpace(text), ".")
	for first := true; rest != ""; first = false {
		if len(path.steps) == maxSteps {
			return Path{}, fmt.Errorf("path %q: more than %d steps", text, maxSteps)
		}
		var next step
		var err error
		if rest[0] == '[' {
			next, rest, err = bracket(rest)
		} else {
			if !first {
				if rest[0] != '.' {
					return Path{}, fmt.Errorf("path %q: expected a dot or a bracket before %q", text, rest)
				}
				rest = rest[1:]
			}
			next, rest, err = name(rest)
		}
		if err != nil {
			return Path{}, fmt.Errorf("path %q: %w", text, err)
		}
		path.steps = append(path.steps, next)
	}
	return path, nil
}

func name(text string) (step, string, error) {
	end := strings.IndexAny(text, ".[")
	if end < 0 {
		end = len(text)
	}
	if end == 0 {
		return step{}, "", fmt.Errorf("a key is missing before %q", text)
	}
	if strings.ContainsAny(text[:end], "]\"") {
		return step{}, "", fmt.Errorf(`key %q: write it as ["…"]`, text[:end])
	}
	return step{key: text[:end]}, text[end:], nil
}

func bracket(text string) (step, string, error) {
	inner := text[1:]
	if strings.HasPrefix(inner, `"`) {
		decoder := json.NewDecoder(strings.NewReader(inner))
		var key string
		if err := decoder.Decode(&key); err != nil {
			return step{}, "", fmt.Errorf("the quoted key at %q does not end", text)
		}
		inner = inner[decoder.InputOffset():]
		if !strings.HasPrefix(inner, "]") {
			return step{}, "", fmt.Errorf("the bracket at %q does not close", text)
		}
		return step{key: key}, inner[1:], nil
	}
	digits, after, closed := strings.Cut(inner, "]")
	if !closed {
		return step{}, "", fmt.Errorf("the bracket at %q does not close", text)
	}
	index, err := strconv.Atoi(digits)
	if err != nil {
		return step{}, "", fmt.Errorf("%q is not a place in an array", digits)
	}
	return step{index: index, array: true}, after, nil
}

// Find returns the value at the path inside raw, which must be valid JSON, and
// whether it exists. A null exists.
func (p Path) Find(raw json.RawMessage) (json.RawMessage, bool) {
	for _, s := range p.steps {
		var ok bool
		if s.array {
			raw, ok = element(raw, s.index)
		} else {
			raw, ok = member(raw, s.key)
		}
		if !ok {
			return nil, false
		}
	}
	return bytes.TrimSpace(raw), len(bytes.TrimSpace(raw)) > 0
}

func member(raw json.RawMessage, key string) (json.RawMessage, bool) {
	for name, each := range strictjson.Members(raw) {
		if name == key {
			return each, true
		}
	}
	return nil, false
}

func element(raw json.RawMessage, index int) (json.RawMessage, bool) {
	array := slices.Collect(strictjson.Elements(raw))
	if index < 0 {
		index += len(array)
	}
	if index < 0 || index >= len(array) {
		return nil, false
	}
	return array[index], true
}
