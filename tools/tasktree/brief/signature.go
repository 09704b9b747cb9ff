package brief

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// notation explains what signature writes.
const notation = "Inputs are written as `{name: type (note), name?: type = default}`: `?` may be left out, `|` is or, `{NAME: type}` has any names, `…` takes more. Other fields are refused."

// dropped are keywords that a planner does not need: the validator reports
// values that break them.
var dropped = []string{
	"$schema", "title", "examples", "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "uniqueItems",
}

// written are the keywords that signature writes.
var written = []string{
	"type", "properties", "required", "additionalProperties", "items", "enum", "const", "default", "description", "anyOf",
	"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "pattern", "format",
}

// signature writes a JSON Schema in a short notation, in a third of the
// length. A part with other keywords is written as JSON.
func signature(schema json.RawMessage) string {
	decoded, err := strictjson.Decode(schema)
	if err != nil {
		return compact(schema)
	}
	return write(decoded)
}

// write writes a decoded schema.
func write(schema any) string {
	object, ok := schema.(map[string]any)
	if !ok {
		return "any" // true
	}
	_, isChoice := object["anyOf"]
	for name := range object {
		if !slices.Contains(written, name) && !slices.Contains(dropped, name) || isChoice && (name == "type" || name == "properties" || name == "required") {
			return string(plainjson.Must(schema))
		}
	}
	text := kindOf(object)
	if pattern, ok := object["pattern"].(string); ok {
		text += " /" + pattern + "/"
	}
	if format, ok := object["format"].(string); ok {
		text += " " + format
	}
	text += bounds(object)
	if value, ok := object["default"]; ok {
		text += " = " + string(plainjson.Must(value))
	}
	if note, _ := object["description"].(string); note != "" {
		text += " (" + note + ")"
	}
	return text
}

// kindOf writes the type of a value.
func kindOf(object map[string]any) string {
	if list, ok := object["enum"].([]any); ok {
		return joined(list, func(each any) string { return string(plainjson.Must(each)) })
	}
	if value, ok := object["const"]; ok {
		return string(plainjson.Must(value))
	}
	if list, ok := object["anyOf"].([]any); ok {
		return joined(list, write)
	}
	switch name := object["type"].(type) {
	case []any:
		return joined(name, func(each any) string { return fmt.Sprint(each) })
	case string:
		switch name {
		case "object":
			return membersOf(object)
		case "array":
			if items := write(object["items"]); object["items"] != nil && items != "any" {
				return "[" + items + "]"
			}
		}
		return name
	}
	if object["properties"] != nil {
		return membersOf(object)
	}
	return "any"
}

// membersOf writes an object: the required members first, the others by name.
func membersOf(object map[string]any) string {
	properties, _ := object["properties"].(map[string]any)
	required, _ := object["required"].([]any)
	var list []string
	optional := maps.Clone(properties)
	for _, each := range required {
		if name, ok := each.(string); ok {
			list = append(list, name+": "+write(properties[name]))
			delete(optional, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(optional)) {
		list = append(list, name+"?: "+write(properties[name]))
	}
	switch more := object["additionalProperties"].(type) {
	case map[string]any:
		list = append(list, "NAME: "+write(more))
	case bool:
		if more && len(list) > 0 {
			list = append(list, "…")
		}
	default:
		if len(list) > 0 {
			list = append(list, "…")
		}
	}
	if len(list) == 0 {
		return "object"
	}
	return "{" + strings.Join(list, ", ") + "}"
}

// joined writes alternatives, each once.
func joined(list []any, write func(each any) string) string {
	var parts []string
	for _, each := range list {
		if part := write(each); !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "|")
}

// bounds writes the limits of a number, such as " 1..600".
func bounds(object map[string]any) string {
	from, to := object["minimum"], object["maximum"]
	if above, ok := object["exclusiveMinimum"]; ok {
		from = fmt.Sprintf(">%v", above)
	}
	if below, ok := object["exclusiveMaximum"]; ok {
		to = fmt.Sprintf("<%v", below)
	}
	if from == nil && to == nil {
		return ""
	}
	text := " "
	if from != nil {
		text += fmt.Sprint(from)
	}
	text += ".."
	if to != nil {
		text += fmt.Sprint(to)
	}
	return text
}
