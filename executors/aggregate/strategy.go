package aggregate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// concat returns one list: the elements of results that are lists, and other
// results as elements. Tasks that did not complete add nothing.
func concat(sources []source) (json.RawMessage, error) {
	var all [][]byte
	for _, s := range sources {
		if s.Status != completed {
			continue
		}
		var elements []json.RawMessage
		if bytes.HasPrefix(s.Result, []byte("[")) {
			if err := json.Unmarshal(s.Result, &elements); err != nil {
				return nil, fmt.Errorf("reading the result of %s: %w", s.id, err)
			}
		} else {
			elements = []json.RawMessage{s.Result}
		}
		for _, element := range elements {
			all = append(all, element)
		}
	}
	return slices.Concat([]byte("["), bytes.Join(all, []byte(",")), []byte("]")), nil
}

// first returns the result of the first task that completed.
func first(sources []source) (json.RawMessage, error) {
	at := slices.IndexFunc(sources, func(s source) bool { return s.Status == completed })
	if at < 0 {
		return nil, executors.Errorf(executors.ExecutionError, "strategy first: none of %d tasks completed", len(sources))
	}
	return sources[at].Result, nil
}

// merge returns one object made of results that are objects. A null result
// adds nothing.
func merge(sources []source) (json.RawMessage, error) {
	merged := merging{value: map[string]any{}}
	for _, s := range sources {
		if s.Status != completed || bytes.Equal(s.Result, null) {
			continue
		}
		value, err := strictjson.Decode(s.Result)
		if err != nil {
			return nil, fmt.Errorf("reading the result of %s: %w", s.id, err)
		}
		object, ok := value.(map[string]any)
		if !ok {
			return nil, executors.Errorf(executors.ExecutionError, "strategy merge needs objects; the result of %s is not an object", s.id).
				WithField("strategy").WithHint("use concat, or collect")
		}
		if at := merged.add(merged.value, object); at != nil {
			return nil, executors.Errorf(executors.ExecutionError, "strategy merge: %s and %s have different values at %s", merged.origin(at), s.id, shorten.Runes(strings.Join(at, "."), 200)).
				WithField("strategy").WithHint("use collect, or rename the key in an earlier task")
		}
		merged.sources = append(merged.sources, s.id)
		merged.objects = append(merged.objects, object)
	}
	raw, err := plainjson.Marshal(merged.value)
	if err != nil {
		return nil, fmt.Errorf("writing the merged object: %w", err)
	}
	return raw, nil
}

// merging is the merged object so far, and what it was made of.
type merging struct {
	value   map[string]any
	sources []string
	objects []map[string]any
}

// add adds an object at every depth. It returns the keys to the first value that
// differs, or nil.
func (m *merging) add(into, object map[string]any) (at []string) {
	for _, key := range byID(object) {
		value := object[key]
		present, there := into[key]
		presentObject, ok := present.(map[string]any)
		valueObject, both := value.(map[string]any)
		if !there && both { // a copy: later objects are added to it
			presentObject, ok = make(map[string]any, len(valueObject)), true
			into[key] = presentObject
		}
		switch {
		case ok && both:
			if at = m.add(presentObject, valueObject); at != nil {
				return append([]string{key}, at...)
			}
		case !there:
			into[key] = value
		case !reflect.DeepEqual(present, value):
			return []string{key}
		}
	}
	return nil
}

// origin returns the first source that has a value at the keys.
func (m *merging) origin(at []string) string {
	for i, object := range m.objects {
		for n, key := range at {
			value, there := object[key]
			if there && n == len(at)-1 {
				return m.sources[i]
			}
			object, _ = value.(map[string]any)
		}
	}
	return ""
}
