package executors

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors/nearest"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// rare reads the paths of parameters that are not published: "verify",
// "auth.location". Each must name an optional property of the input schema.
// Elements of lists, members and alternatives are no steps of a path.
func (l *loader) rare(node *yaml.Node, def *Definition) (paths []string) {
	for _, element := range l.list(node) {
		var path string
		l.text(&path)(element)
		if slices.Contains(paths, path) {
			l.problem(element, "rare names %q twice", path)
		}
		if reason := wrongPath(path, def.Input.JSON()); path != "" && reason != "" {
			l.problem(element, "rare names %q, %s", path, reason)
		}
		paths = append(paths, path)
	}
	return paths
}

// rareResults reads the names of properties of the result that are not published.
func (l *loader) rareResults(node *yaml.Node, def *Definition) (names []string) {
	for _, element := range l.list(node) {
		var name string
		l.text(&name)(element)
		switch known := def.Output.Properties(); {
		case slices.Contains(names, name):
			l.problem(element, "rare_results names %q twice", name)
		case name != "" && !def.Output.HasProperty(name):
			l.problem(element, "rare_results names %q, which is not in output_schema; %s", name, cmp.Or(nearest.Hint(name, known), "it has "+strings.Join(known, ", ")))
		}
		names = append(names, name)
	}
	return names
}

// wrongPath returns why a path names no optional property, "" if it does.
func wrongPath(path string, root json.RawMessage) string {
	schema, required := root, false
	steps := strings.Split(path, ".")
	for i, step := range steps {
		f := finder{root: root, found: map[string]json.RawMessage{}, required: map[string]bool{}, left: 10_000}
		f.search(schema, 0)
		next, ok := f.found[step]
		if !ok {
			names := slices.Sorted(maps.Keys(f.found))
			hint := nearest.Hint(step, names)
			switch {
			case hint == "" && len(names) > 0:
				hint = "the properties there are " + strings.Join(names, ", ")
			case hint == "":
				hint = "there are no properties there"
			}
			return "but input_schema has no " + strings.Join(steps[:i+1], ".") + "; " + hint
		}
		schema, required = next, f.required[step]
	}
	if required {
		return "which is required: callers must see it"
	}
	return ""
}

// finder collects the properties of a schema, also those of its elements,
// members and alternatives.
type finder struct {
	root     json.RawMessage
	found    map[string]json.RawMessage
	required map[string]bool
	left     int // schemas still to visit, because references can lead in circles
}

func (f *finder) search(schema json.RawMessage, depth int) {
	const deepest = 32
	if f.left--; f.left < 0 || depth > deepest {
		return
	}
	for keyword, value := range strictjson.Members(schema) {
		switch keyword {
		case "properties":
			for name, each := range strictjson.Members(value) {
				if f.found[name] == nil {
					f.found[name] = each
				}
			}
		case "required":
			for each := range strictjson.Elements(value) {
				f.required[strictjson.Text(each)] = true
			}
		case "items", "additionalProperties", "then", "else":
			f.search(value, depth+1)
		case "anyOf", "oneOf", "allOf", "prefixItems":
			for each := range strictjson.Elements(value) {
				f.search(each, depth+1)
			}
		case "$ref":
			if target := strictjson.At(f.root, strings.TrimPrefix(strictjson.Text(value), "#")); target != nil {
				f.search(target, depth+1)
			}
		}
	}
}
