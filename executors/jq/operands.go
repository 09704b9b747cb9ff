package jq

import (
	"fmt"
	"math/big"

	"github.com/itchyny/gojq"

	"github.com/chainwright/chainwright/executors/shorten"
)

// addable checks the size of the sum of a collection, with a text between its
// elements.
func addable(w *watch, v, between any) error {
	separator, _ := between.(string)
	bytes, elements := 0, 0
	each := func(v any) {
		switch v := v.(type) {
		case string:
			bytes += len(v) + len(separator)
		case []any:
			elements += len(v)
		case map[string]any:
			elements += nodeUnits * len(v)
		case *big.Int:
			bytes += v.BitLen() >> 2
		default:
			bytes += len(separator)
		}
	}
	n := 0
	switch v := v.(type) {
	case []any:
		n = len(v)
		for _, w := range v {
			each(w)
		}
	case map[string]any:
		n = len(v)
		for _, w := range v {
			each(w)
		}
	}
	if bytes > maxString || elements > maxArray {
		return tooLarge("the sum is larger than %d bytes or %d elements", maxString, maxArray)
	}
	return w.charge(n + elements + bytes>>5)
}

// table checks the array of arrays that transpose makes.
func table(w *watch, v any) error {
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
	return w.charge(len(rows) * (widest + 1))
}

// product checks two values that are compared part by part.
func product(w *watch, l, r any) error {
	if !container(l) {
		return nil
	}
	n, err := size(w, l)
	if err != nil {
		return err
	}
	m, err := size(w, r)
	if err != nil {
		return err
	}
	return w.chargeProduct(n, m)
}

func container(v any) bool {
	switch v.(type) {
	case []any, map[string]any:
		return true
	}
	return false
}

// pair checks the operands of *, - and / and returns [l, r].
func pair(w *watch, l, r any) any {
	if repeated(l, r) || repeated(r, l) {
		return tooLarge("the repeated text is longer than %d bytes", maxString)
	}
	if s, ok := l.(string); ok && len(s) > maxShort {
		if _, ok := r.(string); ok {
			return text(w, s, maxShort)
		}
	}
	for _, v := range []any{l, r} {
		if err := small(w, v); err != nil {
			return err
		}
	}
	if container(l) && container(r) {
		if _, merge := l.(map[string]any); merge {
			for _, v := range []any{l, r} {
				if err := bounded(w, v); err != nil {
					return err
				}
			}
		} else if err := product(w, l, r); err != nil {
			return err
		}
	}
	return []any{l, r}
}

func repeated(s, n any) bool {
	unit, ok := s.(string)
	if !ok {
		return false
	}
	times, ok := gojq.ToFloat64(n)
	return ok && times*float64(len(unit)) > maxString
}

// compare returns the order of two values: -1, 0 or 1. Its cost is that of the
// smaller value, and that of sorting the keys of objects.
func compare(w *watch, l, r any) any {
	if container(l) && container(r) {
		for limit := 1 << 12; ; limit <<= 3 {
			n, ok := measure(l, limit)
			m, fits := measure(r, limit)
			if err := w.charge(min(n, m)); err != nil {
				return err
			}
			if ok || fits {
				break
			}
			if limit > maxNodes {
				return tooLarge("a value is too large or too deeply nested (at most %d levels)", maxDepth)
			}
		}
		if err := w.charge((keys(l) + keys(r)) * 8); err != nil {
			return err
		}
	}
	return gojq.Compare(l, r)
}

// ordered is compare for a program's own <, <=, > and >=. A text and a number have
// an order in jq, that of their types, which is never what a program wants to
// know: every text is greater than every number.
func ordered(w *watch, l, r any) any {
	text, number := l, r
	if _, ok := r.(string); ok {
		text, number = r, l
	}
	if text, ok := text.(string); ok && gojq.TypeOf(number) == "number" {
		return &Error{Kind: Failed, Message: fmt.Sprintf("the text %q and a number can't be put in order: make the text a number with tonumber, or give its column a type", shorten.Runes(text, 40))}
	}
	return compare(w, l, r)
}

func keys(v any) int {
	object, _ := v.(map[string]any)
	return len(object)
}
