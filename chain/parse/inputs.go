package parse

import (
	"slices"
	"strings"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// inputSchema compiles the schema of the run's inputs.
func (p *parser) inputSchema(v any) {
	if v == nil {
		return
	}
	const hint = `a JSON Schema: {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}`
	object, ok := v.(map[string]any)
	if !ok {
		p.problem(-1, "inputs", chain.CodeWrongType, hint, "must be an object, a JSON Schema; got %s", describeKind(v))
		return
	}
	if kind, ok := object["type"]; ok && kind != "object" {
		p.problem(-1, "inputs.type", chain.CodeInvalidSchema, hint, "the inputs of a run are an object")
		return
	}
	raw, err := plainjson.Marshal(object)
	if err != nil {
		p.problem(-1, "inputs", chain.CodeInvalidSchema, hint, "the schema can't be written: %v", err)
		return
	}
	schema, err := executors.CompileSchema("inputs", raw)
	if err != nil {
		p.problem(-1, "inputs", chain.CodeInvalidSchema, hint, "%v", err)
		return
	}
	p.tree.InputSchema = schema
	p.closedInputs = object["additionalProperties"] == false
	if object["type"] == nil && object["properties"] == nil && len(object) > 0 && !slices.ContainsFunc(sortedKeys(object), schemaKeyword) {
		p.warn(-1, "inputs", chain.CodeNoEffect, hint, "the schema says nothing about the inputs")
	}
}

// schemaKeyword reports whether a key belongs to a schema of an object that has
// neither type nor properties.
func schemaKeyword(key string) bool {
	return strings.HasPrefix(key, "$") || slices.Contains([]string{
		"required", "allOf", "anyOf", "oneOf", "not", "if", "dependentRequired", "dependentSchemas", "propertyNames",
		"patternProperties", "additionalProperties", "minProperties", "maxProperties", "unevaluatedProperties", "title", "description",
	}, key)
}

// inputNames records the run inputs that a part of a task reads.
func (p *parser) inputNames(i int, r reader) {
	for _, name := range r.reads.Inputs {
		if !p.needs[name] {
			if p.needs == nil {
				p.needs = map[string]bool{}
			}
			p.needs[name] = true
			p.tree.Needs = append(p.tree.Needs, chain.Need{Name: name, Task: i})
		}
	}
	if !p.closedInputs {
		return
	}
	var places map[string]spot
	for _, name := range slices.Concat(r.reads.Inputs, r.reads.OptionalInputs) {
		if p.tree.InputSchema.HasProperty(name) {
			continue
		}
		if places == nil {
			places = r.places(runInputs)
		}
		p.warnAt(i, places[name], chain.CodeUndeclaredInput, "declare it in the tree's inputs", "the tree's inputs have no %q", name)
	}
}
