package schema_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/internal/schema"
	"github.com/chainwright/chainwright/executors/strictjson"
)

func compile(t testing.TB, text string) *schema.Schema {
	t.Helper()
	s, err := schema.Compile("test", json.RawMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// decode reads a value in which {"$unknown": true} is an unknown part.
func decode(t testing.TB, text string) any {
	t.Helper()
	value, err := strictjson.Decode([]byte(text))
	if err != nil {
		t.Fatal(text, err)
	}
	return holed(value)
}

func holed(value any) any {
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = holed(value[i])
		}
	case map[string]any:
		if _, ok := value["$unknown"]; ok {
			return schema.Unknown{}
		}
		if _, ok := value["$text"]; ok {
			return schema.Unknown{Text: true}
		}
		for key := range value {
			value[key] = holed(value[key])
		}
	}
	return value
}

const request = `{
	"type": "object", "additionalProperties": false, "required": ["url"],
	"properties": {
		"url": {"type": "string", "minLength": 1, "maxLength": 30, "format": "uri"},
		"method": {"type": "string", "enum": ["GET", "POST", "PUT", "DELETE"], "default": "GET"},
		"headers": {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 2},
		"timeout": {"type": "number", "exclusiveMinimum": 0, "maximum": 300, "default": 30},
		"count": {"type": "integer", "minimum": 1, "multipleOf": 2},
		"tags": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]+$"}, "minItems": 1, "maxItems": 3, "uniqueItems": true},
		"auth": {"type": "object", "required": ["type"], "additionalProperties": false,
			"properties": {"type": {"enum": ["bearer", "basic"]}, "token": {"type": "string"}, "location": {"type": "string", "default": "header"}}},
		"by": {"anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string"}}]},
		"start": {"oneOf": [{"required": ["page"]}, {"required": ["cursor"]}]},
		"mode": {"const": "read"},
		"never": false
	},
	"if": {"required": ["method"], "properties": {"method": {"const": "POST"}}}, "then": {"required": ["count"]}
}`

func TestViolations(t *testing.T) {
	t.Parallel()
	s := compile(t, request)
	for _, c := range []struct {
		value string
		want  string // reasons, separated by " | "
	}{
		{`{"url": "http://a"}`, ``},
		{`{}`, `url is required`},
		{`[]`, `must be an object; got an empty array`},
		{`{"url": 3}`, `url must be a string; got 3`},
		{`{"url": ""}`, `url must be a valid uri; got "" | url must not be empty`},
		{`{"url": "a b"}`, `url must be a valid uri; got "a b"`},
		{`{"url": "http://a/` + strings.Repeat("é", 100) + `"}`,
			`url must have at most 30 characters; got 109`},
		{`{"url": "http://a", "method": "get"}`, `method must be one of "GET", "POST", "PUT", "DELETE"; got "get"; did you mean "GET"?`},
		{`{"url": "http://a", "method": "FETCH"}`, `method must be one of "GET", "POST", "PUT", "DELETE"; got "FETCH"`},
		{`{"url": "http://a", "headers": {"accept": 1, "x y": []}}`, `headers.accept must be a string; got 1 | headers["x y"] must be a string; got an empty array`},
		{`{"url": "http://a", "headers": {"a": "", "b": "", "c": ""}}`, `headers must have at most 2 keys; got 3`},
		{`{"url": "http://a", "timeout": 0}`, `timeout must be more than 0; got 0`},
		{`{"url": "http://a", "timeout": 300.5}`, `timeout must be at most 300; got 300.5`},
		{`{"url": "http://a", "timeout": "30"}`, `timeout must be a number; got "30"`},
		{`{"url": "http://a", "count": 1.5}`, `count must be a whole number; got 1.5`},
		{`{"url": "http://a", "count": -1}`, `count must be at least 1; got -1 | count must be a multiple of 2; got -1`},
		{`{"url": "http://a", "count": 4.0}`, ``},
		{`{"url": "http://a", "tags": []}`, `tags must have at least 1 element; got 0`},
		{`{"url": "http://a", "tags": ["a", "B", "a", "c"]}`,
			`tags must have at most 3 elements; got 4 | tags must not have the same element twice | tags[1] must match the pattern ^[a-z]+$; got "B"`},
		{`{"url": "http://a", "auth": {}}`, `auth.type is required`},
		{`{"url": "http://a", "auth": {"type": "baerer", "tokn": ""}}`,
			`auth.tokn is not a known field; did you mean "token"? | auth.type must be one of "bearer", "basic"; got "baerer"`},
		{`{"url": "http://a", "by": 3}`, `by must be a string, or an array; got 3`},
		{`{"url": "http://a", "by": ""}`, `by must not be empty`},
		{`{"url": "http://a", "by": ["a", 1]}`, `by[1] must be a string; got 1`},
		{`{"url": "http://a", "start": {}}`, `start matches none of the allowed forms: page is required, or cursor is required`},
		{`{"url": "http://a", "start": {"page": 1, "cursor": 2}}`, `start matches 2 of the allowed forms, and must match exactly one; got an object`},
		{`{"url": "http://a", "mode": "write"}`, `mode must be "read"; got "write"`},
		{`{"url": "http://a", "never": null}`, `never is not allowed here; got null`},
		{`{"url": "http://a", "method": "POST"}`, `count is required`},
		{`{"url": "http://a", "colour": 1}`, `colour is not a known field; the known fields are auth, by, count, headers, method, mode, never, start, tags, timeout, url`},
		{`{"url": {"$unknown": 1}, "method": {"$unknown": 1}, "headers": {"$unknown": 1}, "tags": ["a", {"$unknown": 1}], "by": {"$unknown": 1}, "start": {"$unknown": 1}}`, ``},
		{`{"url": {"$unknown": 1}, "tags": ["A", {"$unknown": 1}]}`, `tags[0] must match the pattern ^[a-z]+$; got "A"`},
		{`{"url": {"$text": 1}, "timeout": {"$text": 1}}`, `timeout must be a number; got a string with references: write the reference alone to keep its type`},
		{`{"url": "http://a", "method": {"$unknown": 1}, "tags": 3}`, `tags must be an array; got 3`},
		{`{"url": "http://a", "start": {"page": {"$unknown": 1}}}`, ``},
	} {
		var got []string
		for _, each := range s.Validate(decode(t, c.value)) {
			got = append(got, each.String())
		}
		if joined := strings.Join(got, " | "); joined != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.value, joined, c.want)
		}
	}
}

// Keywords that nodes don't know are validated and explained as well.
func TestViolationsOfOtherKeywords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ schema, value, want string }{
		{`{"unevaluatedProperties": false, "allOf": [{"properties": {"a": true}}]}`, `{"a": 1, "b": 2}`, `b is not a known field`},
		{`{"unevaluatedProperties": false, "allOf": [{"properties": {"a": true}}]}`, `{"a": 1}`, ``},
		{`{"unevaluatedProperties": false, "allOf": [{"properties": {"a": true}}]}`, `{"b": {"$unknown": 1}}`, ``},
		{`{"$defs": {"t": {"type": "object", "properties": {"in": {"$ref": "#/$defs/t"}}, "additionalProperties": false}}, "$ref": "#/$defs/t"}`, `{"in": {"in": {"out": 1}}}`, `in.in.out is not a known field; the known fields are in`},
		{`{"contains": {"type": "string"}, "minContains": 2}`, `["a", 1]`, `must have at least 2 elements that match the schema in contains; 1 match`},
		{`{"contains": {"type": "string"}, "maxContains": 1}`, `["a", "b"]`, `must have at most 1 element that match the schema in contains; 2 match`},
		{`{"propertyNames": {"maxLength": 2}}`, `{"abc": 1}`, `abc is not an allowed name: it must have at most 2 characters; got 3`},
		{`{"dependentRequired": {"a": ["b"]}}`, `{"a": 1}`, `b is required where a is given`},
		{`{"not": {"type": "string"}}`, `"x"`, `matches a schema that is not allowed here; got "x"`},
		{`{"enum": []}`, `1`, `is not allowed here: its schema allows no value`},
		{`{"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}], "additionalItems": false}`, `[1, 2]`, `[0] must be a string; got 1 | must have at most 1 element; got 2`},
		{`{"$schema": "http://json-schema.org/draft-07/schema#", "dependencies": {"a": ["b"]}}`, `{"a": 1}`, `b is required where a is given`},
		{`{"if": {"required": ["a"]}, "then": {"required": ["b"]}, "else": {"required": ["c"]}, "x-note": 1}`, `{}`, `c is required`},
	} {
		s := compile(t, c.schema)
		var got []string
		for _, each := range s.Validate(decode(t, c.value)) {
			got = append(got, each.String())
		}
		if joined := strings.Join(got, " | "); joined != c.want {
			t.Errorf("%s on %s\n got %s\nwant %s", c.schema, c.value, joined, c.want)
		}
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	const text = `{"type": "object", "$defs": {"page": {"type": "object", "properties": {"size": {"type": "integer", "default": 10}}}},
		"properties": {
			"method": {"type": "string", "default": "GET"},
			"list": {"type": "array", "items": {"type": "object", "properties": {"n": {"default": 1}}}, "default": [{"n": 2}]},
			"auth": {"type": "object", "properties": {"location": {"default": "header"}}},
			"page": {"$ref": "#/$defs/page"}
		}, "allOf": [{"properties": {"also": {"default": null}}}]}`
	s := compile(t, text)
	for _, c := range []struct{ value, want string }{
		{`{}`, `{"also":null,"list":[{"n":2}],"method":"GET"}`},
		{`{"method":"PUT","list":[{},{"n":5},3],"auth":{},"page":{"size":1}}`, `{"also":null,"auth":{"location":"header"},"list":[{"n":1},{"n":5},3],"method":"PUT","page":{"size":1}}`},
		{`{"list":[],"page":{},"also":1}`, `{"also":1,"list":[],"method":"GET","page":{"size":10}}`},
	} {
		for _, apply := range []func(map[string]any) (map[string]any, []schema.Violation){s.Apply, s.ApplyOwned} {
			value := decode(t, c.value).(map[string]any)
			got, _ := apply(value)
			raw, err := json.Marshal(got)
			if err != nil || string(raw) != c.want {
				t.Errorf("%s became %s, want %s", c.value, raw, c.want)
			}
		}
		before := decode(t, c.value).(map[string]any)
		s.Apply(before)
		if !reflect.DeepEqual(before, decode(t, c.value)) {
			t.Errorf("%s was changed into %v", c.value, before)
		}
	}
	filled, _ := s.Apply(nil)
	filled["list"].([]any)[0].(map[string]any)["n"] = "changed"
	if again, _ := s.Apply(nil); again["list"].([]any)[0].(map[string]any)["n"] != json.Number("2") {
		t.Error("a default was changed by a caller")
	}
	if got, _ := s.Apply(map[string]any{"method": schema.Unknown{}}); got["method"] != (schema.Unknown{}) {
		t.Errorf("a default was put over a hole: %v", got)
	}
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ schema, want string }{
		{`{"type": "strin"}`, "test: at /type: is not a valid JSON Schema: value must be one of"},
		{`{"properties": {"a": {"minLength": -1}}}`, "test: at /properties/a/minLength: is not a valid JSON Schema: must be >= 0 but found -1"},
		{`{"properties": {"a": {"pattern": "["}}}`, "test: at /properties/a/pattern: is not a valid JSON Schema: "},
		{`{"$ref": "file:///etc/passwd"}`, "references to other documents are not followed"},
		{`{"$ref": "https://example.com/schema.json"}`, "references to other documents are not followed"},
		{`{"$ref": "other.json"}`, "references to other documents are not followed"},
		{`{"$ref": "#/$defs/none"}`, "not found"},
		{`{"$ref": "#"}`, "infinite loop"},
		{`{"type": "integer", "minimum": 1e10000000}`, "the exponent of"},
		{`{"a": 1, "a": 2}`, "appears twice"},
		{`[]`, "is not a valid JSON Schema"},
		{`3`, "is not a valid JSON Schema"},
	} {
		_, err := schema.Compile("test", json.RawMessage(c.schema))
		var wrong *schema.CompileError
		if !errors.As(err, &wrong) || !strings.HasPrefix(err.Error(), "test: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.schema, err, c.want)
		}
	}
}

// Hostile values and schemas have a limited cost, and none of them panics.
func TestHostile(t *testing.T) {
	t.Parallel()
	multiplying := `{"$defs": {"d0": {"type": "string"}`
	for i := 1; i < 40; i++ {
		multiplying += fmt.Sprintf(`, "d%d": {"allOf": [{"$ref": "#/$defs/d%d"}, {"$ref": "#/$defs/d%d"}]}`, i, i-1, i-1)
	}
	multiplying += `}, "$ref": "#/$defs/d39"}`
	recursive := `{"$defs": {"n": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/n"}}, {"type": "array", "items": {"$ref": "#/$defs/n"}}]}}, "$ref": "#/$defs/n"}`
	deep := strings.Repeat("[", 60) + "1" + strings.Repeat("]", 60)
	for _, c := range []struct {
		name, schema string
		value        any
		want         string
	}{
		{"an exponent that no reader lets through", `{"type": "integer"}`, json.Number("1e10000000"), `is a number out of range; got 1e10000000`},
		{"the same inside", `{"properties": {"a": {"type": "integer"}}}`, map[string]any{"a": json.Number("1e10000000")}, `a is a number out of range; got 1e10000000`},
		{"no number at all", `{"type": "number"}`, json.Number("x"), `is a number out of range; got x`},
		{"a Go value that is no JSON", `{"type": "string"}`, struct{}{}, `is not a JSON value; got struct {}`},
		{"Go's numbers", `{"type": "integer", "minimum": 3}`, 2, `must be at least 3; got 2`},
		{"references that multiply", multiplying, json.Number("1"), `takes too long to check: the references of its schema multiply`},
		{"references that multiply with the value", recursive, decode(t, deep), `takes too long to check: the references of its schema multiply`},
		{"a long key", `{"additionalProperties": false}`, map[string]any{strings.Repeat("k", 1000): 1}, `["` + strings.Repeat("k", 77) + `…"] is not a known field; no fields are allowed`},
		{"a long value", `{"type": "number"}`, strings.Repeat("é", 1000), `must be a number; got "` + strings.Repeat("é", 38) + `…"`},
	} {
		found := compile(t, c.schema).Validate(c.value)
		if len(found) != 1 || found[0].String() != c.want {
			t.Errorf("%s: %v, want %s", c.name, found, c.want)
		}
	}
	many := make([]any, 10_000)
	if found := compile(t, `{"items": {"type": "string"}}`).Validate(many); len(found) != 100 {
		t.Errorf("%d reasons for a long list", len(found))
	}
}

func TestProperties(t *testing.T) {
	t.Parallel()
	s := compile(t, request)
	if got := strings.Join(s.Properties(), " "); got != "auth by count headers method mode never start tags timeout url" {
		t.Error(got)
	}
	if !s.IsObject() || !s.HasProperty("url") || s.HasProperty("uri") {
		t.Error("the root's properties are wrong")
	}
	if s.Default("method") != "GET" || s.Default("url") != nil || s.Default("none") != nil {
		t.Error("a default is wrong")
	}
	if got := s.Enum("method"); len(got) != 4 || got[0] != "GET" || s.Enum("url") != nil {
		t.Error("an enum is wrong")
	}
	if !strings.HasPrefix(string(s.JSON()), `{"type":"object","additionalProperties":false,"required":["url"],"properties":{"url":{`) {
		t.Errorf("the keys have lost their order: %s", s.JSON())
	}
}

func BenchmarkValidate(b *testing.B) {
	s := compile(b, request)
	value := decode(b, `{"url":"http://example.com/a?b=c","method":"GET","headers":{"Accept":"application/json"},"timeout":12.5,"tags":["a","b"]}`)
	b.ReportAllocs()
	for b.Loop() {
		if found := s.Validate(value); found != nil {
			b.Fatal(found)
		}
	}
}

func BenchmarkExplain(b *testing.B) {
	s := compile(b, request)
	value := decode(b, `{"url":"http://example.com/a?b=c","method":"FETCH","colour":1}`)
	b.ReportAllocs()
	for b.Loop() {
		if found := s.Validate(value); len(found) != 2 {
			b.Fatal(found)
		}
	}
}

func ExampleSchema_Apply() {
	s, err := schema.Compile("greeting", json.RawMessage(`{
		"type": "object", "required": ["name"], "additionalProperties": false,
		"properties": {"name": {"type": "string"}, "language": {"enum": ["en", "es"], "default": "en"}}}`))
	if err != nil {
		panic(err)
	}
	inputs, _ := s.Apply(map[string]any{"name": "Ada"})
	fmt.Println(inputs)
	_, violations := s.Apply(map[string]any{"nmae": "Ada", "language": "xx"})
	for _, each := range violations {
		fmt.Println(each)
	}
	// Output:
	// map[language:en name:Ada]
	// name is required
	// language must be one of "en", "es"; got "xx"
	// nmae is not a known field; did you mean "name"?
}
