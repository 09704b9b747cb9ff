package data

import (
	"context"
	"encoding/json"
	"maps"
	"strconv"
)

// maxRows and maxBytes (of JSON) limit the result of a join: every element of
// one list can match every element of the other.
const maxRows, maxBytes = 1_000_000, 32 << 20

// join returns an object with the fields of both for each match of an element
// of data with an element of with. If both have a field with different values,
// the one of with is named with_NAME. A null or missing key matches nothing.
func join(ctx context.Context, in Input, elements []element) (any, error) {
	left, right, err := newJoinKeys(in.On)
	if err != nil {
		return nil, err
	}
	list, ok := in.With.([]any)
	if !ok {
		return nil, invalid("with", "must be an array for the operation join; got %s", kind(in.With))
	}
	index := make(map[string][]map[string]any, len(list))
	for i, v := range list {
		object, ok := v.(map[string]any)
		if !ok {
			return nil, invalid("with["+strconv.Itoa(i)+"]", "must be an object; got %s", kind(v))
		}
		if id, ok := joinKey(right, object); ok {
			index[id] = append(index[id], object)
		}
	}
	rows := []any{}
	room := maxBytes
	sizes := make(map[string]int, len(index)) // JSON bytes of the elements that a key joins
	for id, objects := range index {
		for _, each := range objects {
			sizes[id] += size(each)
		}
	}
	for i, e := range elements {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		object, ok := e.value.(map[string]any)
		if !ok {
			return nil, invalid("data["+strconv.Itoa(e.index)+"]", "must be an object; got %s", kind(e.value))
		}
		var matches []map[string]any
		if id, ok := joinKey(left, object); ok {
			matches = index[id]
			room -= len(matches)*size(object) + sizes[id]
		}
		if room < 0 {
			return nil, invalid("on", "the join has more than %d bytes", maxBytes).WithHint("join on a key that is unique in data or in with, or leave out large fields")
		}
		if len(rows)+len(matches) >= maxRows {
			return nil, invalid("on", "the join has more than %d rows", maxRows).WithHint("join on a key that is unique in data or in with")
		}
		for _, match := range matches {
			row, err := combine(object, match)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
		if len(matches) == 0 && in.How == "left" {
			rows = append(rows, object)
		}
	}
	return rows, nil
}

// newJoinKeys parses the option on: the paths of the key on both sides.
func newJoinKeys(on any) (left, right []selector, err error) {
	add := func(option, l, r string) error {
		a, err := newSelector(option, l)
		if err != nil {
			return err
		}
		b, err := newSelector(option, r)
		left, right = append(left, a), append(right, b)
		return err
	}
	switch on := on.(type) {
	case string:
		err = add("on", on, on)
	case []any:
		for i, each := range on {
			text, ok := each.(string)
			if !ok {
				return nil, nil, invalid("on", "must hold paths; got %s", kind(each))
			}
			if err = add("on["+strconv.Itoa(i)+"]", text, text); err != nil {
				return nil, nil, err
			}
		}
	case map[string]any:
		l, _ := on["left"].(string)
		r, _ := on["right"].(string)
		err = add("on", l, r)
	default:
		err = invalid("on", "must be a path, an array of paths or {left, right}; got %s", kind(on))
	}
	return left, right, err
}

func joinKey(selectors []selector, object map[string]any) (string, bool) {
	var id []byte
	for _, s := range selectors {
		v, _ := s.in(object)
		if v == nil {
			return "", false
		}
		id = identity(id, v)
	}
	return string(id), true
}

// maxPrefixes is how many times with_ is put before a name that both have.
const maxPrefixes = 8

func combine(left, right map[string]any) (map[string]any, error) {
	row := make(map[string]any, len(left)+len(right))
	maps.Copy(row, left)
	for name, v := range right {
		old, both := left[name]
		if both && same(old, v) {
			continue
		}
		for n := 0; both; n++ {
			if n == maxPrefixes {
				return nil, invalid("with", "has the field %.60q, and more than %d fields with this name after with_", name, maxPrefixes)
			}
			name = "with_" + name
			_, both = row[name]
			if _, later := right[name]; later {
				both = true
			}
		}
		row[name] = v
	}
	return row, nil
}

// same reports whether two values are equal.
func same(a, b any) bool {
	return rank(a) == rank(b) && string(identity(nil, a)) == string(identity(nil, b))
}

// size returns the length of a value as JSON, or a little less.
func size(v any) int {
	n := len("[]")
	switch v := v.(type) {
	case string:
		return n + len(v)
	case json.Number:
		return len(v)
	case []any:
		for _, each := range v {
			n += size(each) + len(",")
		}
	case map[string]any:
		for name, each := range v {
			n += len(name) + size(each) + len(`"":,`)
		}
	}
	return n
}
