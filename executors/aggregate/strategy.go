package aggregate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// concat makes one list: the elements of results that are lists, and other
// results as elements. Tasks that did not complete add nothing to it.
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

// first is the result of the first task that completed.
func first(sources []source) (json.RawMessage, error) {
	at := slices.IndexFunc(sources, func(s source) bool { return s.Status == completed })
	if at < 0 {
		return nil, executors.Errorf(executors.ExecutionError, "strategy first: none of %d tasks completed", len(sources))
	}
	return sources[at].Result, nil
}

// merge makes one object of results that are objects. A null result adds
// nothing.
func merge(sources []source) (json.RawMessage, error) {
	merged := &merging{value: map[string]any{}, from: map[string]string{}}
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
			return nil, executors.Errorf(executors.ExecutionError, "strategy merge needs objects; the result of %s is none", s.id).
				WithField("strategy").WithHint("use concat, or collect")
		}
		if err := merged.add(s.id, "", merged.value, object); err != nil {
			return nil, err
		}
	}
	var raw bytes.Buffer
	encoder := json.NewEncoder(&raw)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(merged.value); err != nil {
		return nil, fmt.Errorf("writing the merged object: %w", err)
	}
	return raw.Bytes(), nil
}

// merging is an object in the making, and which task each part came from.
type merging struct {
	value map[string]any
	from  map[string]string
}

func (m *merging) add(id, path string, into, object map[string]any) error {
	for _, key := range byID(object) {
		at := path + "." + key
		value := object[key]
		present, there := into[key]
		presentObject, ok := present.(map[string]any)
		valueObject, both := value.(map[string]any)
		switch {
		case !there && both:
			fresh := make(map[string]any, len(valueObject))
			into[key], m.from[at] = fresh, id
			if err := m.add(id, at, fresh, valueObject); err != nil {
				return err
			}
		case !there:
			into[key], m.from[at] = value, id
		case ok && both:
			if err := m.add(id, at, presentObject, valueObject); err != nil {
				return err
			}
		case !reflect.DeepEqual(present, value):
			return executors.Errorf(executors.ExecutionError, "strategy merge: %s and %s have different values at %s", m.from[at], id, at[1:]).
				WithField("strategy").WithHint("use collect, or rename the key in an earlier task")
		}
	}
	return nil
}
