package data

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/fieldpath"
)

// invalid is a validation_error about one input, or one element of it.
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

// selector finds a value in each element, by a path that a caller wrote.
type selector struct {
	text string
	path fieldpath.Path
}

// newSelector reads a path; option names the input it came from.
func newSelector(option, text string) (selector, error) {
	path, err := fieldpath.Parse(text)
	if err != nil {
		return selector{}, invalid(option, "%v", err)
	}
	return selector{text: text, path: path}, nil
}

// in finds the value. A key that has the whole text for its name comes first,
// so that "a.b" finds {"a.b": 1} too.
func (s selector) in(v any) (any, bool) {
	if object, ok := v.(map[string]any); ok {
		if found, ok := object[s.text]; ok {
			return found, true
		}
	}
	return s.path.In(v)
}

// at names the value that the selector finds in element i.
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

// element is one of data's, with its place there.
type element struct {
	index int
	value any
}

// numberIn finds the number that an element counts with.
func (s selector) numberIn(e element) (decimal, json.Number, error) {
	v, ok := s.in(e.value)
	if !ok {
		return decimal{}, "", invalid(s.at("data", e.index), "is required: the element has no such value")
	}
	n, ok := v.(json.Number)
	if !ok {
		return decimal{}, "", invalid(s.at("data", e.index), "must be a number; got %s", kind(v))
	}
	d, ok := parse(n)
	if !ok {
		return decimal{}, "", invalid(s.at("data", e.index), "the number %.40s is out of range", string(n))
	}
	return d, n, nil
}

// sortable is a value in a form that order compares fast, many times over.
func sortable(v any) any {
	if n, ok := v.(json.Number); ok {
		if d, ok := parse(n); ok {
			return d
		}
	}
	return v
}

// order compares any two values: by kind (null, false, true, number, string,
// array, object), then by value, numbers exactly.
func order(a, b any) int {
	if x, y := rank(a), rank(b); x != y {
		return x - y
	}
	switch a := a.(type) {
	case decimal:
		if b, ok := b.(decimal); ok {
			return a.compare(b)
		}
	case json.Number:
		if b, ok := b.(json.Number); ok {
			return orderNumbers(a, b)
		}
	case string:
		return strings.Compare(a, b.(string))
	case []any:
		return slices.CompareFunc(a, b.([]any), order)
	case map[string]any:
		return orderObjects(a, b.(map[string]any))
	}
	return 0
}

func orderNumbers(a, b json.Number) int {
	x, okX := parse(a)
	y, okY := parse(b)
	if !okX || !okY {
		return strings.Compare(string(a), string(b))
	}
	return x.compare(y)
}

// orderObjects goes by the sorted keys first, then by the values in that
// order.
func orderObjects(a, b map[string]any) int {
	keysA, keysB := sortedKeys(a), sortedKeys(b)
	if c := slices.Compare(keysA, keysB); c != 0 {
		return c
	}
	for _, k := range keysA {
		if c := order(a[k], b[k]); c != 0 {
			return c
		}
	}
	return 0
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
	case json.Number, decimal:
		return 3
	case string:
		return 4
	case []any:
		return 5
	}
	return 6
}

// identity appends a text that two values share exactly when they are equal:
// 1 and 1.0 do, 1 and "1" do not.
func identity(to []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(to, 'z')
	case bool:
		return strconv.AppendBool(to, v)
	case json.Number:
		if d, ok := parse(v); ok {
			return append(d.canonical(to), ' ')
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
