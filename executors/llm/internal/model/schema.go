package model

import (
	"encoding/json"
	"fmt"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// Schema is the compiled JSON Schema of a reply, for any number of requests.
type Schema struct {
	// Name is shown to the model: letters, digits, _ and -.
	Name string
	*executors.Schema
	// Strict says that endpoints can enforce the schema: all properties are
	// required, and no others are allowed.
	Strict bool
	// Doc is the schema as decoded JSON. It must not be changed.
	Doc map[string]any
}

// NewSchema compiles a schema for replies. Endpoints support only objects at the
// root; other schemas are put into the prompt.
func NewSchema(name string, raw json.RawMessage) (*Schema, error) {
	compiled, err := executors.CompileSchema(name, raw)
	if err != nil {
		return nil, fmt.Errorf("compiling the reply schema: %w", err)
	}
	doc, err := strictjson.Decode(raw)
	if err != nil {
		return nil, fmt.Errorf("decoding the reply schema: %w", err)
	}
	object, _ := doc.(map[string]any)
	return &Schema{Name: name, Schema: compiled, Strict: strict(object), Doc: object}, nil
}

// strict reports whether a schema consists only of plain values, arrays, and
// objects that require all properties and allow no others.
func strict(schema map[string]any) bool {
	for keyword, value := range schema {
		switch keyword {
		case "type", "description", "enum", "const", "title", "required", "additionalProperties":
		case "properties":
			if !strictObject(schema) {
				return false
			}
		case "items":
			items, ok := value.(map[string]any)
			if !ok || !strict(items) {
				return false
			}
		default:
			return false
		}
	}
	return schema["type"] != nil && (schema["type"] != "object" || schema["properties"] != nil)
}

func strictObject(schema map[string]any) bool {
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	if schema["additionalProperties"] != false || len(required) != len(properties) {
		return false
	}
	for _, each := range properties {
		property, ok := each.(map[string]any)
		if !ok || !strict(property) {
			return false
		}
	}
	return true
}
