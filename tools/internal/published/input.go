// Package published makes the schemas that clients see from the schemas of
// definitions. It is not a stable API.
//
// Clients convert the schemas of tools into other forms: a model provider's
// dialect, a pydantic model, a zod schema. What is published is what all of them
// understand: single types, unions of single types, lists with typed elements,
// enums of strings. Calls are validated by the whole schema, which
// describe_executor and executor://ID show.
package published

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors/plainjson"
)

const (
	// deepest is how deep a published schema goes. A schema may refer to itself.
	deepest = 12
	// mostShapes limits the schemas that are read, because references can repeat
	// a part any number of times.
	mostShapes = 5000
)

// Input returns the published form of an input schema, without the parameters at
// the paths in rare. If it left out one of these, more is the description.
//
// A value of several types becomes a union of single types, in the order of the
// schema. Of an object among them only the first alternative is published,
// because LangChain.js keeps nothing of a union but its object.
func Input(schema json.RawMessage, rare []string, more string) json.RawMessage {
	r := reader{root: schema, rare: rare, rest: mostShapes}
	root := r.object(r.shape(schema), "", 0)
	out := []byte(`{"type":"object"`)
	if r.left && more != "" {
		out = plainjson.AppendString(append(out, `,"description":`...), more)
	}
	return append(root.appendMembers(out, true), '}')
}

// form is one type that a value may have.
type form struct {
	kind       string
	enum       []string // of strings
	properties []property
	required   []string
	items      *form // of an array
	values     *form // of the members of an object without properties, if they are objects
}

type property struct {
	name, description string
	forms             []form
	header            json.RawMessage // x-mcp-header: the HTTP header that repeats the value
}

// reader reads the schemas of one document.
type reader struct {
	root json.RawMessage
	rare []string
	rest int
	left bool
}

// any returns the forms of a value that may be anything.
func (r *reader) any() []form {
	return slices.Concat([]form{{kind: "object"}}, lists([]form{{kind: "object"}, {kind: "string"}, {kind: "number"}}),
		[]form{{kind: "string"}, {kind: "number"}, {kind: "boolean"}})
}

// lists returns the form of a list for each form of its elements, because some
// clients take elements of several types for texts.
func lists(elements []form) []form {
	list := make([]form, len(elements))
	for i := range elements {
		list[i] = form{kind: "array", items: &elements[i]}
	}
	return list
}

// forms returns the types that a schema allows, each once. It returns nothing
// for a schema that allows any value.
func (r *reader) forms(schema json.RawMessage, path string, depth int) []form {
	if r.rest--; r.rest < 0 || depth > deepest {
		return []form{{kind: "object"}}
	}
	s := r.shape(schema)
	var found []form
	for _, kind := range s.types() {
		found = merge(found, r.typed(s, kind, path, depth)...)
	}
	if len(found) == 0 {
		for _, branch := range s.branches {
			found = merge(found, r.forms(branch, path, depth+1)...)
		}
	}
	return found
}

// typed returns the forms of one type.
func (r *reader) typed(s *shape, kind, path string, depth int) []form {
	switch kind {
	case "null":
		return nil // an optional argument is left out instead
	case "object":
		return []form{r.object(s, path, depth)}
	case "array":
		var elements []form
		for _, each := range s.items {
			elements = merge(elements, r.forms(each, path, depth+1)...)
		}
		if len(elements) == 0 {
			elements = []form{{kind: "object"}, {kind: "string"}, {kind: "number"}}
		}
		return lists(choices(elements))
	case "string":
		return []form{{kind: kind, enum: s.enum}}
	}
	return []form{{kind: kind}}
}

// object returns the form of an object.
func (r *reader) object(s *shape, path string, depth int) form {
	f := form{kind: "object"}
	for _, each := range s.properties {
		at := strings.TrimPrefix(path+"."+each.name, ".")
		if slices.Contains(r.rare, at) {
			r.left = true
			continue
		}
		p := property{name: each.name, description: each.description(), header: each.member("x-mcp-header")}
		if p.forms = choices(r.forms(each.schema, at, depth+1)); len(p.forms) == 0 {
			p.forms = r.any()
		}
		f.properties = append(f.properties, p)
		if slices.Contains(s.required, each.name) {
			f.required = append(f.required, each.name)
		}
	}
	if len(f.properties) == 0 && s.values != nil {
		if values := r.forms(s.values, path, depth+1); len(values) == 1 && len(values[0].properties) > 0 {
			f.values = &values[0]
		}
	}
	return f
}

// choices removes an object that is not the first choice.
func choices(forms []form) []form {
	return slices.DeleteFunc(forms, func(f form) bool { return f.kind == "object" && forms[0].kind != "object" })
}

// merge adds forms to a union. Each type is in it once, except for lists, which
// differ in their elements.
func merge(forms []form, more ...form) []form {
	for _, f := range more {
		at := slices.IndexFunc(forms, f.like)
		switch {
		case at < 0:
			forms = append(forms, f)
		case f.kind == "array":
			forms[at].items = &merge([]form{*forms[at].items}, *f.items)[0]
		case f.kind == "object":
			forms[at] = forms[at].both(f)
		case f.kind == "number":
			forms[at].kind = "number"
		case forms[at].enum == nil || f.enum == nil:
			forms[at].enum = nil
		default:
			forms[at].enum = union(forms[at].enum, f.enum)
		}
	}
	return forms
}

// like reports whether two forms are one choice in a union.
func (f form) like(other form) bool {
	numeric := func(kind string) bool { return kind == "integer" || kind == "number" }
	if f.kind != other.kind {
		return numeric(f.kind) && numeric(other.kind)
	}
	return f.kind != "array" || f.items.like(*other.items)
}

// both returns an object with the properties of two. It requires what both
// require.
func (f form) both(other form) form {
	merged := form{kind: "object", properties: slices.Clone(f.properties)}
	for _, p := range other.properties {
		if !slices.ContainsFunc(f.properties, func(q property) bool { return q.name == p.name }) {
			merged.properties = append(merged.properties, p)
		}
	}
	for _, name := range f.required {
		if slices.Contains(other.required, name) {
			merged.required = append(merged.required, name)
		}
	}
	return merged
}

func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, each := range b {
		if !slices.Contains(all, each) {
			all = append(all, each)
		}
	}
	return all
}

func (f form) append(out []byte) []byte {
	out = plainjson.AppendString(append(out, `"type":`...), f.kind)
	if len(f.enum) > 0 {
		out = appendTexts(append(out, `,"enum":`...), f.enum)
	}
	if f.items != nil {
		out = append(f.items.append(append(out, `,"items":{`...)), '}')
	}
	if f.values != nil {
		out = append(f.values.append(append(out, `,"additionalProperties":{`...)), '}')
	}
	return f.appendMembers(out, false)
}

// appendMembers writes the required names and the properties. Clients need the
// properties of the root, even if there are none.
func (f form) appendMembers(out []byte, root bool) []byte {
	if len(f.required) > 0 {
		out = appendTexts(append(out, `,"required":`...), f.required)
	}
	if !root && len(f.properties) == 0 {
		return out
	}
	out = append(out, `,"properties":{`...)
	for i, p := range f.properties {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(plainjson.AppendString(out, p.name), ':', '{')
		out = append(p.append(out), '}')
	}
	return append(out, '}')
}

func (p *property) append(out []byte) []byte {
	if len(p.forms) == 1 {
		out = p.forms[0].append(out)
	} else {
		out = append(out, `"anyOf":[`...)
		for i, each := range p.forms {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(each.append(append(out, '{')), '}')
		}
		out = append(out, ']')
	}
	if p.header != nil {
		out = append(append(out, `,"x-mcp-header":`...), p.header...)
	}
	if p.description != "" {
		out = plainjson.AppendString(append(out, `,"description":`...), p.description)
	}
	return out
}

func appendTexts(out []byte, texts []string) []byte {
	out = append(out, '[')
	for i, each := range texts {
		if i > 0 {
			out = append(out, ',')
		}
		out = plainjson.AppendString(out, each)
	}
	return append(out, ']')
}
