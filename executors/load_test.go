package executors_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/chainwright/chainwright/executors"
)

const wholeDefinition = `
id: file_fetcher
title: Fetch a file
description: >-
  Fetches a file.
  Example: {"url": "http://example.com"}
tags: [web, files]
toolset: web
annotations: {read_only: false, destructive: true, idempotent: false, open_world: true}
effects:
  - when: {method: [GET, HEAD]}
    read_only: true
    idempotent: true
  - {when: {method: PUT}, idempotent: true}
timeout: {default: 1.5, ceiling: 5m}
retry: {max_attempts: 4, backoff: fixed, initial_seconds: 0.5, max_seconds: 10}
needs: [files.write, command]
destination: url
accepts_dependencies: true
input_schema: &schema
  type: object
  required: [url]
  properties:
    url: {type: string, description: "Where <it> is"}
    method: {type: string, enum: [GET, HEAD, PUT, POST], default: GET}
output_schema:
  type: object
  properties: {size: {type: integer}}
examples:
  - title: a page
    inputs: {url: "http://example.com", method: GET}
    result: {size: 12}
  - {title: another, inputs: {url: "http://example.com/b"}}
`

func TestParseDefinition(t *testing.T) {
	t.Parallel()
	got, err := executors.ParseDefinition("definition.yaml", []byte(wholeDefinition))
	if err != nil {
		t.Fatal(err)
	}
	own := executors.Annotations{Destructive: true, OpenWorld: true}
	want := &executors.Definition{
		ID: "file_fetcher", Title: "Fetch a file", Description: "Fetches a file. Example: {\"url\": \"http://example.com\"}",
		Tags: []string{"web", "files"}, Toolset: "web", Annotations: own,
		Effects: []executors.Effect{
			{When: map[string][]any{"method": {"GET", "HEAD"}}, Annotations: executors.Annotations{ReadOnly: true, Idempotent: true, OpenWorld: true}},
			{When: map[string][]any{"method": {"PUT"}}, Annotations: executors.Annotations{Destructive: true, Idempotent: true, OpenWorld: true}},
		},
		Timeout: executors.Timeout{Default: 1500 * time.Millisecond, Ceiling: 5 * time.Minute},
		Retry:   executors.Retry{MaxAttempts: 4, Backoff: executors.Fixed, Initial: 500 * time.Millisecond, Max: 10 * time.Second},
		Needs:   []string{"files.write", "command"}, Destination: "url", AcceptsDependencies: true,
		Examples: []executors.Example{
			{Title: "a page", Inputs: json.RawMessage(`{"url":"http://example.com","method":"GET"}`), Result: json.RawMessage(`{"size":12}`)},
			{Title: "another", Inputs: json.RawMessage(`{"url":"http://example.com/b"}`)},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(executors.Definition{}), cmpopts.IgnoreFields(executors.Definition{}, "Input", "Output")); diff != "" {
		t.Error(diff)
	}
	const schema = `{"type":"object","required":["url"],"properties":{"url":{"type":"string","description":"Where <it> is"},"method":{"type":"string","enum":["GET","HEAD","PUT","POST"],"default":"GET"}}}`
	if string(got.Input.JSON()) != schema {
		t.Errorf("the input schema is %s", got.Input.JSON())
	}
}

func TestParseDefinitionRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, old, new string
		want           []string
	}{
		{"an unknown key", "toolset: web", "toolset: web\ntimout: 3", []string{`d.yaml:9: a definition has no key "timout"; did you mean "timeout"?`}},
		{"an unknown key that is like none", "toolset: web", "toolset: web\nxyz: 3", []string{`d.yaml:9: a definition has no key "xyz"; the known keys are id, title, description, details, search_hint, tags, aliases, toolset, on_request, annotations, effects, input_schema, output_schema, rare, rare_results, examples, timeout, retry, needs, destination, accepts_dependencies`}},
		{"an annotation that is missing", ", open_world: true}", "}", []string{`d.yaml:9: annotations needs "open_world"`}},
		{"an annotation that is none", "read_only: false", "readonly: false", []string{`d.yaml:9: annotations has no key "readonly"; did you mean "read_only"?`, `d.yaml:9: annotations needs "read_only"`}},
		{"a contradiction", "{read_only: false", "{read_only: true", []string{"d.yaml:9: a read_only call can't be destructive"}},
		{"a key twice", "title: Fetch a file", "title: Fetch a file\ntitle: x", []string{`d.yaml:4: key "title" appears twice`}},
		{"a missing key", "toolset: web\n", "", []string{`d.yaml:2: a definition needs "toolset"`}},
		{"an id in capitals", "id: file_fetcher", "id: File-Fetcher", []string{`d.yaml:2: "File-Fetcher" must be 1 to 40 lower-case letters, digits and _`}},
		{"a title that is a number", "title: Fetch a file", "title: 3", []string{"d.yaml:3: a text is expected here"}},
		{"a search hint of two lines", "title: Fetch a file", "title: Fetch a file\nsearch_hint: \"fetch a file,\\nget it\"", []string{"d.yaml:4: search_hint must be one line of text"}},
		{"a search hint of 49 bytes", "title: Fetch a file", "title: Fetch a file\nsearch_hint: " + strings.Repeat("x", 49), []string{"d.yaml:4: search_hint has 49 bytes; at most 48 are allowed"}},
		{"an empty search hint", "title: Fetch a file", "title: Fetch a file\nsearch_hint: ''", []string{"d.yaml:4: a text is expected here"}},
		{"a need that is none", "needs: [files.write, command]", "needs: [shell]", []string{`d.yaml:17: there is no need "shell"; the known needs are command, files.read, files.write, databases, ssh, docker, email, mcp`}},
		{"a time that is none", "default: 1.5", "default: soon", []string{"d.yaml:15: a time is expected here: seconds over 0, or a text such as 90s or 5m"}},
		{"a default over the ceiling", "ceiling: 5m", "ceiling: 1", []string{"d.yaml:15: the default timeout is over its ceiling"}},
		{"a way of backing off that is none", "backoff: fixed", "backoff: linear", []string{"d.yaml:16: backoff must be exponential or fixed"}},
		{"too many attempts", "max_attempts: 4", "max_attempts: 1000", []string{"d.yaml:16: max_attempts must be a whole number from 1 to 100"}},
		{"a destination that is no input", "destination: url", "destination: host", []string{`d.yaml:2: destination names "host", which is not in input_schema`}},
		{"a rare input that is none", "toolset: web", "toolset: web\nrare: [metod]", []string{`d.yaml:9: rare names "metod", but input_schema has no metod; did you mean "method"?`}},
		{"a rare input inside one that has none", "toolset: web", "toolset: web\nrare: [method.a]", []string{`d.yaml:9: rare names "method.a", but input_schema has no method.a; there are no properties there`}},
		{"a rare input that is required", "toolset: web", "toolset: web\nrare: [method, url]", []string{`d.yaml:9: rare names "url", which is required: callers must see it`}},
		{"a rare input twice", "toolset: web", "toolset: web\nrare: [method, method]", []string{`d.yaml:9: rare names "method" twice`}},
		{"a rare input that is no text", "toolset: web", "toolset: web\nrare: [1]", []string{"d.yaml:9: a text is expected here"}},
		{"rare inputs that are no list", "toolset: web", "toolset: web\nrare: method", []string{"d.yaml:9: a list is expected here"}},
		{"a rare result that is none", "toolset: web", "toolset: web\nrare_results: [sise]", []string{`d.yaml:9: rare_results names "sise", which is not in output_schema; did you mean "size"?`}},
		{"a rare result twice", "toolset: web", "toolset: web\nrare_results: [size, size]", []string{`d.yaml:9: rare_results names "size" twice`}},
		{"an effect of an input that is none", "{method: PUT}", "{metod: PUT}", []string{`d.yaml:14: when names "metod", which is not in input_schema; did you mean "method"?`}},
		{"an effect without a when", "{when: {method: PUT}, idempotent: true}", "{idempotent: true}", []string{`d.yaml:14: an effect needs "when"`}},
		{"an effect that contradicts itself", "    read_only: true\n", "    read_only: true\n    destructive: true\n", []string{"d.yaml:11: a read_only call can't be destructive"}},
		{"a schema that does not compile", "type: string, enum", "type: strin, enum", []string{"d.yaml:25: input_schema: is not a valid JSON Schema: value must be one of"}},
		{"a reference to elsewhere", "{size: {type: integer}}", "{size: {$ref: \"file:///etc/passwd\"}}", []string{"d.yaml:27: output_schema: references to other documents are not followed"}},
		{"a schema that is no object", "input_schema: &schema\n  type: object", "input_schema: &schema\n  type: array", []string{`d.yaml:20: input_schema must have "type: object" and "properties" at its root`}},
		{"a huge exponent", "{type: integer}", "{type: integer, maximum: 1e99999}", []string{`d.yaml:28: the exponent of "1e99999" is out of range`}},
		{"a key twice in a schema", "  required: [url]", "  required: [url]\n  type: object", []string{`d.yaml:23: key "type" appears twice; first on line 21`}},
		{"several problems at once", "title: Fetch a file", "titel: x", []string{`d.yaml:3: a definition has no key "titel"; did you mean "title"?`, `d.yaml:2: a definition needs "title"`}},
		{"no YAML at all", "id: file_fetcher", "id: [", []string{"d.yaml:"}},
		{"no mapping", wholeDefinition, "- x", []string{"d.yaml:1: a definition must be a mapping"}},
		{"nothing", wholeDefinition, "", []string{"d.yaml:1: a definition must be a mapping"}},
	} {
		_, err := executors.ParseDefinition("d.yaml", []byte(strings.Replace(wholeDefinition, c.old, c.new, 1)))
		if err == nil {
			t.Errorf("%s is accepted", c.name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s:\n got %v\nwant %s", c.name, err, want)
			}
		}
	}
}

func TestLoadDefinition(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{"definition.yaml": {Data: []byte(wholeDefinition)}, "broken.yaml": {Data: []byte("id: x")}}
	if def := executors.MustLoad(files); def.ID != "file_fetcher" {
		t.Errorf("loaded %s", def.ID)
	}
	if _, err := executors.LoadDefinition(files, "none.yaml"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := executors.LoadDefinition(files, "broken.yaml"); err == nil || !strings.Contains(err.Error(), "broken.yaml:1: ") {
		t.Errorf("a broken file: %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("MustLoad went on without a definition")
		}
	}()
	executors.MustLoad(fstest.MapFS{})
}

// Rare inputs are named by their paths. Lists, members, alternatives and
// references are no steps.
func TestRare(t *testing.T) {
	t.Parallel()
	const schema = `    list: {type: array, items: {anyOf: [{type: string}, {type: object, required: [a], properties: {a: {type: string}, b: {type: string}}}]}}
    map: {type: object, additionalProperties: {$ref: "#/properties/list/items/anyOf/1"}}
`
	whole := strings.Replace(wholeDefinition, "output_schema:", schema+"output_schema:", 1)
	for path, wrong := range map[string]string{
		"method": "", "list": "", "list.b": "", "map.b": "", "list.a": "is required", "list.c": "has no list.c", "map.b.c": "has no map.b.c",
		"list.": "has no list.", ".method": "has no ", "anyOf": "has no anyOf",
	} {
		def, err := executors.ParseDefinition("d.yaml", []byte(strings.Replace(whole, "toolset: web", "toolset: web\nrare: [\""+path+"\"]", 1)))
		switch {
		case wrong == "" && (err != nil || len(def.Rare) != 1 || def.Rare[0] != path):
			t.Errorf("%s: %v", path, err)
		case wrong != "" && (err == nil || !strings.Contains(err.Error(), wrong)):
			t.Errorf("%s: %v, want %s", path, err, wrong)
		}
	}
}

func TestRetryNever(t *testing.T) {
	t.Parallel()
	whole := "retry: {max_attempts: 4, backoff: fixed, initial_seconds: 0.5, max_seconds: 10}"
	def, err := executors.ParseDefinition("d.yaml", []byte(strings.Replace(wholeDefinition, whole, "retry: never", 1)))
	if err != nil || def.Retry != (executors.Retry{MaxAttempts: 1, Never: true}) {
		t.Errorf("%+v, %v", def, err)
	}
	_, err = executors.ParseDefinition("d.yaml", []byte(strings.Replace(wholeDefinition, whole, "retry: always", 1)))
	if err == nil || !strings.Contains(err.Error(), "retry must be a mapping") {
		t.Error(err)
	}
}

func FuzzParseDefinition(f *testing.F) {
	f.Add([]byte(wholeDefinition))
	f.Add([]byte("id: &a x\ntitle: *a\n<<: {id: y}"))
	f.Add([]byte("annotations: *x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 5000 {
			return
		}
		def, err := executors.ParseDefinition("d.yaml", data)
		if (def == nil) == (err == nil) {
			t.Fatalf("%v, %v", def, err)
		}
		if def == nil {
			return
		}
		if raw, ok := def.ReadOnlyInput(); ok {
			if _, err := executors.CompileSchema("narrowed", raw); err != nil {
				t.Fatalf("narrowed to %s: %v", raw, err)
			}
		}
		def.EffectOf(nil)
	})
}

// An executor is found by its own search hint, or by its title and its tags.
func TestHint(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		def  executors.Definition
		want string
	}{
		{executors.Definition{SearchHint: "get a file", Title: "Fetch"}, "get a file"},
		{executors.Definition{SearchHint: strings.Repeat("x", 48)}, strings.Repeat("x", 48)},
		{executors.Definition{Title: "Fetch a file"}, "Fetch a file"},
		{executors.Definition{Title: "Fetch a file", Tags: []string{"web", "file", "get"}}, "Fetch a file, web, get"},
		{executors.Definition{Title: strings.Repeat("word ", 12), Tags: []string{"tag"}}, strings.TrimSpace(strings.Repeat("word ", 9))},
		{executors.Definition{Title: strings.Repeat("x", 60), Tags: []string{"tag"}}, "tag"},
		{executors.Definition{Tags: []string{"a"}}, "a"},
		{executors.Definition{}, ""},
	} {
		if got := c.def.Hint(); got != c.want || len(got) > executors.MaxSearchHint {
			t.Errorf("%q, %q, %v: %q, want %q", c.def.SearchHint, c.def.Title, c.def.Tags, got, c.want)
		}
	}
}
