package executortest

import (
	"context"
	"encoding/json"
	"maps"
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

// Each rule for published schemas is broken by a schema next to one that keeps it.
func TestLint(t *testing.T) {
	t.Parallel()
	const typed = "has no type"
	broken := map[string]bool{}
	for schema, want := range map[string]string{
		`{"properties": {}}`: "has no type: object at its root|" + typed,
		`{"type": "object"}`: "has no properties at its root",
		`[]`:                 "line 1, column 1: must be an object; got an array",
		`{"type": "object", "properties": {}, "required": ["a"]}`:                       "requires a property that it does not have",
		`{"type": "object", "properties": {}, "anyOf": [{"type": "object"}]}`:           "is a union at the root|has a type beside anyOf",
		`{"type": "object", "properties": {}, "additionalProperties": false}`:           "has a boolean for additionalProperties",
		`{"type": "object", "properties": {}, "if": {"required": ["a"]}, "title": "a"}`: "has if|has title",
		`{"type": "object", "properties": {}, "x-own": 1}`:                              "has x-own",
		shape(`{"type": "string", "description": "a", "enum": ["a"]}`):                  "",
		shape(`{}`):                           typed,
		shape(`true`):                         "is a boolean for a schema",
		shape(`{"type": ["string", "null"]}`): "has a list of types",
		shape(`{"type": "string", "anyOf": [{"type": "string"}, {"type": "number"}]}`): "has a type beside anyOf",
		shape(`{"type": "array"}`):                                                         "is a list without items",
		shape(`{"type": "array", "items": {}}`):                                            typed,
		shape(`{"type": "array", "items": {"type": "array"}}`):                             "is a list without items",
		shape(`{"type": "array", "items": {"anyOf": [{"type": "string"}]}}`):               "is a union as the element of a list",
		shape(`{"anyOf": [{"anyOf": [{"type": "string"}]}]}`):                              "is a union in a union",
		shape(`{"type": "object", "additionalProperties": {"anyOf": [{"type": "null"}]}}`): "is a union in a union",
		shape(`{"type": "object", "additionalProperties": {"type": "object"}}`):            "",
		shape(`{"anyOf": [{"type": "object"}, {"type": "string"}]}`):                       "",
		shape(`{"anyOf": [{"type": "string"}, {"type": "object"}]}`):                       "is a union with an object that is not its first choice",
		shape(`{"anyOf": [{"type": "object"}, {"type": "object", "properties": {}}]}`):     "is a union with several objects",
		shape(`{"type": "integer", "enum": [1, 2]}`):                                       "has an enum that is not of texts",
		shape(`{"type": "string", "enum": ["", "a"]}`):                                     "has an enum that is not of texts",
		shape(`{"type": "string", "default": "a"}`):                                        "has a default",
		shape(`{"type": "string", "pattern": "^a"}`):                                       "has pattern",
		shape(`{"type": "string", "format": "date"}`):                                      "has format",
	} {
		found := LintInput(json.RawMessage(schema))
		if want == "" && len(found) > 0 || want != "" && len(found) != len(strings.Split(want, "|")) {
			t.Errorf("%s: %q, want %s", schema, found, want)
			continue
		}
		for i, each := range strings.Split(want, "|") {
			if want != "" && !strings.Contains(found[i], each) {
				t.Errorf("%s: %q, want %s", schema, found, want)
			}
			broken[each] = true
		}
	}
	for _, each := range rules {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(broken)), func(want string) bool { return want != "" && strings.HasPrefix(each.problem, want) }) {
			t.Errorf("no schema here breaks the rule: %s", each.problem)
		}
		if each.source == "" {
			t.Errorf("the rule has no source: %s", each.problem)
		}
	}
	if found := LintOutput(json.RawMessage(shape(`{"type": "array"}`))); len(found) > 0 {
		t.Errorf("a list in an output needs no items; got %q", found)
	}
}

func shape(property string) string {
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
