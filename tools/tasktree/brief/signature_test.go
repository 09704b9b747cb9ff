package brief

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
)

func TestSignature(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]string{
		`true`:               `any`,
		`{"type": "object"}`: `object`,
		`{"type": "object", "required": ["b"], "additionalProperties": false, "properties": {"a": {"type": "integer", "minimum": 1, "default": 5}, "b": {"type": "string", "minLength": 1, "description": "Its name"}}}`: `{b: string (Its name), a?: integer 1.. = 5}`,
		`{"type": "object", "properties": {"a": {"enum": ["x", 2]}}}`:                                   `{a?: "x"|2, …}`,
		`{"type": "object", "additionalProperties": {"type": "string"}}`:                                `{NAME: string}`,
		`{"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}`:               `string|[string]`,
		`{"type": ["string", "null"]}`:                                                                  `string|null`,
		`{"type": "number", "exclusiveMinimum": 0, "maximum": 600}`:                                     `number >0..600`,
		`{"type": "string", "pattern": "^a", "format": "date"}`:                                         `string /^a/ date`,
		`{"type": "object", "properties": {"a": {"const": 1}}, "anyOf": [{"required": ["a"]}]}`:         `{"anyOf":[{"required":["a"]}],"properties":{"a":{"const":1}},"type":"object"}`,
		`{"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}, "additionalProperties": false}`: `{a?: {"$ref":"#/$defs/b"}}`,
	} {
		if got := signature(json.RawMessage(schema)); got != want {
			t.Errorf("%s\nis   %s\nnot  %s", schema, got, want)
		}
	}
}

// The signatures of all executors have every name, value, default and note of
// their schemas.
func TestSignaturesAreWhole(t *testing.T) {
	t.Parallel()
	for _, def := range definitions() {
		text := signature(def.Input.JSON())
		schema, err := strictjson.DecodeObject(def.Input.JSON())
		if err != nil {
			t.Fatal(err)
		}
		walk(schema, func(word string) {
			if !strings.Contains(text, word) {
				t.Errorf("%s: %q is not in %s", def.ID, word, text)
			}
		})
	}
}

// walk calls have for what a signature must hold of a schema.
func walk(schema map[string]any, have func(word string)) {
	if note, ok := schema["description"].(string); ok {
		have(note)
	}
	if values, ok := schema["enum"].([]any); ok {
		for _, each := range values {
			if word, ok := each.(string); ok {
				have(word)
			}
		}
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, each := range properties {
		have(name)
		if inner, ok := each.(map[string]any); ok {
			walk(inner, have)
		}
	}
	for _, name := range []string{"items", "additionalProperties"} {
		if inner, ok := schema[name].(map[string]any); ok {
			walk(inner, have)
		}
	}
	choices, _ := schema["anyOf"].([]any)
	for _, each := range choices {
		if inner, ok := each.(map[string]any); ok {
			walk(inner, have)
		}
	}
}

// The examples of the notes fit the schemas, except for what references give.
func TestNotes(t *testing.T) {
	t.Parallel()
	defs := map[string]*executors.Definition{}
	for _, def := range definitions() {
		defs[def.ID] = def
	}
	for id, note := range notes() {
		def := defs[id]
		if def == nil {
			t.Errorf("there is no executor %s", id)
			continue
		}
		value, err := strictjson.Decode(note.Inputs)
		if err != nil {
			t.Fatal(err)
		}
		if wrong := def.Input.Validate(value); len(wrong) > 0 || note.Text == "" {
			t.Errorf("%s: %v %q", id, wrong, note.Text)
		}
	}
}
