package schema

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	v5 "github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/chainwright/chainwright/executors/nearest"
)

// reason is a violation that is not written yet: most of those that are found
// while one form after the other is tried are never shown. What is in its
// arguments writes itself only then.
type reason struct {
	at     path
	format string
	args   []any
}

// String is the message without its place.
func (r reason) String() string { return fmt.Sprintf(r.format, r.args...) }

func violations(reasons []reason) []Violation {
	list := make([]Violation, len(reasons))
	for i, each := range reasons {
		list[i] = Violation{each.at.String(), each.String()}
	}
	return list
}

// shown is a value that came, or one that is allowed.
type shown struct{ value any }

func (s shown) String() string { return show(s.value) }

// valueList is the values that are allowed, the first ones of very many.
type valueList []any

func (values valueList) String() string {
	const most = 20
	shown := make([]string, 0, most)
	for _, each := range values[:min(len(values), most)] {
		shown = append(shown, show(each))
	}
	return listOf(shown, len(values)-most)
}

func listOf(words []string, more int) string {
	list := strings.Join(words, ", ")
	if more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

// meant asks for the allowed text that is most like the one that came, where
// there are too many to see it at once.
type meant struct {
	value   any
	allowed []any
}

func (m meant) String() string {
	text, ok := m.value.(string)
	if !ok {
		return ""
	}
	var words []string
	for _, each := range m.allowed {
		if word, ok := each.(string); ok {
			words = append(words, word)
		}
	}
	if hint := nearest.Hint(text, words); hint != "" && len(words) > 3 {
		return "; " + hint
	}
	return ""
}

// known is what a schema knows in the place of a key that it does not.
type known struct {
	key    string
	schema *v5.Schema
}

func (k known) String() string {
	const most = 30
	names := slices.Sorted(maps.Keys(k.schema.Properties))
	if hint := nearest.Hint(k.key, names); hint != "" {
		return hint
	}
	if len(names) == 0 {
		return "no keys are"
	}
	return "known are " + listOf(names[:min(len(names), most)], len(names)-most)
}

// wanted is what each of several forms asks for, seen from the value's place.
type wanted struct {
	at      path
	reasons []reason
}

func (w wanted) String() string {
	list := make([]string, len(w.reasons))
	above := w.at.String()
	for i, each := range w.reasons {
		below := strings.TrimPrefix(strings.TrimPrefix(each.at.String(), above), ".")
		list[i] = Violation{below, each.String()}.String()
	}
	return alternatives(list)
}

// kindList is the types that are allowed.
type kindList []string

var kindWords = map[string]string{
	"null": "null", "boolean": "true or false", "object": "an object", "array": "an array",
	"string": "a string", "number": "a number", "integer": "a whole number",
}

func (names kindList) String() string {
	words := make([]string, len(names))
	for i, name := range names {
		words[i] = kindWords[name]
	}
	return alternatives(words)
}

func alternatives(words []string) string { return strings.Join(words, ", or ") }

// count is a number of something.
type count struct {
	n    int
	what string
}

func (c count) String() string {
	if c.n == 1 {
		return "1 " + c.what
	}
	return fmt.Sprintf("%d %ss", c.n, c.what)
}

// decimal is a bound as people write it.
type decimal struct{ *big.Rat }

func (d decimal) String() string {
	if d.IsInt() {
		return cut(d.Num().String())
	}
	near, _ := d.Float64()
	return strconv.FormatFloat(near, 'g', -1, 64)
}
