package published

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors/strictjson"
)

// shape is what a schema says about a value, with what it refers to and what it
// combines. Conditions and alternatives add their properties; none of these is
// required.
type shape struct {
	kinds      []string
	enum       []string
	values     json.RawMessage // additionalProperties, if it is a schema
	items      []json.RawMessage
	properties []named
	required   []string
	branches   []json.RawMessage // anyOf, oneOf
	listedKind []string          // types of an enum's values
	otherwise  []string          // types that other keywords suggest
}

// named is the schema of a property.
type named struct {
	name   string
	schema json.RawMessage
}

func (n named) member(keyword string) json.RawMessage {
	for name, value := range strictjson.Members(n.schema) {
		if name == keyword {
			return value
		}
	}
	return nil
}

// usual are defaults that go without saying.
var usual = []string{`""`, "false", "0", "null", "[]", "{}"}

// description returns the description with the default. A default of its own
// would be refused by strict modes, and filled in by forms.
func (n named) description() string {
	text := ""
	if raw := n.member("description"); len(raw) > 0 && raw[0] == '"' {
		text = strictjson.Text(raw)
	}
	const longest = 40
	otherwise := n.member("default")
	if len(otherwise) == 0 || len(otherwise) > longest || strings.Contains(text, "efault") || slices.Contains(usual, string(otherwise)) {
		return text
	}
	word := string(otherwise)
	if word[0] == '"' {
		word = strictjson.Text(otherwise)
	}
	if text == "" {
		return "Default " + word
	}
	return text + "; default " + word
}

func (r *reader) shape(schema json.RawMessage) *shape {
	s := new(shape)
	r.collect(s, schema, true, 0)
	if slices.Contains(s.kinds, "object") || s.kinds == nil && len(s.properties) > 0 {
		if s.kinds == nil {
			s.kinds = []string{"object"}
		}
		for i := 0; i < len(s.branches); i++ {
			r.collect(s, s.branches[i], false, 0)
		}
	}
	return s
}

// collect adds a schema to a shape. What is not certain is in an alternative or
// under a condition.
func (r *reader) collect(s *shape, schema json.RawMessage, certain bool, depth int) {
	if r.rest--; r.rest < 0 || depth > deepest {
		return
	}
	for keyword, value := range strictjson.Members(schema) {
		switch keyword {
		case "properties":
			for name, each := range strictjson.Members(value) {
				if !slices.ContainsFunc(s.properties, func(p named) bool { return p.name == name }) {
					s.properties = append(s.properties, named{name, each})
				}
			}
		case "then", "else":
			r.collect(s, value, false, depth+1)
		case "anyOf", "oneOf":
			s.branches = slices.AppendSeq(s.branches, strictjson.Elements(value))
		case "$ref":
			if pointer, within := strings.CutPrefix(strictjson.Text(value), "#"); within {
				if target := strictjson.At(r.root, pointer); target != nil {
					r.collect(s, target, certain, depth+1)
				}
			}
		case "allOf":
			for each := range strictjson.Elements(value) {
				r.collect(s, each, certain, depth+1)
			}
		case "required":
			if certain {
				s.required = append(s.required, texts(value)...)
			}
		}
		if certain {
			s.constrain(keyword, value)
		}
	}
}

// suggested is the type that a keyword is about.
var suggested = map[string]string{
	"properties": "object", "required": "object", "additionalProperties": "object", "patternProperties": "object", "propertyNames": "object",
	"items": "array", "prefixItems": "array", "contains": "array", "minItems": "array", "maxItems": "array", "uniqueItems": "array",
	"pattern": "string", "format": "string", "minLength": "string", "maxLength": "string",
	"minimum": "number", "maximum": "number", "exclusiveMinimum": "number", "exclusiveMaximum": "number", "multipleOf": "number",
}

// constrain reads a keyword about the type of the value.
func (s *shape) constrain(keyword string, value json.RawMessage) {
	switch keyword {
	case "type":
		if s.kinds == nil {
			s.kinds = texts(value)
		}
	case "enum", "const":
		list := []json.RawMessage{value}
		if keyword == "enum" {
			list = slices.Collect(strictjson.Elements(value))
		}
		s.listed(list)
	case "items":
		s.items = append(s.items, value)
	case "prefixItems":
		s.items = slices.AppendSeq(s.items, strictjson.Elements(value))
	case "additionalProperties":
		if value[0] == '{' {
			s.values = value
		}
	}
	if kind := suggested[keyword]; kind != "" && !slices.Contains(s.otherwise, kind) {
		s.otherwise = append(s.otherwise, kind)
	}
}

// listed reads the values of an enum. Only one of strings is published.
func (s *shape) listed(values []json.RawMessage) {
	var words, kinds []string
	for _, each := range values {
		kind := kindOf(each)
		if kind == "string" {
			words = append(words, strictjson.Text(each))
		}
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	s.listedKind = kinds
	if s.enum == nil && !slices.Contains(words, "") {
		s.enum = words
	}
}

func kindOf(value json.RawMessage) string {
	switch value[0] {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "array"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}

// types returns the types of the value, nil if it may have any or if branches
// name them.
func (s *shape) types() []string {
	switch known := s.known(); {
	case known != nil:
		return known
	case len(s.branches) > 0:
		return nil
	}
	return s.otherwise[:min(1, len(s.otherwise))]
}

// known returns the types of the value if no others are possible.
func (s *shape) known() []string {
	if len(s.kinds) > 0 {
		return s.kinds
	}
	return s.listedKind
}

// texts returns the strings of an array, or the string itself.
func texts(value json.RawMessage) []string {
	if value[0] == '"' {
		return []string{strictjson.Text(value)}
	}
	var list []string
	for each := range strictjson.Elements(value) {
		list = append(list, strictjson.Text(each))
	}
	return list
}
