package cli

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// inputsFlag declares the flag --inputs.
func inputsFlag(into *repeated, about string) *param {
	return flag("inputs", into, "JSON|@FILE|-|KEY=VALUE", about+" a JSON object, a file that holds one, or stdin; or one input as KEY=VALUE. May be repeated.").short("i")
}

// pair is one input given as KEY=VALUE.
type pair struct{ key, text string }

// isPair matches KEY=VALUE.
var isPair = regexp.MustCompile(`^[\pL_][\pL\pN_.-]*=`)

// given are the values of --inputs: an object, and single inputs, which override
// it.
type given struct {
	object json.RawMessage
	pairs  []pair
}

// readInputs reads the values of --inputs.
func (s *session) readInputs(list []string) (*given, error) {
	g, whole := &given{}, ""
	for _, text := range list {
		if !isPair.MatchString(text) {
			if whole != "" {
				return nil, usage("--inputs has two whole values: %s and %s", shorten.Line(whole, 40), shorten.Line(text, 40)).
					withHint("give one JSON object, @FILE or -; single inputs can be added with -i KEY=VALUE")
			}
			whole = text
			continue
		}
		key, value, _ := strings.Cut(text, "=")
		if slices.ContainsFunc(g.pairs, func(p pair) bool { return p.key == key }) {
			return nil, usage("--inputs %s is given twice", key).withHint("a list is written as JSON: -i '" + key + "=[1, 2]'").about("inputs." + key)
		}
		g.pairs = append(g.pairs, pair{key, value})
	}
	var err error
	g.object, err = s.inputs(whole)
	return g, err
}

// typed returns the inputs as one object. schema is the JSON Schema of the inputs,
// or nil. Each KEY=VALUE gets the type that it asks for.
func (g *given) typed(schema json.RawMessage) (json.RawMessage, error) {
	if len(g.pairs) == 0 {
		return g.object, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(g.object, &object); err != nil {
		return nil, err
	}
	types := typesOf(schema)
	for _, p := range g.pairs {
		value, ok := convert(p.text, types[p.key])
		if !ok {
			return nil, usage("--inputs %s must be %s; got %q", p.key, strings.Join(slices.Sorted(maps.Keys(types[p.key])), " or "), shorten.Line(p.text, 80)).
				about("inputs." + p.key)
		}
		raw, err := plainjson.Marshal(value)
		if err != nil {
			return nil, err
		}
		object[p.key] = raw
	}
	return plainjson.Marshal(object)
}

// kinds are the types that a value may have, in the words of strictjson.Kind; none
// means any.
type kinds map[string]bool

// convert reads a value that is one of the kinds. If a string is one of them, text
// that is nothing else is a string. Of any kind, text that is not JSON is a
// string.
func convert(text string, allowed kinds) (any, bool) {
	if len(allowed) == 1 && allowed["a string"] {
		return text, true
	}
	if value, err := strictjson.Decode([]byte(text)); err == nil {
		kind := strictjson.Kind(value)
		if len(allowed) == 0 || allowed[kind] || kind == "a number" && allowed[wholeNumber] && !strings.ContainsAny(text, ".eE") {
			return value, true
		}
	}
	return text, len(allowed) == 0 || allowed["a string"]
}

const wholeNumber = "a whole number"

// kindNames are the types of JSON Schema.
var kindNames = map[string]string{
	"string": "a string", "number": "a number", "integer": wholeNumber, "boolean": "a boolean", "null": "null", "array": "an array", "object": "an object",
}

// typesOf returns the types of the properties of an object.
func typesOf(schema json.RawMessage) map[string]kinds {
	var root any
	if json.Unmarshal(schema, &root) != nil {
		return nil
	}
	object, _ := root.(map[string]any)
	properties, _ := object["properties"].(map[string]any)
	types := map[string]kinds{}
	for name, property := range properties {
		found := kinds{}
		found.add(schema, property, 0)
		types[name] = found
	}
	return types
}

// add adds the types that a schema allows. A schema that says nothing of types
// adds none.
func (k kinds) add(root json.RawMessage, schema any, depth int) {
	const deepest = 8
	object, ok := schema.(map[string]any)
	if !ok || depth == deepest {
		return
	}
	switch kind := object["type"].(type) {
	case string:
		k[kindNames[kind]] = true
		return
	case []any:
		for _, each := range kind {
			name, _ := each.(string)
			k[kindNames[name]] = true
		}
		return
	}
	if ref, ok := object["$ref"].(string); ok && strings.HasPrefix(ref, "#/") {
		var target any
		if json.Unmarshal(strictjson.At(root, ref[1:]), &target) == nil {
			k.add(root, target, depth+1)
		}
	}
	for _, key := range []string{"anyOf", "oneOf", "allOf"} {
		branches, _ := object[key].([]any)
		for _, branch := range branches {
			k.add(root, branch, depth+1)
		}
	}
	if constant, ok := object["const"]; ok {
		k[strictjson.Kind(constant)] = true
	}
	values, _ := object["enum"].([]any)
	for _, value := range values {
		k[strictjson.Kind(value)] = true
	}
}
