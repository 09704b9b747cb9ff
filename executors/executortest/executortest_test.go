package executortest

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
)

const definition = `
id: greeting_executor
title: Greet someone
description: Says hello.
tags: [greeting]
toolset: tests
annotations: {read_only: true, destructive: false, idempotent: true, open_world: false}
timeout: {default: 5, ceiling: 10}
input_schema:
  type: object
  additionalProperties: false
  required: [name]
  properties:
    name: {type: string}
    places: {type: array, items: {type: object, properties: {city: {type: string}}}}
output_schema:
  type: object
  required: [greeting, length]
  properties: {greeting: {type: string}, length: {type: integer}}
examples:
  - title: a name
    inputs: {name: Ada}
    result: {greeting: Hello Ada}
`

type place struct {
	City string `json:"city"`
}

type input struct {
	Name   string  `json:"name"`
	Places []place `json:"places"`
}

type output struct {
	Greeting any `json:"greeting"`
	Length   int `json:"length"`
}

func load(t *testing.T, replacements ...string) *executors.Definition {
	t.Helper()
	def, err := executors.ParseDefinition("definition.yaml", []byte(strings.NewReplacer(replacements...).Replace(definition)))
	if err != nil {
		t.Fatal(err)
	}
	return def
}

func greeter(def *executors.Definition) executors.Executor {
	return executors.New(def, func(_ context.Context, _ *executors.Call, in input) (output, error) {
		if in.Name == "nobody" {
			return output{Greeting: 3}, nil
		}
		return output{"Hello " + in.Name, len(in.Name)}, nil
	})
}

func TestCheck(t *testing.T) {
	t.Parallel()
	Check(t, greeter(load(t)))
	Examples(t, greeter(load(t)), nil)
	for _, c := range []struct {
		name         string
		replacements []string
		want         string
	}{
		{"a property without a field", []string{"name: {type: string}", "name: {type: string}\n    nick: {type: string}"}, "input_schema has nick, which no field of executortest.input takes"},
		{"a field without a property", []string{"    places: {type: array, items: {type: object, properties: {city: {type: string}}}}\n", ""}, "Places is for places, which input_schema does not have"},
		{"a field without a property inside", []string{"properties: {city:", "properties: {town:"}, "Places.City is for city, which input_schema does not have"},
		{"an example that does not fit", []string{"inputs: {name: Ada}", "inputs: {nmae: Ada}"}, "example a name: inputs: name is required"},
		{"a result that does not fit", []string{"result: {greeting: Hello Ada}", "result: {greeting: 1}"}, "example a name: result: greeting must be a string; got 1"},
		{"a long description", []string{"Says hello.", strings.Repeat("Says hello. ", 100)}, "the description is over 1,000 characters, of which clients show no more"},
		{"no tags", []string{"tags: [greeting]\n", ""}, "there are no tags to find it by"},
		{"no example", []string{definition[strings.Index(definition, "examples:"):], ""}, "there is no example"},
	} {
		if found := problems(greeter(load(t, c.replacements...))); !slices.Contains(found, c.want) {
			t.Errorf("%s: found %q, want %q", c.name, found, c.want)
		}
	}
}

func TestLint(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]string{
		`{"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "array", "items": {}}]}}, "additionalProperties": false}`: "",
		`{"properties": {}}`:                   "has no type: object at its root",
		`{"type": "object"}`:                   "has no properties at its root",
		`[]`:                                   "line 1, column 1: must be an object; got an array",
		root(`"anyOf": [{"required": ["a"]}]`): "has anyOf at its root",
		root(`"oneOf": [{"required": ["a"]}]`): "has oneOf at its root",
		root(`"allOf": [{"required": ["a"]}]`): "has allOf at its root",
		root(`"if": {"required": ["a"]}`):      "has if at its root",
		root(`"$ref": "#/$defs/a"`):            "has $ref at its root",
		inside(`{"type": ["string", "null"]}`): "at /properties/a/type: is a list; write a nested anyOf",
		inside(`{"type": "array"}`):            "at /properties/a/items: is missing for an array",
		inside(`{"enum": [1, 2]}`):             "at /properties/a/enum: has a number",
		inside(`{"propertyNames": {}}`):        "at /properties/a/propertyNames: is not known everywhere",
		inside(`true`):                         "at /properties/a: is a boolean for a schema",
		inside(`{"anyOf": [{"type": "array", "items": {"type": "array"}}]}`): "at /properties/a/anyOf/0/items/items: is missing for an array",
	} {
		found := strings.Join(LintInput(json.RawMessage(schema)), " | ")
		if found != want {
			t.Errorf("%s: %s, want %s", schema, found, want)
		}
	}
}

func root(keyword string) string { return `{"type": "object", "properties": {}, ` + keyword + `}` }

func inside(property string) string {
	return `{"type": "object", "properties": {"a": ` + property + `}}`
}

// In tests, outputs are checked against their schema.
func TestRunChecksOutputs(t *testing.T) {
	t.Parallel()
	if out := Run(t, greeter(load(t)), `{"name": "Ada"}`, nil); out.Err != nil || string(out.Result) != `{"greeting":"Hello Ada","length":3}` {
		t.Errorf("%s, %v", out.Result, out.Err)
	}
	out := Run(t, greeter(load(t)), `{"name": "nobody"}`, nil)
	if out.Err == nil || out.Err.Message != "greeting_executor returned a result that does not match its own schema: greeting must be a string; got 3" {
		t.Errorf("%s, %v", out.Result, out.Err)
	}
	if out := Run(t, greeter(load(t)), `{}`, nil); out.Err == nil || out.Err.Field != "name" {
		t.Errorf("%s, %v", out.Result, out.Err)
	}
}

func TestHolds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		got, want string
		holds     bool
	}{
		{`{"a": 1, "b": [1, {"c": 2, "d": 3}]}`, `{"b": [1.0, {"c": 2}]}`, true},
		{`{"a": 1}`, `{"a": 2}`, false},
		{`{"a": 1}`, `{"b": 1}`, false},
		{`[1, 2]`, `[1]`, false},
		{`[1]`, `{}`, false},
		{`{}`, `[]`, false},
	} {
		decode := func(text string) (v any) {
			if err := json.Unmarshal([]byte(text), &v); err != nil {
				t.Fatal(err)
			}
			return v
		}
		if Holds(decode(c.got), decode(c.want)) != c.holds {
			t.Errorf("%s holds %s: not %v", c.got, c.want, c.holds)
		}
	}
}
