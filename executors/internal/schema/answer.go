package schema

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/chainwright/chainwright/executors/strictjson"
)

// Answer is whether a value is valid. Parts of the value may be unknown.
type Answer int8

// The answers. The smallest of several answers is the answer for all of them,
// the largest that for any of them.
const (
	No Answer = iota
	Maybe
	Yes
)

func yes(fits bool) Answer {
	if fits {
		return Yes
	}
	return No
}

// not negates an answer.
func (a Answer) not() Answer { return Yes - a }

// Equal compares two JSON values. Numbers are equal by value: 1 and 1.0 are.
func Equal(a, b any) Answer {
	if _, ok := b.(Unknown); ok {
		a, b = b, a
	}
	switch a := a.(type) {
	case Unknown:
		if _, text := b.(string); a.Text && !text && !isUnknown(b) {
			return No
		}
		return Maybe
	case nil:
		return yes(b == nil)
	case bool:
		other, ok := b.(bool)
		return yes(ok && a == other)
	case string:
		other, ok := b.(string)
		return yes(ok && a == other)
	case []any:
		other, ok := b.([]any)
		if !ok || len(a) != len(other) {
			return No
		}
		all := Yes
		for i := range a {
			all = min(all, Equal(a[i], other[i]))
		}
		return all
	case map[string]any:
		other, ok := b.(map[string]any)
		if !ok || len(a) != len(other) {
			return No
		}
		all := Yes
		for key, value := range a {
			against, ok := other[key]
			if !ok {
				return No
			}
			all = min(all, Equal(value, against))
		}
		return all
	}
	first, ok := numeral(a)
	second, ok2 := numeral(b)
	return yes(ok && ok2 && (first == second || sane(first) && sane(second) && compare(first, bound(second)) == 0))
}

func isUnknown(v any) bool {
	_, ok := v.(Unknown)
	return ok
}

// holes reports whether a part of v is unknown.
func holes(v any) bool {
	switch v := v.(type) {
	case Unknown:
		return true
	case []any:
		return slices.ContainsFunc(v, holes)
	case map[string]any:
		for _, element := range v {
			if holes(element) {
				return true
			}
		}
	}
	return false
}

// numeral returns the text of a number, also of Go's own types; false if v is
// not a number.
func numeral(v any) (string, bool) {
	switch v := v.(type) {
	case json.Number:
		return string(v), true
	case float64, float32, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		return fmt.Sprint(v), true
	}
	return "", false
}

// sane reports whether Decode would accept a number. Larger exponents cost any
// amount of time and memory.
func sane(text string) bool {
	return isDigits(text) && len(text) <= strictjson.MaxNumber || strictjson.Check([]byte(text)) == nil
}

// isDigits reports whether a number is only digits after its sign.
func isDigits(text string) bool {
	text = strings.TrimPrefix(text, "-")
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// limit is a number to compare with.
type limit struct {
	text string
	rat  *big.Rat
	near float64 // exact if plan is set
	plan bool
}

func bound(text string) limit {
	l := limit{text: text}
	if l.near, l.plan = brief(text); !l.plan {
		l.rat, _ = new(big.Rat).SetString(text)
	}
	return l
}

// brief returns a number of at most 15 digits. Such numbers differ as float64
// too, so that comparing them is exact.
func brief(text string) (float64, bool) {
	if len(text) > 15 || strings.ContainsAny(text, "eE") {
		return 0, false
	}
	near, err := strconv.ParseFloat(text, 64)
	return near, err == nil
}

// compare returns -1, 0 or 1 if the number is less than, equal to or greater
// than the limit. Both must be sane.
func compare(text string, to limit) int {
	if near, ok := brief(text); ok && to.plan {
		switch {
		case near < to.near:
			return -1
		case near > to.near:
			return 1
		}
		return 0
	}
	rat, ok := new(big.Rat).SetString(text)
	against := to.rat
	if against == nil {
		against, _ = new(big.Rat).SetString(to.text)
	}
	if !ok || against == nil {
		return strings.Compare(text, to.text)
	}
	return rat.Cmp(against)
}

// isWhole reports whether a sane number has no fraction: 1.0 has none.
func isWhole(text string) bool {
	if isDigits(text) {
		return true
	}
	rat, ok := new(big.Rat).SetString(text)
	return ok && rat.IsInt()
}

// isMultiple reports whether a sane number is a multiple of another.
func isMultiple(text string, of limit) bool {
	if a, err := strconv.ParseInt(text, 10, 64); err == nil {
		if b, err := strconv.ParseInt(of.text, 10, 64); err == nil && b != 0 {
			return a%b == 0
		}
	}
	rat, ok := new(big.Rat).SetString(text)
	by, ok2 := new(big.Rat).SetString(of.text)
	return ok && ok2 && by.Sign() != 0 && rat.Quo(rat, by).IsInt()
}

// appendKey appends a text of a value that is the same for equal values only.
func appendKey(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, 'n')
	case bool:
		return strconv.AppendBool(dst, v)
	case string:
		return strconv.AppendQuote(dst, v)
	case []any:
		dst = append(dst, '[')
		for _, element := range v {
			dst = append(appendKey(dst, element), ',')
		}
		return append(dst, ']')
	case map[string]any:
		dst = append(dst, '{')
		for _, key := range sortedKeys(v) {
			dst = append(strconv.AppendQuote(dst, key), ':')
			dst = append(appendKey(dst, v[key]), ',')
		}
		return append(dst, '}')
	}
	text, _ := numeral(v)
	if isDigits(text) && text[0] != '-' {
		return append(dst, text...)
	}
	if rat, ok := new(big.Rat).SetString(text); ok {
		return append(dst, rat.RatString()...)
	}
	return append(dst, text...)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
