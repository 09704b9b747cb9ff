package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
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
		return "an array of " + count{len(v), "element"}.String()
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
