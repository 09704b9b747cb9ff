package parse

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// schemaText is the schema of a tree without what depends on the executors.
//
//go:embed schema.yaml
var schemaText []byte

// JSONSchema returns the JSON Schema (draft 7) of trees with the executors of a
// registry, for editors. It accepts every valid tree. It can't express ids,
// references, cycles and what the executors check themselves; Parse does.
func JSONSchema(reg *executors.Registry) (json.RawMessage, error) {
	value, err := strictjson.FromYAML(schemaText)
	if err != nil {
		return nil, fmt.Errorf("reading the schema of trees: %w", err)
	}
	root := object(value)
	definitions := object(root["definitions"])
	open(object(definitions["tree"]), slices.Concat(treeFields, resultFields))
	task := object(definitions["task"])
	open(task, slices.Concat(taskFields, recordFields))
	patterns := map[string]any{}
	for _, prefix := range recordPrefixes {
		patterns["^"+prefix] = true
	}
	task["patternProperties"] = patterns

	var ids, names, cases []any
	for _, e := range reg.All() {
		def := e.Definition()
		known := slices.Concat([]string{def.ID}, def.Aliases)
		short, cut := strings.CutSuffix(def.ID, "_executor")
		if _, taken := reg.Lookup(short); cut && !taken {
			names = append(names, short)
		}
		inputs, err := strictjson.Decode(def.Input.JSON())
		if err != nil {
			return nil, fmt.Errorf("reading the inputs of %s: %w", def.ID, err)
		}
		name := "inputs_" + def.ID
		relaxed := inputsSchema(object(inputs), "#/definitions/"+name+"/")
		relaxed["title"], relaxed["description"] = def.Title, def.Description
		definitions[name] = relaxed
		then := map[string]any{"properties": map[string]any{"inputs": map[string]any{"$ref": "#/definitions/" + name}}}
		if list, _ := relaxed["required"].([]any); len(list) > 0 {
			then["required"] = []any{"inputs"}
		}
		cases = append(cases, map[string]any{"if": named(known, short, cut), "then": then})
		for _, id := range known {
			ids = append(ids, id)
		}
	}
	task["allOf"] = cases
	properties := object(task["properties"])
	// A saved tree, and an executor of another machine's folder, is not in the list.
	object(properties["executor"])["anyOf"] = []any{map[string]any{"enum": append(append([]any{}, ids...), names...)}, map[string]any{"type": "string", "pattern": "/"}, map[string]any{"type": "null"}}
	method := object(object(object(properties["schemas"])["properties"])["method"])
	method["anyOf"] = []any{map[string]any{"enum": ids}, map[string]any{"type": "string", "pattern": "/"}, map[string]any{"type": "null"}}
	return plainjson.Marshal(root)
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// open adds the fields that the schema does not describe.
func open(schema map[string]any, names []string) {
	properties := object(schema["properties"])
	for _, name := range names {
		if _, ok := properties[name]; !ok {
			properties[name] = true
		}
	}
}

// named returns the schema of tasks that name an executor.
func named(ids []string, short string, hasShort bool) map[string]any {
	list := make([]any, len(ids), len(ids)+1)
	for i, id := range ids {
		list[i] = id
	}
	is := map[string]any{"enum": list}
	long := is
	if hasShort {
		long = map[string]any{"enum": append(slices.Clone(list), short)}
	}
	with := func(field string, schema any) map[string]any {
		return map[string]any{"required": []any{field}, "properties": map[string]any{field: schema}}
	}
	within := func(field, key string) map[string]any {
		inner := with(key, is)
		inner["type"] = "object"
		return with(field, inner)
	}
	byName := with("name", is)
	byName["not"] = map[string]any{"anyOf": []any{
		map[string]any{"required": []any{"executor"}}, map[string]any{"required": []any{"schemas"}}, map[string]any{"required": []any{"params"}},
		map[string]any{"required": []any{"approval"}},
	}}
	return map[string]any{"anyOf": []any{with("executor", long), within("schemas", "method"), within("params", "executor_id"), byName}}
}

// inputsSchema returns the schema of an executor's inputs in a tree, where a value
// may be a reference. prefix is put before pointers.
func inputsSchema(schema map[string]any, prefix string) map[string]any {
	out := maps.Clone(schema)
	out["type"] = []any{"object", "null"}
	relaxChildren(out, prefix)
	return out
}

// relax returns a schema that accepts a reference too.
func relax(v any, prefix string) any {
	schema, ok := v.(map[string]any)
	if !ok {
		return v // true or false
	}
	out := maps.Clone(schema)
	relaxChildren(out, prefix)
	if len(out) == 0 || out["type"] == "string" && anyText(out) {
		return out
	}
	either := map[string]any{"anyOf": []any{out, map[string]any{"$ref": "#/definitions/reference"}}}
	for _, name := range []string{"title", "description", "default", "examples"} {
		if about, ok := out[name]; ok {
			either[name] = about
			delete(out, name)
		}
	}
	return either
}

// anyText reports whether a schema of strings says nothing about their content.
func anyText(schema map[string]any) bool {
	for _, name := range []string{"enum", "const", "pattern", "format", "maxLength", "minLength", "anyOf", "oneOf", "allOf"} {
		if _, ok := schema[name]; ok && name != "minLength" {
			return false
		}
	}
	return true
}

// relaxChildren relaxes the schemas inside a schema. It drops the conditions, which
// a reference may or may not meet.
func relaxChildren(schema map[string]any, prefix string) {
	for _, name := range []string{"if", "then", "else", "not", "dependentSchemas", "propertyNames", "unevaluatedProperties", "contains", "$schema", "$id"} {
		delete(schema, name)
	}
	if ref, ok := schema["$ref"].(string); ok {
		schema["$ref"] = prefix + strings.TrimPrefix(strings.TrimPrefix(ref, "#"), "/")
	}
	if one, ok := schema["oneOf"]; ok { // a reference could match several
		delete(schema, "oneOf")
		if _, any := schema["anyOf"]; !any {
			schema["anyOf"] = one
		}
	}
	for _, name := range []string{"items", "additionalProperties", "additionalItems"} {
		if child, ok := schema[name]; ok {
			schema[name] = relax(child, prefix)
		}
	}
	for _, name := range []string{"anyOf", "allOf", "prefixItems"} {
		if list, ok := schema[name].([]any); ok {
			relaxed := make([]any, len(list))
			for i, each := range list {
				relaxed[i] = relax(each, prefix)
			}
			schema[name] = relaxed
		}
	}
	for _, name := range []string{"properties", "patternProperties", "$defs", "definitions"} {
		if fields, ok := schema[name].(map[string]any); ok {
			relaxed := make(map[string]any, len(fields))
			for key, each := range fields {
				relaxed[key] = relax(each, prefix)
			}
			schema[name] = relaxed
		}
	}
}
