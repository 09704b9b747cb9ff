package published

import (
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
)

const anything = `{"anyOf":[{"type":"object"},{"type":"array","items":{"type":"object"}},{"type":"array","items":{"type":"string"}},{"type":"array","items":{"type":"number"}},{"type":"string"},{"type":"number"},{"type":"boolean"}]}`

// A property is published with single types, whatever its schema looks like.
func TestInput(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		`{"type":"string","minLength":1,"maxLength":9,"pattern":"^a","format":"date"}`: `{"type":"string"}`,
		`{"type":"integer","minimum":1,"description":"How many"}`:                      `{"type":"integer","description":"How many"}`,
		`{"enum":["a","b"]}`:                           `{"type":"string","enum":["a","b"]}`,
		`{"type":"string","enum":["","b"]}`:            `{"type":"string"}`,
		`{"type":["string","null"],"enum":["a",null]}`: `{"type":"string","enum":["a"]}`,
		`{"enum":[1,2]}`:                               `{"type":"number"}`,
		`{"const":"a"}`:                                `{"type":"string","enum":["a"]}`,

		// A default is text.
		`{"type":"integer","default":30}`:                                       `{"type":"integer","description":"Default 30"}`,
		`{"type":"string","default":"utf-8","description":"Of the text"}`:       `{"type":"string","description":"Of the text; default utf-8"}`,
		`{"type":"boolean","default":true}`:                                     `{"type":"boolean","description":"Default true"}`,
		`{"type":"boolean","default":false}`:                                    `{"type":"boolean"}`,
		`{"type":"string","default":"a","description":"Default: the first"}`:    `{"type":"string","description":"Default: the first"}`,
		`{"type":"string","default":"` + strings.Repeat("a", 50) + `"}`:         `{"type":"string"}`,
		`{"type":"object","properties":{"b":{"type":"integer","default":"5"}}}`: `{"type":"object","properties":{"b":{"type":"integer","description":"Default 5"}}}`,

		// Anything, and types that only other keywords show.
		`{}`:                               anything,
		`true`:                             anything,
		`{"description":"Any value"}`:      strings.TrimSuffix(anything, "}") + `,"description":"Any value"}`,
		`{"minLength":1}`:                  `{"type":"string"}`,
		`{"minimum":1}`:                    `{"type":"number"}`,
		`{"items":{"type":"string"}}`:      `{"type":"array","items":{"type":"string"}}`,
		`{"properties":{"b":{"enum":[]}}}`: `{"type":"object","properties":{"b":` + anything + `}}`,
		`{"type":"null"}`:                  anything,

		// Lists.
		`{"type":"array"}`: `{"anyOf":[{"type":"array","items":{"type":"object"}},{"type":"array","items":{"type":"string"}},{"type":"array","items":{"type":"number"}}]}`,
		`{"type":"array","items":{"type":"integer"},"minItems":1}`:                 `{"type":"array","items":{"type":"integer"}}`,
		`{"type":"array","items":{"anyOf":[{"type":"object"},{}]}}`:                `{"type":"array","items":{"type":"object"}}`,
		`{"type":"array","items":{"type":["string","integer"]}}`:                   `{"anyOf":[{"type":"array","items":{"type":"string"}},{"type":"array","items":{"type":"integer"}}]}`,
		`{"type":"array","items":{"anyOf":[{"type":"string"},{"type":"object"}]}}`: `{"type":"array","items":{"type":"string"}}`,
		`{"type":"array","prefixItems":[{"type":"string"},{"type":"boolean"}]}`:    `{"anyOf":[{"type":"array","items":{"type":"string"}},{"type":"array","items":{"type":"boolean"}}]}`,
		`{"type":"array","items":{"type":"array","items":{"type":"number"}}}`:      `{"type":"array","items":{"type":"array","items":{"type":"number"}}}`,

		// Unions: an object only as the first choice, and each type once.
		`{"type":["string","null"]}`:                                                   `{"type":"string"}`,
		`{"anyOf":[{"type":"string"},{"type":"object"},{"type":"boolean"}]}`:           `{"anyOf":[{"type":"string"},{"type":"boolean"}]}`,
		`{"anyOf":[{"type":"object"},{"type":"string"},{}]}`:                           `{"anyOf":[{"type":"object"},{"type":"string"}]}`,
		`{"anyOf":[{"type":"string"},{}]}`:                                             `{"type":"string"}`,
		`{"oneOf":[{"type":"integer"},{"type":"number"}]}`:                             `{"type":"number"}`,
		`{"oneOf":[{"const":"a"},{"const":"b"}]}`:                                      `{"type":"string","enum":["a","b"]}`,
		`{"anyOf":[{"enum":["a"]},{"type":"string"}]}`:                                 `{"type":"string"}`,
		`{"anyOf":[{"anyOf":[{"type":"string"},{"type":"integer"}]},{"type":"null"}]}`: `{"anyOf":[{"type":"string"},{"type":"integer"}]}`,
		`{"oneOf":[{"type":"object","required":["k"],"properties":{"k":{"type":"string"},"l":{"type":"string"}}},{"type":"object","required":["k","m"],"properties":{"k":{"type":"string"},"m":{"type":"integer"}}}]}`: `{"type":"object","required":["k"],"properties":{"k":{"type":"string"},"l":{"type":"string"},"m":{"type":"integer"}}}`,

		// Objects, references, conditions.
		`{"type":"object","additionalProperties":{"type":"string"}}`:                          `{"type":"object"}`,
		`{"type":"object","additionalProperties":false,"properties":{"b":{"type":"string"}}}`: `{"type":"object","properties":{"b":{"type":"string"}}}`,
		`{"type":"object","additionalProperties":{"properties":{"b":{"type":"string"}}}}`:     `{"type":"object","additionalProperties":{"type":"object","properties":{"b":{"type":"string"}}}}`,
		`{"type":"object","required":["b","c"],"properties":{"b":{"type":"string"}}}`:         `{"type":"object","required":["b"],"properties":{"b":{"type":"string"}}}`,
		`{"$ref":"#/$defs/word"}`: `{"type":"string","enum":["x"]}`,
		`{"$ref":"#/$defs/none"}`: anything,
		`{"allOf":[{"type":"object","properties":{"b":{"type":"string"}}},{"required":["b"]}]}`:                                    `{"type":"object","required":["b"],"properties":{"b":{"type":"string"}}}`,
		`{"type":"object","properties":{},"if":{"required":["b"]},"then":{"required":["c"],"properties":{"c":{"type":"string"}}}}`: `{"type":"object","properties":{"c":{"type":"string"}}}`,
		`{"type":"string","x-mcp-header":"Region","x-own":1}`:                                                                      `{"type":"string","x-mcp-header":"Region"}`,
	} {
		got := Input([]byte(`{"type":"object","$defs":{"word":{"const":"x"}},"properties":{"a":`+given+`}}`), nil, "more")
		if want = `{"type":"object","properties":{"a":` + want + `}}`; string(got) != want {
			t.Errorf("%s:\n got %s\nwant %s", given, got, want)
		}
		if found := executortest.LintInput(got); len(found) > 0 {
			t.Errorf("%s: %q", given, found)
		}
	}
}

// What clients refuse at the root is left out; what only an alternative has is
// optional.
func TestInputRoot(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		`{"type":"object","properties":{}}`: `{"type":"object","properties":{}}`,
		`{"type":"object","anyOf":[{"required":["a"]}],"properties":{"a":{"type":"string"}},"propertyNames":{}}`:                                      `{"type":"object","properties":{"a":{"type":"string"}}}`,
		`{"type":"object","properties":{},"oneOf":[{"required":["a"],"properties":{"a":{"type":"string"}}},{"properties":{"b":{"type":"integer"}}}]}`: `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}}}`,
	} {
		if got := Input([]byte(given), nil, "more"); string(got) != want {
			t.Errorf("%s:\n got %s\nwant %s", given, got, want)
		}
	}
}

// Rare parameters are left out at their path only. Lists and alternatives are no
// part of a path.
func TestInputRare(t *testing.T) {
	t.Parallel()
	const schema = `{"type":"object","properties":{"a":{"type":"string"},"auth":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}}},"list":{"type":"array","items":{"anyOf":[{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}}},{"type":"string"}]}}}}`
	without := func(part string) string { return strings.Replace(schema, part, "", 1) }
	for _, c := range []struct {
		rare []string
		want string
		left bool
	}{
		{[]string{"a"}, without(`"a":{"type":"string"},`), true},
		{[]string{"auth.b"}, without(`,"b":{"type":"string"}`), true},
		{[]string{"b", "list.c"}, schema, false},
	} {
		want := string(Input([]byte(c.want), nil, ""))
		if c.left {
			want = strings.Replace(want, `,`, `,"description":"See b",`, 1)
		}
		if got := Input([]byte(schema), c.rare, "See b"); string(got) != want {
			t.Errorf("%q: got %s", c.rare, got)
		}
	}
	if got := Input([]byte(schema), []string{"list.b"}, ""); strings.Count(string(got), `"b"`) != 1 {
		t.Errorf("got %s", got)
	}
}

// Of a result the names and types of the first level are published.
func TestOutput(t *testing.T) {
	t.Parallel()
	const schema = `{"type":"object","required":["a"],"additionalProperties":false,"properties":{"a":{"type":"string","enum":["x"],"description":"Text"},"b":{"type":"array","items":{"type":"string"}},"c":{"type":["string","null"]},"d":{},"e":{"enum":["x","y"]},"f":{"type":"integer"},"g":{"minLength":1},"h":{"anyOf":[{"type":"string"}]}}}`
	want := strings.ReplaceAll(`{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"array"},"c":ANY,"d":ANY,"e":{"type":"string"},"g":ANY,"h":ANY}}`, "ANY", anyValue)
	if got, named := Output([]byte(schema), []string{"f"}); string(got) != want || !named {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got, named := Output([]byte(`{"type":"object","properties":{}}`), nil); string(got) != `{"type":"object"}` || named {
		t.Errorf("got %s, %v", got, named)
	}
}

// Whatever the schemas are, what is published keeps all rules, and takes little
// time to make.
func FuzzPublished(f *testing.F) {
	for _, e := range builtin.All() {
		f.Add([]byte(e.Definition().Input.JSON()))
		f.Add([]byte(e.Definition().Output.JSON()))
	}
	f.Add([]byte(`{"type":"object","properties":{"a":{"$ref":"#"}}}`))
	f.Add([]byte(`{"type":"object","properties":{"a":{"$ref":"#/properties/a"},"b":{"anyOf":[{"$ref":"#"},{"$ref":"#/properties/b"}]}}}`))
	f.Add([]byte(`{"type":"object","properties":{"a":{"allOf":[{"type":"string"},{"type":["object","array"],"items":false}],"enum":["",1,{}]}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		whole, err := executors.CompileSchema("whole", raw)
		if err != nil || !whole.IsObject() || len(raw) > 5000 {
			return
		}
		input := Input(whole.JSON(), nil, "")
		result, _ := Output(whole.JSON(), nil)
		output := []byte(`{"type":"object","properties":{"result":` + string(result) + `}}`)
		for _, problem := range append(executortest.LintInput(input), executortest.LintOutput(output)...) {
			t.Errorf("%s: %s", raw, problem)
		}
		for _, made := range [][]byte{input, output} {
			if _, err := executors.CompileSchema("published", made); err != nil {
				t.Errorf("%s: %v", made, err)
			}
		}
		if len(input) > 100*len(raw)+1000 {
			t.Errorf("%d bytes become %d", len(raw), len(input))
		}
	})
}

func BenchmarkBuiltin(b *testing.B) {
	all := builtin.All()
	b.ReportAllocs()
	for b.Loop() {
		for _, e := range all {
			def := e.Definition()
			Input(def.Input.JSON(), def.Rare, "More: describe_executor")
			Output(def.Output.JSON(), def.RareResults)
		}
	}
}
