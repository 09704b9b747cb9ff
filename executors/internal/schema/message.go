package schema

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
)

// longest is how many bytes of a value a message shows.
const longest = 80

// path is the place of something in a value. Its text is built only for a
// violation.
type path struct {
	parent *path
	name   string
	at     int // if there is no name
	array  bool
}

func (p path) key(name string) path { return path{parent: &p, name: name} }

func (p path) index(i int) path { return path{parent: &p, at: i, array: true} }

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_$-]+$`)

// String returns the path in the usual notation: headers.accept, data[3],
// data["a b"].
func (p path) String() string {
	if p.parent == nil {
		return ""
	}
	before := p.parent.String()
	switch {
	case p.array:
		return before + "[" + strconv.Itoa(p.at) + "]"
	case len(p.name) > longest || !plainKey.MatchString(p.name):
		return before + "[" + strconv.Quote(shorten.Bytes(p.name, longest)) + "]"
	case before == "":
		return p.name
	}
	return before + "." + p.name
}

// show returns a value for a message. Arrays and objects are described by
// their size.
func show(v any) string {
	switch v := v.(type) {
	case string:
		return string(plainjson.AppendString(nil, shorten.Bytes(v, longest)))
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
	return shorten.Bytes(fmt.Sprint(v), longest)
}
