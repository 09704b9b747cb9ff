package published

import (
	"encoding/json"
	"slices"

	"github.com/chainwright/chainwright/executors/plainjson"
)

// anyValue is the schema of a value of several types. Clients warn about a schema
// without types, and FastMCP drops values without a property from typed results.
const anyValue = `{"anyOf":[{"type":"object"},{"type":"array"},{"type":"string"},{"type":"number"},{"type":"boolean"},{"type":"null"}]}`

// Output returns the published form of the schema of a result: the names of its
// first level with their types. Names in rare are left out. named is false if no
// name is left.
func Output(schema json.RawMessage, rare []string) (published json.RawMessage, named bool) {
	r := reader{root: schema, rest: mostShapes}
	root := r.shape(schema)
	out := []byte(`{"type":"object"`)
	var typed []byte
	for _, each := range root.properties {
		if slices.Contains(rare, each.name) {
			continue
		}
		if len(typed) > 0 {
			typed = append(typed, ',')
		}
		typed = append(plainjson.AppendString(typed, each.name), ':')
		kinds := r.shape(each.schema).known()
		if len(kinds) != 1 || kinds[0] == "null" {
			typed = append(typed, anyValue...)
			continue
		}
		typed = append(plainjson.AppendString(append(typed, `{"type":`...), kinds[0]), '}')
	}
	if len(typed) > 0 {
		out = append(append(append(out, `,"properties":{`...), typed...), '}')
	}
	return append(out, '}'), len(typed) > 0
}
