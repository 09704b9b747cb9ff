package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors/nearest"
)

// longest is how much of a value a message shows.
const longest = 80

// path is where in a value something is. It is written only for a violation.
type path struct {
	parent *path
	name   string
	at     int // where there is no name
	array  bool
}

func (p path) key(name string) path { return path{parent: &p, name: name} }

func (p path) index(i int) path { return path{parent: &p, at: i, array: true} }

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_$-]+$`)

// String is the path as people write it: headers.accept, data[3], data["a b"].
func (p path) String() string {
	if p.parent == nil {
		return ""
	}
	before := p.parent.String()
	switch {
	case p.array:
		return before + "[" + strconv.Itoa(p.at) + "]"
	case len(p.name) > longest || !plainKey.MatchString(p.name):
		return before + "[" + strconv.Quote(cut(p.name)) + "]"
	case before == "":
		return p.name
	}
	return before + "." + p.name
}

// below is a violation as a value at a path would put it.
func (v Violation) below(at path) string {
	inside := strings.TrimPrefix(strings.TrimPrefix(v.Path, at.String()), ".")
	return Violation{inside, v.Message}.String()
}

// cut shortens a text for a message.
func cut(text string) string {
	if len(text) <= longest {
		return text
	}
	end := longest
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// show writes a value for a message: arrays and objects by their size.
func show(v any) string {
	switch v := v.(type) {
	case string:
		var buffer bytes.Buffer
		encoder := json.NewEncoder(&buffer)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(cut(v)); err != nil {
			return "a text"
		}
		return strings.TrimSuffix(buffer.String(), "\n")
	case nil:
		return "null"
	case []any:
		if len(v) == 0 {
			return "an empty array"
		}
		return "an array of " + count(len(v), "element")
	case map[string]any:
		if len(v) == 0 {
			return "an empty object"
		}
		return "an object"
	case Unknown:
		return "a reference"
	}
	return cut(fmt.Sprint(v))
}

// showList writes the values that are allowed, the first ones of very many.
func showList(values []any) string {
	const most = 20
	shown := make([]string, 0, len(values))
	for _, each := range values[:min(len(values), most)] {
		shown = append(shown, show(each))
	}
	list := strings.Join(shown, ", ")
	if more := len(values) - most; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

func nameList(names []string) string {
	const most = 30
	list := strings.Join(names[:min(len(names), most)], ", ")
	if more := len(names) - most; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

// meant asks for the allowed text that is most like the one that came.
func meant(v any, allowed []any) string {
	text, ok := v.(string)
	if !ok {
		return ""
	}
	var known []string
	for _, each := range allowed {
		if word, ok := each.(string); ok {
			known = append(known, word)
		}
	}
	if hint := nearest.Hint(text, known); hint != "" && len(known) > 3 {
		return "; " + hint
	}
	return ""
}

var kindWords = map[string]string{
	"null": "null", "boolean": "true or false", "object": "an object", "array": "an array",
	"string": "a string", "number": "a number", "integer": "a whole number",
}

func kindList(names []string) string {
	words := make([]string, len(names))
	for i, name := range names {
		words[i] = kindWords[name]
	}
	return alternatives(words)
}

func alternatives(words []string) string { return strings.Join(words, ", or ") }

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func decimal(r *big.Rat) string {
	if r.IsInt() {
		return cut(r.Num().String())
	}
	near, _ := r.Float64()
	return strconv.FormatFloat(near, 'g', -1, 64)
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
