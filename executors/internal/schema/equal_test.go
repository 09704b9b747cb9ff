package schema

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	v5 "github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/chainwright/chainwright/executors/strictjson"
)

// judged is the answer of the library alone, and whether it has one.
func judged(full *v5.Schema, value any) (fits Answer, ok bool) {
	defer func() { ok = recover() == nil }()
	return yes(full.Validate(value) == nil), true
}

// partial reports whether a schema has keywords that the explainer leaves to
// the library, or an empty enum, which the library treats wrongly.
func partial(doc any) bool {
	switch doc := doc.(type) {
	case []any:
		for _, each := range doc {
			if partial(each) {
				return true
			}
		}
	case map[string]any:
		for key, each := range doc {
			switch key {
			case "$schema":
				continue
			case "unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$dynamicAnchor":
				return true
			case "enum":
				if list, ok := each.([]any); ok && len(list) == 0 {
					return true
				}
			}
			if partial(each) {
				return true
			}
		}
	case string:
		return doc == draft // as a reference: the dialect's own schema is a dynamic one
	}
	return false
}

// hold compares the three validators of a schema on one value, and a value with
// unknown parts with the complete one.
func hold(t *testing.T, s *Schema, value any, random *rand.Rand) {
	t.Helper()
	full := s.validator()
	if full == nil {
		t.Errorf("%s has nodes, and the library does not compile it", s.raw)
		return
	}
	want, ok := judged(full, value)
	doc, err := strictjson.Decode(s.raw)
	if err != nil {
		t.Fatal(err)
	}
	if !ok || partial(doc) {
		return
	}
	raw, _ := json.Marshal(value)
	if s.fast != nil {
		if got := s.fast.check(value); got != want {
			t.Errorf("%s on %s: nodes say %d, the library %d", s.raw, raw, got, want)
		}
	}
	e := newExplainer()
	if got := e.check(full, value, path{}); got != want {
		t.Errorf("%s on %s: the explainer says %d (%v), the library %d", s.raw, raw, got, e.found, want)
	}
	if (want == Yes) != (len(e.found) == 0) {
		t.Errorf("%s on %s: the answer is %d, and the reasons are %v", s.raw, raw, want, e.found)
	}
	holed := poke(value, random)
	answers := []Answer{newExplainer().check(full, holed, path{})}
	if s.fast != nil {
		answers = append(answers, s.fast.check(holed))
	}
	for i, got := range answers {
		if got != Maybe && got != want {
			t.Errorf("%s: reader %d says %d to %v, where %s is %d", s.raw, i, got, holed, raw, want)
		}
	}
}

// poke returns a copy of a value with an unknown part in it.
func poke(value any, random *rand.Rand) any {
	if random.IntN(4) == 0 {
		_, text := value.(string)
		return Unknown{Text: text && random.IntN(2) == 0}
	}
	switch value := value.(type) {
	case []any:
		list := append([]any{}, value...)
		if len(list) > 0 {
			i := random.IntN(len(list))
			list[i] = poke(list[i], random)
		}
		return list
	case map[string]any:
		object := map[string]any{}
		for key, each := range value {
			object[key] = each
		}
		if keys := sortedKeys(value); len(keys) > 0 {
			key := keys[random.IntN(len(keys))]
			object[key] = poke(object[key], random)
		}
		return object
	}
	return Unknown{}
}

// mixed returns a random value: an array or an object of values, with some keys
// of the schema.
func mixed(keys []string, values []any, random *rand.Rand) any {
	pick := func() any { return values[random.IntN(len(values))] }
	if random.IntN(2) == 0 {
		list := make([]any, random.IntN(4))
		for i := range list {
			list[i] = pick()
		}
		return list
	}
	keys = append([]string{"foo", "bar", "x-1", ""}, keys...)
	object := map[string]any{}
	for range random.IntN(4) {
		object[keys[random.IntN(len(keys))]] = pick()
	}
	return object
}

// Every schema of the suite validates the values of all the others.
func TestReadersAgreeOnTheSuite(t *testing.T) {
	t.Parallel()
	all := groups(t)
	var values []any
	for _, group := range all {
		for _, test := range group.Tests {
			value, err := strictjson.Decode(test.Data)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, value)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	covered := 0
	for _, group := range all {
		schema, err := Compile(group.Description, group.Schema)
		if err != nil {
			continue
		}
		if schema.fast != nil {
			covered++
		}
		for _, test := range group.Tests {
			value, _ := strictjson.Decode(test.Data)
			hold(t, schema, value, random)
		}
		for range 100 {
			hold(t, schema, values[random.IntN(len(values))], random)
			hold(t, schema, mixed(schema.Properties(), values, random), random)
		}
	}
	t.Logf("nodes cover %d of %d schemas", covered, len(all))
	if covered < 200 {
		t.Errorf("nodes cover only %d of %d schemas", covered, len(all))
	}
}

func FuzzReadersAgree(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"type":"object","properties":{"a":{"type":"integer","minimum":1}},"required":["a"],"additionalProperties":false}`, `{"a":0,"b":[1,1.0]}`},
		{`{"anyOf":[{"type":"string","minLength":2},{"type":"array","items":{"enum":[1,"x",null]}}]}`, `[1,"x"]`},
		{`{"if":{"required":["a"]},"then":{"required":["b"]},"else":{"maxProperties":1}}`, `{"a":1}`},
		{`{"oneOf":[{"multipleOf":2},{"multipleOf":3}],"not":{"const":4}}`, `6`},
		{`{"uniqueItems":true,"contains":{"type":"number"},"maxContains":2,"prefixItems":[true,false]}`, `[1]`},
		{`{"$defs":{"a":{"format":"date"}},"patternProperties":{"^a":{"$ref":"#/$defs/a"}},"propertyNames":{"maxLength":3}}`, `{"ab":"2026-01-01"}`},
		{`{"dependentRequired":{"a":["b"]},"dependentSchemas":{"b":{"minProperties":3}}}`, `{"a":1,"b":2}`},
		{`{"exclusiveMinimum":0.1,"maximum":1e3}`, `0.10`},
	} {
		f.Add(seed[0], seed[1], uint64(1))
	}
	f.Fuzz(func(t *testing.T, schema, text string, seed uint64) {
		if len(schema) > 2000 || len(text) > 2000 {
			return
		}
		s, err := Compile("fuzz", json.RawMessage(schema))
		if err != nil {
			return
		}
		value, err := strictjson.Decode([]byte(text))
		if err != nil {
			return
		}
		hold(t, s, value, rand.New(rand.NewPCG(seed, 0)))
		if object, ok := value.(map[string]any); ok {
			s.Apply(object)
		}
		s.Validate(value)
	})
}
