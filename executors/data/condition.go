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

// condition says whether an element counts.
type condition interface {
	holds(ctx context.Context, e element) (bool, error)
}

// newCondition reads the option where: a jq condition, or a comparison.
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

// jqError makes a validation_error of what is wrong with a caller's program;
// the end of the call stays what it is.
func jqError(err error, field, place string) error {
	var typed *jq.Error
	if !errors.As(err, &typed) {
		return err
	}
	failure := invalid(field, "%s%s", typed.Message, place)
	if typed.Kind == jq.Invalid && typed.Offset >= 0 {
		failure.Hint = "the program goes wrong near byte " + strconv.Itoa(typed.Offset)
	}
	return failure
}

// comparison holds a value in each element against one that the caller gave.
type comparison struct {
	field selector
	op    string
	value any
	in    map[string]bool
	re    *regexp.Regexp
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
	c := &comparison{field: field, op: op, value: value}
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
			if c.re, err = regexp.Compile(text); err != nil {
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
	default:
		return nil, invalid("where.op", "is not known: %q", op)
	}
	return c, nil
}

// holds compares. A value that is missing or null is in no order and has no
// text, so those comparisons do not hold; one of another kind than it is
// compared with is an error.
func (c *comparison) holds(_ context.Context, e element) (bool, error) {
	v, found := c.field.in(e.value)
	switch c.op {
	case "exists":
		return (found && v != nil) != (c.value == false), nil
	case "eq":
		return order(v, c.value) == 0, nil
	case "ne":
		return order(v, c.value) != 0, nil
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
	return c.re.MatchString(text), nil
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

// contains holds for a text with that part, an array with that element and an
// object with that key.
func (c *comparison) contains(v any, index int) (bool, error) {
	text, isText := c.value.(string)
	switch v := v.(type) {
	case []any:
		for _, w := range v {
			if order(w, c.value) == 0 {
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
