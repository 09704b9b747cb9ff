package jq

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/bits"
	"strings"

	"github.com/itchyny/gojq"
)

// The limits of what one step reads and makes. They bound its memory; the
// budget of the run (watch.charge) bounds its time. A unit of that budget is
// one value that is read, written or compared, or eight bytes of text.
const (
	maxString   = 32 << 20 // bytes of a string that a step makes
	maxArray    = 4 << 20  // elements of an array that a step makes
	maxNodes    = 10 << 20 // values inside a value that a step walks
	maxDepth    = 1000     // nesting of a value that a step walks
	maxShort    = 4 << 20  // bytes of a text that becomes an array
	maxDocument = 16 << 20 // bytes of a text that is parsed as JSON
	maxMatched  = 1 << 20  // bytes of a text that is matched
	maxNumeral  = 1000     // digits of a number that is parsed
	maxBits     = 128 << 10
	maxFormat   = 4 << 10 // bytes of a format for times: one directive makes up to 1 KiB
	nodeUnits   = 4       // units of a new element
)

// guards are the checks that prelude.jq and the rewriter put before steps. Each
// gets the input and the arguments of the step and returns what the step gets.
var guards = map[string]guard{
	"_bounded":   {0, func(w *watch, v any, _ []any) any { return orError(v, bounded(w, v)) }},
	"_copied":    {0, func(w *watch, v any, _ []any) any { return copied(w, v) }},
	"_touched":   {0, func(w *watch, v any, _ []any) any { return orError(v, touched(w, v)) }},
	"_small":     {0, func(w *watch, v any, _ []any) any { return orError(v, small(w, v)) }},
	"_short":     {0, func(w *watch, v any, _ []any) any { return orError(v, text(w, v, maxShort)) }},
	"_numeral":   {0, func(w *watch, v any, _ []any) any { return orError(v, text(w, v, maxNumeral)) }},
	"_numerals":  {0, func(w *watch, v any, _ []any) any { return orError(v, numerals(v)) }},
	"_document":  {0, func(w *watch, v any, _ []any) any { return orError(v, document(w, v)) }},
	"_format":    {0, func(w *watch, v any, _ []any) any { return orError(v, text(w, v, maxFormat)) }},
	"_order":     {0, func(_ *watch, v any, _ []any) any { return orError(v, order(v)) }},
	"_escapable": {0, func(w *watch, v any, _ []any) any { return orError(v, escapable(w, v)) }},
	"_sortable":  {1, func(w *watch, v any, args []any) any { return orError(v, sortable(w, v, args[0])) }},
	"_addable":   {1, func(w *watch, v any, args []any) any { return orError(v, addable(w, v, args[0])) }},
	"_table":     {0, func(w *watch, v any, _ []any) any { return orError(v, table(w, v)) }},
	"_reach":     {1, func(w *watch, v any, args []any) any { return orError(v, reach(w, v, args[0])) }},
	"_path":      {1, func(w *watch, v any, args []any) any { return orError(v, path(w, v, args[0])) }},
	"_product":   {1, func(w *watch, v any, args []any) any { return orError(v, product(w, v, args[0])) }},
	"_found":     {1, func(w *watch, v any, args []any) any { return found(w, v, args[0]) }},
	"_matchable": {2, func(w *watch, v any, args []any) any { return orError(v, matchable(w, v, args[0], args[1])) }},
	"_pair":      {2, func(w *watch, _ any, args []any) any { return pair(w, args[0], args[1]) }},
	"_ordered":   {2, func(w *watch, _ any, args []any) any { return ordered(w, args[0], args[1]) }},
	"_compare":   {2, func(w *watch, _ any, args []any) any { return compare(w, args[0], args[1]) }},
}

type guard struct {
	args int
	run  func(w *watch, v any, args []any) any
}

// budget is the variable that hands the watch of a run to its guards.
const budget = "$__budget"

// guardFunctions returns the guards as functions of a program. The first
// argument of each is the budget.
func guardFunctions() []gojq.CompilerOption {
	functions := make([]gojq.CompilerOption, 0, len(guards))
	for name, g := range guards {
		functions = append(functions, gojq.WithFunction(name, g.args+1, g.args+1, func(v any, args []any) any {
			w, ok := args[0].(*watch)
			if !ok {
				return tooLarge("%s can't be a variable of the program", budget)
			}
			return g.run(w, v, args[1:])
		}))
	}
	return functions
}

func orError(v any, err error) any {
	if err != nil {
		return err
	}
	return v
}

func tooLarge(format string, args ...any) *Error {
	return &Error{Kind: TooMuch, Message: fmt.Sprintf(format, args...)}
}

// measure counts the values inside v, up to limit. It returns false if there
// are more or if they nest too deeply. Shared parts count each time, because
// they cost time each time.
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

// size measures a value that a step walks and charges the walk.
func size(w *watch, v any) (int, error) {
	n, ok := measure(v, maxNodes)
	if !ok {
		return 0, tooLarge("a value is too large or too deeply nested (at most %d levels)", maxDepth)
	}
	return n, w.charge(n)
}

func bounded(w *watch, v any) error {
	_, err := size(w, v)
	return err
}

// copied returns a copy of v. The inputs and constants of a program are shared
// between programs that run at the same time.
func copied(w *watch, v any) any {
	if !container(v) {
		return v
	}
	if err := bounded(w, v); err != nil {
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

// touched charges the copy that an update makes of the outermost value.
func touched(w *watch, v any) error {
	switch v := v.(type) {
	case []any:
		return w.charge(len(v) >> 2)
	case map[string]any:
		return w.charge(len(v) * 2)
	}
	return nil
}

func small(w *watch, v any) error {
	switch v := v.(type) {
	case string:
		return text(w, v, maxString)
	case []any:
		if len(v) > maxArray {
			return tooLarge("an array has more than %d elements", maxArray)
		}
		return w.charge(len(v) >> 1)
	case map[string]any:
		return w.charge(len(v))
	case *big.Int:
		if v.BitLen() > maxBits {
			return tooLarge("a number has too many digits")
		}
	case json.Number:
		if len(v) > maxNumeral {
			return tooLarge("a number has more than %d digits", maxNumeral)
		}
	}
	return nil
}

// text checks the length of a text that a step copies, and charges it.
func text(w *watch, v any, limit int) error {
	s, ok := v.(string)
	if !ok {
		return nil
	}
	if len(s) > limit {
		return tooLarge("a text is longer than %d bytes", limit)
	}
	return w.charge(len(s) >> 5)
}

// order checks the order of a Bessel function.
func order(v any) error {
	if n, ok := gojq.ToInt(v); ok && (n > maxShort || n < -maxShort) {
		return tooLarge("the order of a Bessel function is larger than %d", maxShort)
	}
	return nil
}

// document checks a text that is parsed as JSON. Each value in it follows one of
// the counted characters.
func document(w *watch, v any) error {
	s, _ := v.(string)
	values := 0
	for _, mark := range []string{",", "[", "{", ":"} {
		values += strings.Count(s, mark)
	}
	if values > maxArray {
		return tooLarge("a JSON text has more than %d values", maxArray)
	}
	if err := w.charge(values * nodeUnits); err != nil {
		return err
	}
	return text(w, v, maxDocument)
}

// numerals checks the numbers of a parsed document: converting digits to a
// number takes time that grows with their square.
func numerals(v any) error {
	switch v := v.(type) {
	case json.Number:
		if len(v) > maxNumeral {
			return tooLarge("a number has more than %d digits", maxNumeral)
		}
	case []any:
		for _, each := range v {
			if err := numerals(each); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, each := range v {
			if err := numerals(each); err != nil {
				return err
			}
		}
	}
	return nil
}

// sortable checks an array that is sorted by keys.
func sortable(w *watch, v, keys any) error {
	n, err := size(w, keys)
	if err != nil {
		return err
	}
	list, _ := v.([]any)
	return w.chargeProduct(n, bits.Len(uint(len(list))))
}
