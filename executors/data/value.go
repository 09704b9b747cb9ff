package data

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/fieldpath"
)

// invalid returns a validation_error for one input, or one element of it.
func invalid(field, format string, args ...any) *executors.Error {
	return executors.Errorf(executors.ValidationError, "%s: %s", field, fmt.Sprintf(format, args...)).WithField(field)
}

func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case json.Number:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return fmt.Sprintf("%T", v)
}

// selector finds a value in each element by the caller's path.
type selector struct {
	text string
	path fieldpath.Path
}

// newSelector parses a path; option is the input that it came from.
func newSelector(option, text string) (selector, error) {
	path, err := fieldpath.Parse(text)
	if err != nil {
		return selector{}, invalid(option, "%v", err)
	}
	return selector{text: text, path: path}, nil
}

// in returns the value. A key that equals the whole path comes first, so that
// "a.b" finds {"a.b": 1} too.
func (s selector) in(v any) (any, bool) {
	if object, ok := v.(map[string]any); ok {
		if found, ok := object[s.text]; ok {
			return found, true
		}
	}
	return s.path.In(v)
}

// at returns the path of the selected value in element i.
func (s selector) at(list string, i int) string {
	name := list + "[" + strconv.Itoa(i) + "]"
	text := strings.TrimPrefix(s.text, ".")
	if text == "" {
		return name
	}
	if text[0] == '[' {
		return name + text
	}
	return name + "." + text
}

// element is one element of data with its index.
type element struct {
	index int
	value any
}

// numberIn returns the number of an element.
func (s selector) numberIn(e element) (*apd.Decimal, json.Number, error) {
	v, ok := s.in(e.value)
	if !ok {
		return nil, "", invalid(s.at("data", e.index), "is required: the element has no such value")
	}
	n, ok := v.(json.Number)
	if !ok {
		return nil, "", invalid(s.at("data", e.index), "must be a number; got %s", kind(v))
	}
	d, ok := parse(n)
	if !ok {
		return nil, "", invalid(s.at("data", e.index), "the number %.40s is out of range", string(n))
	}
	return d, n, nil
}

// sortable is a value in a form that order compares fast: it reads no more of
// either value than the smaller one has.
func sortable(v any) any {
	switch v := v.(type) {
	case json.Number:
		if d, ok := parse(v); ok {
			return d
		}
	case []any:
		list := make([]any, len(v))
		for i, each := range v {
			list[i] = sortable(each)
		}
		return list
	case map[string]any:
		keys := sortedKeys(v)
		values := make([]any, len(keys))
		for i, k := range keys {
			values[i] = sortable(v[k])
		}
		return &sorted{keys, values}
	}
	return v
}

// sorted is an object in its order: the keys first, then the values.
type sorted struct {
	keys   []string
	values []any
}

// order compares two values, which are sortable if they are arrays or objects: by
// type (null, false, true, number, string, array, object), then by value, numbers
// exactly.
func order(a, b any) int {
	if x, y := rank(a), rank(b); x != y {
		return x - y
	}
	switch a := a.(type) {
	case *apd.Decimal:
		if b, ok := b.(*apd.Decimal); ok {
			return a.Cmp(b)
		}
	case json.Number:
		if b, ok := b.(json.Number); ok {
			return orderNumbers(a, b)
		}
	case string:
		return strings.Compare(a, b.(string))
	case []any:
		return slices.CompareFunc(a, b.([]any), order)
	case *sorted:
		b := b.(*sorted)
		return cmp.Or(slices.Compare(a.keys, b.keys), slices.CompareFunc(a.values, b.values, order))
	}
	return 0
}

func orderNumbers(a, b json.Number) int {
	x, okX := parse(a)
	y, okY := parse(b)
	if !okX || !okY {
		return strings.Compare(string(a), string(b))
	}
	return x.Cmp(y)
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func rank(v any) int {
	switch v := v.(type) {
	case nil:
		return 0
	case bool:
		if v {
			return 2
		}
		return 1
	case json.Number, *apd.Decimal:
		return 3
	case string:
		return 4
	case []any:
		return 5
	}
	return 6
}

// identity appends a text that is the same for two values exactly if they are
// equal: 1 and 1.0 are, 1 and "1" are not.
func identity(to []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(to, 'z')
	case bool:
		return strconv.AppendBool(to, v)
	case json.Number:
		if d, ok := parse(v); ok {
			return append(canonical(to, d), ' ')
		}
		return append(append(to, v...), ' ')
	case string:
		return strconv.AppendQuote(to, v)
	case []any:
		to = append(to, '[')
		for _, w := range v {
			to = identity(to, w)
		}
		return append(to, ']')
	case map[string]any:
		to = append(to, '{')
		for _, k := range sortedKeys(v) {
			to = strconv.AppendQuote(to, k)
			to = identity(to, v[k])
		}
		return append(to, '}')
	}
	return to
}
