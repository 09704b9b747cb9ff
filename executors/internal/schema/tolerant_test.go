package schema_test

import (
	"encoding/json"
	"testing"

	"github.com/chainwright/chainwright/executors/internal/schema"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// tolerant is a schema with a property of each kind that reading treats in its
// own way.
const tolerant = `{
	"type": "object", "additionalProperties": false, "required": ["id"],
	"properties": {
		"id": {"type": "string", "minLength": 1, "maxLength": 200},
		"cursor": {"type": "string", "minLength": 1, "maxLength": 500},
		"path": {"type": "string", "minLength": 1, "maxLength": 4096},
		"program": {"type": "string", "minLength": 1, "maxLength": 4097},
		"prompt": {"type": "string", "minLength": 1},
		"body": {"type": "string"},
		"mode": {"type": "string", "enum": ["read", "write"], "default": "read"},
		"empty": {"type": "string", "enum": ["", "x"]},
		"when": {"type": "string", "format": "date-time"},
		"user": {"type": "string", "pattern": "^[0-9]+$"},
		"limit": {"type": "integer", "minimum": 1, "default": 20},
		"ratio": {"type": "number"},
		"verify": {"type": "boolean", "default": true},
		"tags": {"type": "array", "items": {"type": "string"}},
		"codes": {"type": "array", "items": {"type": "integer"}, "default": [0]},
		"headers": {"type": "object", "additionalProperties": {"type": "string"}},
		"any": {},
		"json": true,
		"maybe": {"type": ["string", "null"], "minLength": 1, "maxLength": 9},
		"choice": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
		"none": {"enum": ["a", null]},
		"by": {"anyOf": [{"type": "string", "minLength": 1, "maxLength": 500}, {"type": "array", "items": {"type": "string"}}]},
		"where": {"anyOf": [{"type": "string", "minLength": 1, "maxLength": 65536}, {"type": "object", "required": ["op"], "additionalProperties": false,
			"properties": {"op": {"type": "string", "enum": ["eq", "ne"]}, "field": {"type": "string"}, "value": {}, "n": {"type": "integer"}}}]},
		"rows": {"anyOf": [{"type": "array", "items": {}}, {"type": "object"}]},
		"auth": {"type": "object", "required": ["type"], "additionalProperties": false, "properties": {
			"type": {"type": "string", "enum": ["bearer", "apikey"]}, "token": {"type": "string"}, "value": {"type": "string"},
			"key": {"type": "string", "default": "X-API-Key"}, "location": {"type": "string", "enum": ["header", "query"], "default": "header"}}},
		"csv": {"type": "object", "additionalProperties": false, "properties": {"header": {"type": "boolean", "default": true}, "delimiter": {"type": "string", "minLength": 1, "maxLength": 3}}},
		"gate": {"$ref": "#/$defs/gate"},
		"files": {"type": "array", "items": {"type": "object", "required": ["to"], "additionalProperties": false, "properties": {"to": {"type": "string", "minLength": 1, "maxLength": 20}, "mode": {"type": "integer"}}}},
		"pair": {"type": "array", "prefixItems": [{"type": "object", "properties": {"n": {"type": "integer"}}}]},
		"sized": {"type": "integer", "default": 3}
	},
	"$defs": {"gate": {"type": "object", "additionalProperties": false, "properties": {"matches": {"type": "string", "minLength": 1, "maxLength": 100}, "inner": {"$ref": "#/$defs/inner"}}},
		"inner": {"type": "object", "properties": {"n": {"type": "integer"}}}}
}`

// The recursive form of the same rules: v5 decides about it alone.
const recursive = `{"type": "object", "properties": {"id": {"type": "string", "minLength": 1, "maxLength": 20}, "of": {"$ref": "#"}, "list": {"type": "array", "items": {"$ref": "#"}}}}`

func TestTolerate(t *testing.T) {
	t.Parallel()
	s, deep := compile(t, tolerant), compile(t, recursive)
	for _, c := range []struct {
		of       *schema.Schema
		from, to string // to empty: unchanged
	}{
		// null
		{s, `{"id":"a","cursor":null,"mode":null,"limit":null,"tags":null,"headers":null,"auth":null,"by":null,"rows":null,"verify":null}`, `{"id":"a"}`},
		{s, `{"id":null,"body":null}`, `{"id":null}`}, // required
		{s, `{"id":"a","any":null,"json":null,"maybe":null,"choice":null,"none":null}`, ``},
		{s, `{"id":"a","maybe":null,"limit":null,"any":null}`, `{"id":"a","maybe":null,"any":null}`},
		{s, `{"id":"a","tags":[null],"headers":{"a":null}}`, ``}, // an element, and an undeclared member
		{s, `{"id":"a","bogus":null}`, ``},
		{s, `{"id":"a","files":[{"to":"x","mode":null},{"to":null,"mode":null}]}`, `{"id":"a","files":[{"to":"x"},{"to":null}]}`},
		{s, `{"id":"a","where":{"op":"eq","field":null,"value":null,"n":null}}`, `{"id":"a","where":{"op":"eq","value":null}}`},
		{s, `{"id":"a","where":{"op":null,"field":"x"}}`, ``},
		{s, `{"id":"a","where":{"field":null,"bogus":1}}`, `{"id":"a","where":{"bogus":1}}`},
		{s, `{"id":"a","gate":{"matches":null,"inner":{"n":null}}}`, `{"id":"a"}`},
		{s, `{"id":"a","gate":{"matches":"x","inner":{"n":null,"free":null}}}`, `{"id":"a","gate":{"matches":"x","inner":{"free":null}}}`},
		{s, `{"id":"a","pair":[{"n":null},{"n":null}]}`, `{"id":"a","pair":[{},{"n":null}]}`},
		// ""
		{s, `{"id":"a","cursor":"","path":"","mode":"","when":"","by":"","maybe":""}`, `{"id":"a"}`},
		{s, `{"id":"","cursor":""}`, `{"id":""}`}, // required
		{s, `{"id":"a","body":"","empty":"","user":"","program":"","prompt":"","where":"","any":""}`, ``},
		{s, `{"id":"a","limit":"","tags":"","headers":"","auth":"","verify":"","rows":""}`, ``},
		{s, `{"id":"a","tags":[""],"headers":{"a":""},"any":{"cursor":"","a":null}}`, ``},
		{s, `{"id":"a","cursor":" ","mode":" "}`, ``},
		// [] and {}
		{s, `{"id":"a","tags":[],"headers":{},"rows":{},"csv":{},"auth":{},"gate":{},"codes":[],"where":{}}`, ``},
		{s, `{"id":"a","limit":null,"tags":[],"headers":{},"auth":{}}`, `{"id":"a","tags":[],"headers":{},"auth":{}}`},
		{s, `{"id":"a","tags":"[]","headers":"{}"}`, `{"id":"a","tags":[],"headers":{}}`},
		// objects of nothing
		{s, `{"id":"a","auth":{"type":null,"token":""}}`, `{"id":"a"}`},
		{s, `{"id":"a","auth":{"type":"","token":"","value":"","key":"X-API-Key","location":"header"}}`, `{"id":"a"}`},
		{s, `{"id":"a","auth":{"key":"X-API-Key","location":"header"}}`, `{"id":"a"}`},
		{s, `{"id":"a","auth":{"key":"X-API-Key","value":"k"}}`, ``}, // a credential
		{s, `{"id":"a","auth":{"type":null,"token":"secret"}}`, ``},
		{s, `{"id":"a","auth":{"key":"Other"}}`, ``},
		{s, `{"id":"a","auth":{"type":"bearer","token":"","location":null}}`, `{"id":"a","auth":{"type":"bearer","token":""}}`},
		{s, `{"id":"a","auth":{"type":null,"bogus":null}}`, ``},
		{s, `{"id":"a","auth":"{\"type\":null,\"token\":\"\"}"}`, `{"id":"a"}`},
		{s, `{"id":"a","csv":{"header":true}}`, ``}, // valid: it asks for a table
		{s, `{"id":"a","csv":{"header":true},"limit":null}`, `{"id":"a","csv":{"header":true}}`},
		{s, `{"id":"a","csv":{"header":true,"delimiter":""}}`, `{"id":"a"}`},
		{s, `{"id":"a","csv":{"header":false,"delimiter":""}}`, `{"id":"a","csv":{"header":false}}`},
		{s, `{"id":"a","csv":{"header":null,"delimiter":null}}`, `{"id":"a"}`},
		// JSON text
		{s, `{"id":"a","tags":"[\"x\", \"y\"]","rows":" {\"b\":1,\"a\":12345678901234567890.10} "}`, `{"id":"a","tags":["x", "y"],"rows":{"b":1,"a":12345678901234567890.10}}`},
		{s, `{"id":"a","limit":"5","ratio":"1.50","verify":"false","codes":"[1]"}`, `{"id":"a","limit":5,"ratio":1.50,"verify":false,"codes":[1]}`},
		{s, `{"id":"a","limit":"1.5","verify":"1","tags":"5","codes":"{}","headers":"null","ratio":"x"}`, ``},
		{s, `{"id":"a","body":"[1]","any":"[1]","json":"{}","by":"[\"a\"]","where":"{\"op\":\"eq\"}","empty":"{}","maybe":"5"}`, ``},
		{s, `{"id":"a","tags":"\"[]\""}`, ``}, // text of text
		{s, `{"id":"a","choice":"7"}`, `{"id":"a","choice":7}`},
		{s, `{"id":"a","files":"[{\"to\":\"x\",\"mode\":null}]"}`, `{"id":"a","files":[{"to":"x"}]}`},
		{s, `{"id":"a","files":["{\"to\":\"x\",\"mode\":\"7\"}"]}`, `{"id":"a","files":[{"to":"x","mode":7}]}`},
		{s, `{"id":"a","headers":"{\"a\": \"[1]\", \"b\": null}"}`, `{"id":"a","headers":{"a": "[1]", "b": null}}`},
		{s, `{"id":"a","tags":"[1] 2","headers":"{'a': 1}","rows":"[1, 1,]"}`, ``},
		{s, `{"id":"a","tags":"[\"\\ud800\"]","rows":"{\"a\":1,\"a\":2}"}`, ``},
		// references to itself, and values without a schema of their own
		{deep, `{"id":"","of":{"id":"","of":{"id":"a","of":null}},"list":[{"id":""},{}]}`, `{"of":{"of":{"id":"a"}},"list":[{},{}]}`},
		{deep, `{"of":"{\"of\":\"{\\\"id\\\":\\\"a\\\"}\"}"}`, `{"of":{"of":{"id":"a"}}}`},
	} {
		want := c.to
		if want == "" {
			want = c.from
		}
		read, _ := c.of.Tolerate(json.RawMessage(c.from))
		if string(read) != want {
			t.Errorf("%s\n is %s\nnot %s", c.from, read, want)
		}
		if again, _ := c.of.Tolerate(read); string(again) != string(read) {
			t.Errorf("%s\nread again %s\nis %s", c.from, read, again)
		}
	}
}

func TestTolerateNamesBadText(t *testing.T) {
	t.Parallel()
	s := compile(t, tolerant)
	for _, c := range []struct{ from, want string }{
		{`{"id":"a","tags":"[1"}`, `tags must be an array; got text that is not JSON: line 1, column 3: the text ends, but ',' or ']' was expected`},
		{`{"id":"a","rows":"{'a': 1}"}`, `rows must be an array, or an object; got text that is not JSON: line 1, column 2: unexpected '\''; expected a key in double quotes`},
		{`{"id":"a","limit":"x","tags":"a, b"}`, ``}, // not meant as JSON: what the schema says is enough
		{`{"id":"a","files":["{"]}`, `files[0] must be an object; got text that is not JSON: line 1, column 2: the text ends, but a key in double quotes was expected`},
	} {
		_, found := s.Tolerate(json.RawMessage(c.from))
		got := ""
		if len(found) > 0 {
			got = found[0].String()
		}
		if got != c.want || len(found) > 1 {
			t.Errorf("%s\n got %s\nwant %s", c.from, got, c.want)
		}
	}
}

// Reading twice is reading once; what the schema accepts stays as it is; and what
// is read has only what was there.
func FuzzTolerate(f *testing.F) {
	schemas := []*schema.Schema{compile(f, tolerant), compile(f, recursive), compile(f, request)}
	for _, text := range []string{
		`{"id":null,"auth":{"type":null},"limit":"5","rows":"[1]"}`, `{"url":"","auth":{"location":"header"},"by":null,"tags":"[]"}`,
		`{"of":{"of":"{}","id":""},"list":"[null]"}`, `{"where":{"op":""},"gate":"{\"inner\":\"{\\\"n\\\":\\\"1\\\"}\"}","files":["{}"]}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := strictjson.DecodeObject([]byte(text)); err != nil || text == "" {
			return
		}
		for _, s := range schemas {
			value, _ := strictjson.Decode([]byte(text))
			read, _ := s.Tolerate(json.RawMessage(text))
			if len(s.Validate(value)) == 0 && string(read) != text {
				t.Fatalf("%s\nis valid and becomes %s", text, read)
			}
			if again, _ := s.Tolerate(read); string(again) != string(read) {
				t.Fatalf("%s\nbecomes %s\nand then %s", text, read, again)
			}
			if _, err := strictjson.DecodeObject(read); err != nil {
				t.Fatalf("%s\nbecomes %s: %v", text, read, err)
			}
		}
	})
}
