package published

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors/plainjson"
)

// Output returns the published form of the schema of a result: the names of its
// first level with their types. Values of several types are named in the
// description, because clients warn about a schema without a type. Names in rare
// are left out. named is false if no name is left.
func Output(schema json.RawMessage, rare []string) (published json.RawMessage, named bool) {
	r := reader{root: schema, rest: mostShapes}
	root := r.shape(schema)
	out := []byte(`{"type":"object"`)
	var typed []byte
	var others []string
	for _, each := range root.properties {
		if slices.Contains(rare, each.name) {
			continue
		}
		kinds := r.shape(each.schema).known()
		if len(kinds) != 1 || kinds[0] == "null" {
			others = append(others, each.name)
			continue
		}
		if len(typed) > 0 {
			typed = append(typed, ',')
		}
		typed = append(plainjson.AppendString(typed, each.name), `:{"type":`...)
		typed = append(plainjson.AppendString(typed, kinds[0]), '}')
	}
	if len(others) > 0 {
		slices.Sort(others)
		out = plainjson.AppendString(append(out, `,"description":`...), "Also "+strings.Join(others, ", ")+": any value")
	}
	if len(typed) > 0 {
		out = append(append(append(out, `,"properties":{`...), typed...), '}')
	}
	return append(out, '}'), len(typed)+len(others) > 0
}
