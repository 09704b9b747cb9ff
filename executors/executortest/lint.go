package executortest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/chainwright/chainwright/executors/internal/schema"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// LintInput returns what in an input schema some clients do not accept: they
// return status 400, or drop the tool without a message.
func LintInput(raw json.RawMessage) []string {
	root, found := lintRoot(raw)
	if root == nil {
		return found
	}
	return append(found, lintInside("", root)...)
}

// LintOutput returns what in an output schema some clients do not accept.
func LintOutput(raw json.RawMessage) []string {
	_, found := lintRoot(raw)
	return found
}

func lintRoot(raw json.RawMessage) (map[string]any, []string) {
	root, err := strictjson.DecodeObject(raw)
	if err != nil {
		return nil, []string{err.Error()}
	}
	var found []string
	if root["type"] != "object" {
		found = append(found, "has no type: object at its root")
	}
	if _, ok := root["properties"].(map[string]any); !ok {
		found = append(found, "has no properties at its root")
	}
	for _, keyword := range []string{"oneOf", "anyOf", "allOf", "not", "if", "$ref", "enum"} {
		if _, ok := root[keyword]; ok {
			found = append(found, "has "+keyword+" at its root")
		}
	}
	return root, append(found, nulls("", root)...)
}

// nulls reports keys without a value: in YAML, a text with a comma that is not
// quoted.
func nulls(path string, shape map[string]any) (found []string) {
	for _, key := range slices.Sorted(maps.Keys(shape)) {
		switch value := shape[key].(type) {
		case nil:
			if key != "default" {
				found = append(found, fmt.Sprintf("at %s/%s: has no value; quote a YAML text that has a comma", path, key))
			}
		case map[string]any:
			found = append(found, nulls(path+"/"+key, value)...)
		}
	}
	return found
}

// lintInside checks a schema and the schemas in it.
func lintInside(path string, shape map[string]any) []string {
	var found []string
	add := func(format string, args ...any) { found = append(found, "at "+path+"/"+fmt.Sprintf(format, args...)) }
	if _, ok := shape["type"].([]any); ok {
		add("type: is a list; write a nested anyOf")
	}
	if shape["type"] == "array" && shape["items"] == nil {
		add("items: is missing for an array")
	}
	if _, ok := shape["propertyNames"]; ok {
		add("propertyNames: is not known everywhere")
	}
	if values, ok := shape["enum"].([]any); ok {
		for _, value := range values {
			if _, ok := value.(json.Number); ok {
				add("enum: has a number")
				break
			}
		}
	}
	inside := func(step string, value any) {
		switch value := value.(type) {
		case map[string]any:
			found = append(found, lintInside(path+"/"+step, value)...)
		case bool:
			if step != "additionalProperties" {
				add("%s: is a boolean for a schema", step)
			}
		}
	}
	for _, keyword := range []string{"items", "additionalProperties", "not", "if", "then", "else", "contains"} {
		inside(keyword, shape[keyword])
	}
	for _, keyword := range []string{"anyOf", "oneOf", "allOf", "prefixItems"} {
		list, _ := shape[keyword].([]any)
		for i, each := range list {
			inside(fmt.Sprintf("%s/%d", keyword, i), each)
		}
	}
	for _, keyword := range []string{"properties", "patternProperties", "$defs", "dependentSchemas"} {
		object, _ := shape[keyword].(map[string]any)
		for _, name := range names(object) {
			inside(keyword+"/"+name, object[name])
		}
	}
	return found
}

func names(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }

func equal(a, b any) bool { return schema.Equal(a, b) == schema.Yes }
