package executortest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/chainwright/chainwright/executors/internal/schema"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// spot is a schema inside a published one.
type spot struct {
	shape map[string]any
	step  string // the keyword that it is under: "" at the root
	input bool
}

func (p *spot) has(keyword string) bool { _, ok := p.shape[keyword]; return ok }

func (p *spot) list(keyword string) []any { list, _ := p.shape[keyword].([]any); return list }

// rule is what a published schema must be like, so that all clients that convert
// schemas take it as it is meant.
type rule struct {
	problem string
	// source is who refuses the schema, or reads it as something else. Each was
	// seen with the named version.
	source string
	broken func(p *spot) bool
}

// rules are the rules of all converters together.
var rules = []rule{
	{
		"is a union at the root", "OpenAI and Anthropic answer with status 400",
		func(p *spot) bool { return p.step == "" && p.has("anyOf") },
	},
	{
		"has no type", "AutoGen 0.7.5 json_schema_to_pydantic: UnsupportedKeywordError, and no tool of the server is left; LlamaIndex 0.6.0 takes a text; Inspector 2.12.0 --strict: untyped-schema",
		func(p *spot) bool { return !p.has("type") && !p.has("anyOf") },
	},
	{
		"has a list of types; write a nested anyOf", "Inspector 2.12.0 --strict: type-union; AutoGen 0.7.5: TypeError; LlamaIndex 0.6.0 takes the first",
		func(p *spot) bool { _, text := p.shape["type"].(string); return p.has("type") && !text },
	},
	{
		"has a type beside anyOf", "Gemini: a schema with anyOf has nothing else; AutoGen 0.7.5 reads only anyOf",
		func(p *spot) bool { return p.has("type") && p.has("anyOf") },
	},
	{
		"is a list without items", "OpenAI, Gemini and VS Code refuse the tool",
		func(p *spot) bool { return p.input && p.shape["type"] == "array" && !p.has("items") },
	},
	{
		"is a union as the element of a list", "AutoGen 0.7.5 takes each element for a text",
		func(p *spot) bool { return p.step == "items" && p.has("anyOf") },
	},
	{
		"is a union in a union, or in the members of an object", "AutoGen 0.7.5: Unsupported or missing type in union; LlamaIndex 0.6.0 takes a text",
		func(p *spot) bool { return (p.step == "anyOf" || p.step == "additionalProperties") && p.has("anyOf") },
	},
	{
		"is a union with an object that is not its first choice", "LangChain.js 1.1.4 simplifyJsonSchemaForLLM keeps only the object",
		func(p *spot) bool {
			at := slices.IndexFunc(p.list("anyOf"), isObject)
			return at > 0
		},
	},
	{
		"is a union with several objects", "LangChain.js 1.1.4 simplifyJsonSchemaForLLM makes them one",
		func(p *spot) bool {
			objects := slices.DeleteFunc(slices.Clone(p.list("anyOf")), func(each any) bool { return !isObject(each) })
			return len(objects) > 1
		},
	},
	{
		"has a boolean for additionalProperties", "google-genai 2.34.0 _filter_to_supported_schema: AttributeError; rare parameters are accepted anyway",
		func(p *spot) bool { _, is := p.shape["additionalProperties"].(bool); return is },
	},
	{
		"has an enum that is not of texts", "Gemini: enums are of strings that are not empty",
		func(p *spot) bool {
			return p.has("enum") && slices.ContainsFunc(p.list("enum"), func(each any) bool { text, _ := each.(string); return text == "" })
		},
	},
	{
		"requires a property that it does not have", "OpenAI and Gemini refuse the tool",
		func(p *spot) bool {
			properties, _ := p.shape["properties"].(map[string]any)
			return slices.ContainsFunc(p.list("required"), func(each any) bool { name, _ := each.(string); return properties[name] == nil })
		},
	},
	{
		"has a default", "OpenAI strict mode refuses it; the form of Inspector 2.12.0 fills in those of optional objects",
		func(p *spot) bool { return p.has("default") },
	},
}

// keywords are those that all converters know.
var keywords = []string{"type", "description", "enum", "properties", "required", "items", "anyOf", "additionalProperties", "default", "x-mcp-header"}

// refused are keywords that some converters refuse, with a source for each.
var refused = map[string]string{
	"$ref": "Gemini; AutoGen 0.7.5 finds only names in $defs", "$defs": "Gemini", "$dynamicRef": "all",
	"oneOf": "OpenAI strict mode, Anthropic strict tools", "allOf": "OpenAI strict mode; Gemini", "not": "OpenAI strict mode; LangChain.js 1.1.4 drops it",
	"if": "OpenAI strict mode; LangChain.js 1.1.4", "then": "OpenAI strict mode", "else": "OpenAI strict mode", "const": "Gemini",
	"patternProperties": "OpenAI strict mode; Gemini", "propertyNames": "Anthropic; Gemini", "unevaluatedProperties": "OpenAI strict mode",
	"prefixItems": "OpenAI strict mode; AutoGen 0.7.5", "contains": "OpenAI strict mode", "uniqueItems": "OpenAI strict mode",
	"minProperties": "OpenAI strict mode", "maxProperties": "OpenAI strict mode", "minItems": "Anthropic strict tools, over 1", "maxItems": "Anthropic strict tools",
	"minLength": "Anthropic strict tools", "maxLength": "Anthropic strict tools", "pattern": "Python's and JavaScript's expressions differ from RE2",
	"minimum": "Anthropic strict tools", "maximum": "Anthropic strict tools", "multipleOf": "Anthropic strict tools",
	"exclusiveMinimum": "Anthropic strict tools; Gemini", "exclusiveMaximum": "Anthropic strict tools; Gemini",
	"format": "AutoGen 0.7.5: FormatNotSupportedError; Gemini knows two", "title": "takes tokens, and no client needs it",
}

// LintInput returns what in a published input schema some client does not take
// as it is meant: it answers with status 400, drops the tool without a message,
// or sends another value. Each problem names a source.
func LintInput(raw json.RawMessage) []string { return lint(raw, true) }

// LintOutput returns what in a published output schema some client does not take.
func LintOutput(raw json.RawMessage) []string { return lint(raw, false) }

func lint(raw json.RawMessage, input bool) []string {
	root, found := lintRoot(raw)
	if root == nil {
		return found
	}
	return append(found, walk("", &spot{root, "", input})...)
}

// lintRoot checks what holds for the schema of a definition too.
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

// walk checks a schema and the schemas in it.
func walk(path string, p *spot) []string {
	var found []string
	add := func(problem, source string) {
		found = append(found, fmt.Sprintf("at %s/: %s (%s)", path, problem, source))
	}
	for _, each := range rules {
		if each.broken(p) {
			add(each.problem, each.source)
		}
	}
	for _, keyword := range names(p.shape) {
		if source, known := refused[keyword]; known {
			add("has "+keyword, source)
		} else if !slices.Contains(keywords, keyword) {
			add("has "+keyword, "not known to be taken by all clients")
		}
	}
	within := func(step, at string, value any) {
		switch value := value.(type) {
		case map[string]any:
			found = append(found, walk(path+"/"+at, &spot{value, step, p.input})...)
		case bool:
			if step != "additionalProperties" { // a rule of its own
				found = append(found, fmt.Sprintf("at %s/%s: is a boolean for a schema (Inspector 2.12.0: boolean-schema)", path, at))
			}
		}
	}
	within("items", "items", p.shape["items"])
	within("additionalProperties", "additionalProperties", p.shape["additionalProperties"])
	for i, each := range p.list("anyOf") {
		within("anyOf", fmt.Sprintf("anyOf/%d", i), each)
	}
	properties, _ := p.shape["properties"].(map[string]any)
	for _, name := range names(properties) {
		within("properties", "properties/"+name, properties[name])
	}
	return found
}

func isObject(shape any) bool {
	object, _ := shape.(map[string]any)
	return object["type"] == "object" || object["properties"] != nil
}

func names(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }

func equal(a, b any) bool { return schema.Equal(a, b) == schema.Yes }
