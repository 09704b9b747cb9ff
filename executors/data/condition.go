package data

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/chainwright/chainwright/executors/jq"
)

// condition decides whether an element is kept.
type condition interface {
	holds(ctx context.Context, e element) (bool, error)
}

// newCondition parses the option where: a jq condition, or a comparison.
func newCondition(where any) (condition, error) {
	switch w := where.(type) {
	case string:
		program, err := jq.Compile(w)
		if err != nil {
			return nil, invalid("where", "%v", err)
		}
		return jqCondition{program}, nil
	case map[string]any:
		return newComparison(w)
	}
	return nil, invalid("where", "must be a jq condition or an object {field, op, value}; got %s", kind(where))
}

type jqCondition struct{ program *jq.Program }

// holds reports whether some output of the program is neither false nor null.
func (c jqCondition) holds(ctx context.Context, e element) (bool, error) {
	outputs, err := c.program.Run(ctx, e.value)
	if err != nil {
		return false, jqError(err, "where", " for data["+strconv.Itoa(e.index)+"]")
	}
	for _, v := range outputs {
		if v != nil && v != false {
			return true, nil
		}
	}
	return false, nil
}

// jqError returns a validation_error for a fault in a caller's program.
// Timeout and cancel stay what they are.
func jqError(err error, field, place string) error {
	var typed *jq.Error
	if !errors.As(err, &typed) {
		return err
	}
	return invalid(field, "%s%s", typed.Message, place)
}

// comparison compares a value in each element with the caller's value.
type comparison struct {
	field selector
	op    string
	value any
	id    string          // of the value
	in    map[string]bool // the values, by identity
	re    *regexp.Regexp
	heft  int // instructions of re
	left  int // of jq.MaxMatching
}

var opNames = map[string]string{"==": "eq", "!=": "ne", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}

func newComparison(w map[string]any) (condition, error) {
	text, _ := w["field"].(string)
	op, _ := w["op"].(string)
	field, err := newSelector("where.field", text)
	if err != nil {
		return nil, err
	}
	if name, ok := opNames[op]; ok {
		op = name
	}
	value, given := w["value"]
	c := &comparison{field: field, op: op, value: value, left: jq.MaxMatching}
	if !given && op != "exists" {
		return nil, invalid("where.value", "is required by the op %q", w["op"])
	}
	switch op {
	case "in":
		list, ok := value.([]any)
		if !ok {
			return nil, invalid("where.value", "must be an array for the op in; got %s", kind(value))
		}
		c.in = make(map[string]bool, len(list))
		for _, v := range list {
			c.in[string(identity(nil, v))] = true
		}
	case "matches", "starts_with", "ends_with":
		text, ok := value.(string)
		if !ok {
			return nil, invalid("where.value", "must be a string for the op %s; got %s", op, kind(value))
		}
		if op == "matches" {
			if c.re, c.heft, err = jq.CompileRegexp(text); err != nil {
				return nil, invalid("where.value", "%v", err)
			}
		}
	case "gt", "gte", "lt", "lte":
		if k := kind(value); k != "number" && k != "string" {
			return nil, invalid("where.value", "must be a number or a string for the op %s; got %s", op, k)
		}
	case "exists":
		if _, ok := value.(bool); given && !ok {
			return nil, invalid("where.value", "must be true or false for the op exists; got %s", kind(value))
		}
	case "eq", "ne", "contains":
		c.id = string(identity(nil, value))
	default:
		return nil, invalid("where.op", "is not known: %q", op)
	}
	return c, nil
}

// holds reports whether the comparison is true. For a missing or null value,
// comparisons of order and text are false. A value of another type than the
// one it is compared with is an error.
func (c *comparison) holds(_ context.Context, e element) (bool, error) {
	v, found := c.field.in(e.value)
	switch c.op {
	case "exists":
		return (found && v != nil) != (c.value == false), nil
	case "eq":
		return c.equals(v), nil
	case "ne":
		return !c.equals(v), nil
	case "in":
		return found && c.in[string(identity(nil, v))], nil
	}
	if v == nil {
		return false, nil
	}
	switch c.op {
	case "gt", "gte", "lt", "lte":
		if kind(v) != kind(c.value) {
			return false, invalid(c.field.at("data", e.index), "must be a %s, to be compared with where.value; got %s", kind(c.value), kind(v))
		}
		return ordered(c.op, order(v, c.value)), nil
	case "contains":
		return c.contains(v, e.index)
	}
	text, ok := v.(string)
	if !ok {
		return false, invalid(c.field.at("data", e.index), "must be a string for the op %s; got %s", c.op, kind(v))
	}
	switch c.op {
	case "starts_with":
		return strings.HasPrefix(text, c.value.(string)), nil
	case "ends_with":
		return strings.HasSuffix(text, c.value.(string)), nil
	}
	if c.left -= len(text) * c.heft; c.left < 0 {
		return false, invalid("where.value", "is too large a regular expression for the texts, which are too long").
			WithHint("use contains, starts_with or ends_with, a shorter expression, or fewer elements")
	}
	return c.re.MatchString(text), nil
}

// equals reports whether v equals the value. It reads v once, however large the
// value is.
func (c *comparison) equals(v any) bool {
	return rank(v) == rank(c.value) && string(identity(nil, v)) == c.id
}

func ordered(op string, cmp int) bool {
	switch op {
	case "gt":
		return cmp > 0
	case "gte":
		return cmp >= 0
	case "lt":
		return cmp < 0
	}
	return cmp <= 0
}

// contains reports whether a string has the substring, an array the element,
// or an object the key.
func (c *comparison) contains(v any, index int) (bool, error) {
	text, isText := c.value.(string)
	switch v := v.(type) {
	case []any:
		for _, w := range v {
			if c.equals(w) {
				return true, nil
			}
		}
		return false, nil
	case string:
		if isText {
			return strings.Contains(v, text), nil
		}
	case map[string]any:
		if isText {
			_, ok := v[text]
			return ok, nil
		}
	case json.Number, bool:
		return false, invalid(c.field.at("data", index), "must be a string, an array or an object for the op contains; got %s", kind(v))
	}
	return false, invalid("where.value", "must be a string to be contained in data[%d]; got %s", index, kind(c.value))
}
