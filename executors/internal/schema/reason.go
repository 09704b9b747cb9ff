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
	"github.com/chainwright/chainwright/executors/shorten"
)

// reason is a violation without its text. Most reasons that are found while
// several forms are tried are never shown, so the text is built only when it
// is needed.
type reason struct {
	at     path
	format string
	args   []any
}

// String returns the message without the path.
func (r reason) String() string { return fmt.Sprintf(r.format, r.args...) }

func violations(reasons []reason) []Violation {
	list := make([]Violation, len(reasons))
	for i, each := range reasons {
		list[i] = Violation{Path: each.at.String(), Message: each.String()}
		if len(each.args) == 1 {
			_, list[i].Unknown = each.args[0].(known)
		}
	}
	return list
}

// shown is a value in a message.
type shown struct{ value any }

func (s shown) String() string { return show(s.value) }

// valueList is the allowed values; the text has the first 20.
type valueList []any

func (values valueList) String() string {
	const most = 20
	shown := make([]string, 0, most)
	for _, each := range values[:min(len(values), most)] {
		shown = append(shown, show(each))
	}
	return shorten.Names(shown, len(values))
}

// meant suggests the allowed text that is most similar to the value, if there
// are too many to see at once.
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

// known is the keys that a schema has, for an unknown key.
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
		return "no fields are allowed"
	}
	return "the known fields are " + shorten.Names(names[:min(len(names), most)], len(names))
}

// wanted is what each of several forms requires, seen from the place of the
// value.
type wanted struct {
	at      path
	reasons []reason
}

func (w wanted) String() string {
	list := make([]string, len(w.reasons))
	above := w.at.String()
	for i, each := range w.reasons {
		below := strings.TrimPrefix(strings.TrimPrefix(each.at.String(), above), ".")
		list[i] = Violation{Path: below, Message: each.String()}.String()
	}
	return alternatives(list)
}

// kindList is the allowed types.
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

// decimal is a bound in the usual notation.
type decimal struct{ *big.Rat }

func (d decimal) String() string {
	if d.IsInt() {
		return shorten.Bytes(d.Num().String(), longest)
	}
	near, _ := d.Float64()
	return strconv.FormatFloat(near, 'g', -1, 64)
}
