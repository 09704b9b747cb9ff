package model

import (
	"encoding/json"
	"fmt"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// Schema is what a reply must be: a JSON Schema, compiled once and used for
// any number of requests.
type Schema struct {
	// Name is shown to the model: letters, digits, _ and -.
	Name string
	*executors.Schema
	// Strict says that the schema keeps to what endpoints can enforce while
	// they write: every property required, no others.
	Strict bool
	// Doc is the schema as decoded JSON. It must not be changed.
	Doc map[string]any
}

// NewSchema compiles a schema for replies. Only objects at the root can be
// asked for of endpoints; others are asked for in words.
func NewSchema(name string, raw json.RawMessage) (*Schema, error) {
	compiled, err := executors.CompileSchema(name, raw)
	if err != nil {
		return nil, fmt.Errorf("the schema for replies: %w", err)
	}
	doc, err := strictjson.Decode(raw)
	if err != nil {
		return nil, fmt.Errorf("the schema for replies: %w", err)
	}
	object, _ := doc.(map[string]any)
	return &Schema{Name: name, Schema: compiled, Strict: strict(object), Doc: object}, nil
}

// strict reports whether a schema is made of nothing but objects that require
// all their properties and take no others, arrays, and plain values.
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
