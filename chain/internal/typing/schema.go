package typing

import (
	"encoding/json"
	"slices"
)

// FromSchema returns the type of the values that a JSON Schema accepts. of says
// what they are. soft says that the values may be others.
func FromSchema(schema any, of string, soft bool) *Type {
	left := 100_000
	return fromSchema(schema, of, soft, &left)
}

func fromSchema(schema any, of string, soft bool, left *int) *Type {
	object, _ := schema.(map[string]any)
	kinds := accepts(object)
	if *left--; *left < 0 || kinds == every {
		return Any
	}
	t := &Type{kinds: kinds, soft: soft, of: of}
	if object["type"] == nil {
		if len(alternatives(object)) == 0 {
			return t // of an enum
		}
		t = never
		for _, part := range alternatives(object) {
			t = union(t, fromSchema(part, of, soft, left), left)
		}
		return t
	}
	if items, ok := object["items"].(map[string]any); ok && object["prefixItems"] == nil {
		t.items = fromSchema(items, "an element of "+of, soft, left)
	}
	properties, _ := object["properties"].(map[string]any)
	required, _ := object["required"].([]any)
	t.fields = make(map[string]*Type, len(properties))
	for name, property := range properties {
		field := fromSchema(property, name+" in "+of, soft, left)
		if !slices.Contains(required, any(name)) {
			field = field.OrNull()
		}
		t.fields[name] = field
	}
	if object["patternProperties"] != nil {
		return t
	}
	switch others := object["additionalProperties"].(type) {
	case bool:
		t.closed = !others
	case map[string]any:
		t.rest = fromSchema(others, "a field of "+of, soft, left)
	}
	return t
}

var schemaKinds = map[string]Kinds{
	"null": Null, "boolean": Bool, "number": Number, "integer": Number, "string": String, "array": Array, "object": Object,
}

// accepts returns the kinds that a schema can accept, perhaps more.
func accepts(schema map[string]any) Kinds {
	if schema == nil || schema["$ref"] != nil || schema["$dynamicRef"] != nil {
		return every
	}
	kinds := Kinds(0)
	switch list, _ := schema["enum"].([]any); names := schema["type"].(type) {
	case string:
		kinds = schemaKinds[names]
	case []any:
		for _, name := range names {
			text, _ := name.(string)
			kinds |= schemaKinds[text]
		}
	default:
		for _, v := range list {
			kinds |= kindOf(v)
		}
		if v, ok := schema["const"]; ok {
			kinds = kindOf(v)
		} else if list == nil {
			for _, part := range alternatives(schema) {
				object, _ := part.(map[string]any)
				kinds |= accepts(object)
			}
		}
	}
	if kinds == 0 {
		return every
	}
	return kinds
}

func alternatives(schema map[string]any) []any {
	if list, ok := schema["anyOf"].([]any); ok {
		return list
	}
	list, _ := schema["oneOf"].([]any)
	return list
}

func kindOf(v any) Kinds {
	switch v.(type) {
	case nil:
		return Null
	case bool:
		return Bool
	case json.Number:
		return Number
	case string:
		return String
	case []any:
		return Array
	}
	return Object
}

// Accepts returns the kinds that a schema can accept at a path of keys and
// indexes, perhaps more. A text may hold JSON where an array or an object is
// wanted.
func Accepts(schema any, path []any) Kinds {
	kinds := acceptsAt(schema, path)
	if kinds == 0 {
		return every
	}
	if kinds&(Array|Object) != 0 {
		kinds |= String
	}
	return kinds
}

// acceptsAt returns 0 where a schema accepts nothing that has the path.
func acceptsAt(schema any, path []any) Kinds {
	object, ok := schema.(map[string]any)
	switch {
	case !ok || object["$ref"] != nil || object["$dynamicRef"] != nil:
		return every
	case len(path) == 0:
		return accepts(object)
	}
	wanted := Array
	if _, ok := path[0].(string); ok {
		wanted = Object
	}
	if accepts(object)&wanted == 0 {
		return 0
	}
	if part := under(object, path[0]); part != nil {
		return acceptsAt(part, path[1:])
	}
	parts := alternatives(object)
	if len(parts) == 0 || object["properties"] != nil || object["items"] != nil || object["additionalProperties"] != nil {
		return every
	}
	kinds := Kinds(0)
	for _, part := range parts {
		kinds |= acceptsAt(part, path)
	}
	return kinds
}

// under returns the schema of a field or of the elements, nil if there is none.
func under(schema map[string]any, step any) any {
	name, isField := step.(string)
	if !isField {
		if schema["prefixItems"] != nil {
			return nil
		}
		return schema["items"]
	}
	properties, _ := schema["properties"].(map[string]any)
	if property, ok := properties[name]; ok {
		return property
	}
	if schema["patternProperties"] != nil {
		return nil
	}
	return schema["additionalProperties"]
}
