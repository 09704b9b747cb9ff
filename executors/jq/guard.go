package jq

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strings"

	"github.com/itchyny/gojq"
)

// What one step of a program may be given. A step can't be interrupted, so
// these hold what it costs to around a second and a few hundred megabytes.
const (
	maxString   = 32 << 20 // bytes of a string that a step makes
	maxArray    = 4 << 20  // elements of an array that a step makes
	maxNodes    = 10 << 20 // values inside a value that a step walks
	maxDepth    = 1000     // nesting of a value that a step walks
	maxProduct  = 200 << 20
	maxShort    = 4 << 20  // bytes of a text that becomes an array
	maxDocument = 16 << 20 // bytes of a text that is parsed as JSON
	maxMatched  = 1 << 20  // bytes of a text that is matched
	maxNumeral  = 1000     // digits of a number
)

// guards are the checks that prelude.jq and the rewriter put before steps.
// Each returns its input, or an error.
func guards() []gojq.CompilerOption {
	return []gojq.CompilerOption{
		gojq.WithFunction("_bounded", 0, 0, func(v any, _ []any) any { return bounded(v) }),
		gojq.WithFunction("_copied", 0, 0, func(v any, _ []any) any { return copied(v) }),
		gojq.WithFunction("_small", 0, 0, func(v any, _ []any) any { return small(v) }),
		gojq.WithFunction("_short", 0, 0, func(v any, _ []any) any { return text(v, maxShort) }),
		gojq.WithFunction("_numeral", 0, 0, func(v any, _ []any) any { return text(v, maxNumeral) }),
		gojq.WithFunction("_document", 0, 0, func(v any, _ []any) any { return text(v, maxDocument) }),
		gojq.WithFunction("_addable", 0, 0, func(v any, _ []any) any { return addable(v, 0) }),
		gojq.WithFunction("_joinable", 1, 1, joinable),
		gojq.WithFunction("_table", 0, 0, func(v any, _ []any) any { return table(v) }),
		gojq.WithFunction("_key", 0, 0, func(v any, _ []any) any { return key(v) }),
		gojq.WithFunction("_path", 0, 0, func(v any, _ []any) any { return path(v) }),
		gojq.WithFunction("_event", 0, 0, func(v any, _ []any) any { return event(v) }),
		gojq.WithFunction("_product", 1, 1, func(v any, args []any) any { return product(v, args[0], v) }),
		gojq.WithFunction("_matchable", 2, 2, matchable),
		gojq.WithFunction("_pair", 2, 2, pair),
		gojq.WithFunction("_compare", 2, 2, compare),
	}
}

func tooLarge(format string, args ...any) *Error {
	return &Error{Kind: TooMuch, Message: fmt.Sprintf(format, args...), Offset: -1}
}

// measure counts the values inside v, up to limit; false where there are more
// or they nest too deep. Parts that are shared count each time they are met,
// as they would cost each time.
func measure(v any, limit int) (int, bool) {
	left := limit
	ok := visit(v, &left, maxDepth)
	return limit - left, ok
}

func visit(v any, left *int, depth int) bool {
	if *left--; *left < 0 || depth < 0 {
		return false
	}
	switch v := v.(type) {
	case string:
		*left -= len(v) >> 3
	case json.Number:
		*left -= len(v) >> 3
	case *big.Int:
		*left -= v.BitLen() >> 6
	case []any:
		for _, w := range v {
			if !visit(w, left, depth-1) {
				return false
			}
		}
	case map[string]any:
		for k, w := range v {
			*left -= len(k) >> 3
			if !visit(w, left, depth-1) {
				return false
			}
		}
	}
	return *left >= 0
}

func bounded(v any) any {
	if _, ok := measure(v, maxNodes); !ok {
		return tooLarge("a value is too large or too deeply nested (at most %d levels)", maxDepth)
	}
	return v
}

// copied makes a value of its own of v. The values that a program reads, and
// the constants in it, are shared between programs that run at the same time.
func copied(v any) any {
	if !container(v) {
		return v
	}
	if err, bad := bounded(v).(error); bad {
		return err
	}
	return clone(v)
}

func clone(v any) any {
	switch v := v.(type) {
	case []any:
		w := make([]any, len(v))
		for i, each := range v {
			w[i] = clone(each)
		}
		return w
	case map[string]any:
		w := make(map[string]any, len(v))
		for key, each := range v {
			w[key] = clone(each)
		}
		return w
	}
	return v
}

func small(v any) any {
	switch v := v.(type) {
	case string:
		return text(v, maxString)
	case []any:
		if len(v) > maxArray {
			return tooLarge("an array has more than %d elements", maxArray)
		}
	case *big.Int:
		if v.BitLen() > maxShort {
			return tooLarge("a number has too many digits")
		}
	case json.Number:
		if len(v) > maxNumeral {
			return tooLarge("a number has more than %d digits", maxNumeral)
		}
	}
	return v
}

func text(v any, limit int) any {
	if s, ok := v.(string); ok && len(s) > limit {
		return tooLarge("a text is longer than %d bytes", limit)
	}
	return v
}

// addable checks what add makes of a collection, with extra bytes between.
func addable(v any, extra int) any {
	bytes, elements := 0, 0
	each := func(w any) {
		switch w := w.(type) {
		case string:
			bytes += len(w) + extra
		case []any:
			elements += len(w)
		case map[string]any:
			elements += len(w)
		default:
			bytes += extra
		}
	}
	switch v := v.(type) {
	case []any:
		for _, w := range v {
			each(w)
		}
	case map[string]any:
		for _, w := range v {
			each(w)
		}
	}
	if bytes > maxString || elements > maxArray {
		return tooLarge("the sum is larger than %d bytes or %d elements", maxString, maxArray)
	}
	return v
}

func joinable(v any, args []any) any {
	between, _ := args[0].(string)
	return addable(v, len(between))
}

func table(v any) any {
	rows, _ := v.([]any)
	widest := 0
	for _, row := range rows {
		if row, ok := row.([]any); ok {
			widest = max(widest, len(row))
		}
	}
	if widest > 0 && len(rows) > maxArray/widest {
		return tooLarge("the table has more than %d cells", maxArray)
	}
	return v
}

func key(v any) any {
	switch k := v.(type) {
	case string, nil:
	case []any:
		if len(k) > maxDepth {
			return tooLarge("an array used as an index has more than %d elements", maxDepth)
		}
		return bounded(v)
	default:
		if n, ok := gojq.ToInt(v); ok && n > maxArray {
			return tooLarge("an index is larger than %d", maxArray)
		}
	}
	return v
}

func path(v any) any {
	steps, _ := v.([]any)
	if len(steps) > maxDepth {
		return tooLarge("a path is longer than %d", maxDepth)
	}
	for _, step := range steps {
		if err, bad := key(step).(error); bad {
			return err
		}
	}
	return v
}

func event(v any) any {
	if pair, ok := v.([]any); ok && len(pair) > 0 {
		if err, bad := path(pair[0]).(error); bad {
			return err
		}
	}
	return v
}

// product checks two values of which each part of one is compared with each
// part of the other.
func product(l, r, result any) any {
	if !container(l) || !container(r) {
		return result
	}
	n, ok := measure(l, maxNodes)
	if !ok {
		return bounded(l)
	}
	m, ok := measure(r, maxNodes)
	if !ok {
		return bounded(r)
	}
	if m > maxProduct/max(n, 1) {
		return tooLarge("comparing each of about %d values with each of about %d takes too long", n, m)
	}
	return result
}

func container(v any) bool {
	switch v.(type) {
	case []any, map[string]any:
		return true
	}
	return false
}

// pair makes [l, r] of the operands of *, - and /, having checked them.
func pair(_ any, args []any) any {
	l, r := args[0], args[1]
	both := []any{l, r}
	if repeated(l, r) || repeated(r, l) {
		return tooLarge("the repeated text is longer than %d bytes", maxString)
	}
	if s, ok := l.(string); ok && len(s) > maxShort {
		if _, ok := r.(string); ok {
			return text(s, maxShort)
		}
	}
	if err, bad := small(l).(error); bad {
		return err
	}
	if err, bad := small(r).(error); bad {
		return err
	}
	if _, ok := l.(map[string]any); ok {
		if err, bad := bounded(r).(error); bad {
			return err
		}
		return both
	}
	return product(l, r, both)
}

func repeated(s, n any) bool {
	unit, ok := s.(string)
	if !ok {
		return false
	}
	times, ok := gojq.ToFloat64(n)
	return ok && times*float64(len(unit)) > maxString
}

// compare returns the order of two values, -1, 0 or 1. It costs no more than
// the smaller of them.
func compare(_ any, args []any) any {
	l, r := args[0], args[1]
	if container(l) && container(r) {
		const little = 1 << 12
		if _, ok := measure(l, little); !ok {
			if _, ok := measure(r, little); !ok {
				if err, bad := bounded(l).(error); bad {
					return err
				}
			}
		}
	}
	return gojq.Compare(l, r)
}

// matchable checks a text against what a match costs in gojq: each match
// counts the characters before it again.
func matchable(v any, args []any) any {
	const free = 4 << 10
	s, ok := v.(string)
	if !ok || len(s) <= free {
		return v
	}
	if err, bad := text(s, maxMatched).(error); bad {
		return err
	}
	expr, isText := args[0].(string)
	flags, _ := args[1].(string)
	if !isText || !strings.Contains(flags, "g") {
		return v
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return v // the step itself says what is wrong with it
	}
	if most := maxProduct / len(s); len(re.FindAllStringIndex(s, most+1)) > most {
		return tooLarge("more than %d matches in a text of %d bytes", most, len(s))
	}
	return v
}
