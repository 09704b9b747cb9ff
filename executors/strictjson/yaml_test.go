package strictjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/strictjson"
)

func TestFromYAML(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"", `null`},
		{"# nothing\n", `null`},
		{"~", `null`},
		{"a: 1\nb: [x, 'y', \"z\\n\"]\n", `{"a":1,"b":["x","y","z\n"]}`},
		{"a: True\nb: FALSE\nc: yes\nd: on\n", `{"a":true,"b":false,"c":"yes","d":"on"}`},
		{"a: 0x1F\nb: 0o17\nc: 0b11\nd: 1_000\ne: +5\nf: -0x10\n", `{"a":31,"b":15,"c":3,"d":1000,"e":5,"f":-16}`},
		{"a: .5\nb: 1.\nc: 1e3\nd: -1.50\ne: 1.e2\n", `{"a":0.5,"b":1,"c":1e3,"d":-1.50,"e":1e2}`},
		{"a: 12345678901234567890123\n", `{"a":12345678901234567890123}`},
		{"a: 2026-11-21\nb: 2026-11-21T10:00:00Z\n", `{"a":"2026-11-21","b":"2026-11-21T10:00:00Z"}`},
		{"a: '12'\nb: !!str 12\nc: \"1e10000000\"\n", `{"a":"12","b":"12","c":"1e10000000"}`},
		{"1: a\ntrue: b\n2026-01-01: c\n", `{"1":"a","true":"b","2026-01-01":"c"}`},
		{"a: &x {k: 1}\nb: *x\n", `{"a":{"k":1},"b":{"k":1}}`},
		{"a: &x {k: 1, l: 2}\nb:\n  <<: *x\n  k: 9\n", `{"a":{"k":1,"l":2},"b":{"k":9,"l":2}}`},
		{"a:\n  <<: [{k: 1}, {k: 2, l: 3}]\n", `{"a":{"k":1,"l":3}}`},
		{"a: |\n  one\n  two\nb: >-\n  one\n  two\n", `{"a":"one\ntwo\n","b":"one two"}`},
		{"a: |\n  ${{ [1,2] }}\nb: >\n  ${{ x\n  | y }}\nc: |+\n  ${{ {a:1} }}\n\nd: [1]\n", `{"a":"${{ [1,2] }}","b":"${{ x | y }}","c":"${{ {a:1} }}","d":[1]}`},
		{"- |\n  ${{ secrets.T }}\n- |\n  ${{ a }} ${{ b }}\n- |\n  x ${{ a }}\n- \"${{ a }}\\n\"\n- |\n  $${{ a }}\n", `["${{ secrets.T }}","${{ a }} ${{ b }}\n","x ${{ a }}\n","${{ a }}\n","$${{ a }}\n"]`},
		{`{"a": [1, {"b": null}], "u": "é\u00e9"}`, `{"a":[1,{"b":null}],"u":"éé"}`},
	} {
		got, err := strictjson.FromYAML([]byte(c.text))
		want, jsonErr := strictjson.Decode([]byte(c.want))
		if err != nil || jsonErr != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q is %#v, %v; want %#v, %v", c.text, got, err, want, jsonErr)
		}
	}
}

func TestFromYAMLRefuses(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'm'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c, ", c-1), 10), ", "))
	}
	mergeBomb := "a: &a {k: 1}\n"
	for c := 'b'; c < 'w'; c++ {
		mergeBomb += fmt.Sprintf("%c: &%c {<<: [*%c, *%c]}\n", c, c, c-1, c-1)
	}
	for _, c := range []struct{ text, want string }{
		{"a: 1\nb: 2\na: 3\n", `line 3, column 1: key "a" appears twice; first on line 1`},
		{"a: 1\n\"a\": 3\n", `line 2, column 1: key "a" appears twice; first on line 1`},
		{"a: 1\n---\nb: 2\n", "line 2: a second YAML document begins here; only one is allowed"},
		{"a: 1\n b: 2\n", "line 2: mapping values are not allowed in this context"},
		{"a: .inf\n", `line 1, column 4: JSON has no number ".inf"; quote it if it is a string`},
		{"- 1\n- .NaN\n", `line 2, column 3: JSON has no number ".NaN"; quote it if it is a string`},
		{"mode: 0755\n", `line 1, column 7: "0755" begins with 0 and could be octal; remove the 0, or quote it if it is a string`},
		{"a:\n  b: 1e10000000\n", `line 2, column 6: the exponent of "1e10000000" is out of range; it must be from -400 to 400`},
		{"a: " + strings.Repeat("9", 200), "line 1, column 4: a number has 200 characters; at most 100 are allowed"},
		{"a: !secret x\n", `line 1, column 4: tag "!secret" is not supported`},
		{"a: !!binary aGk=\n", `line 1, column 4: tag "!!binary" is not supported`},
		{"a: !!set {x, y}\n", `line 1, column 4: tag "!!set" is not supported`},
		{"? [a]\n: 1\n", "line 1, column 3: a key must be a string"},
		{"<<: 3\n", "line 1, column 5: << needs a mapping, or a list of mappings"},
		{"a: &a [*a]\n", "line 1, column 8: nested deeper than 64"},
		{strings.Repeat("[", 65) + strings.Repeat("]", 65), "line 1, column 65: nested deeper than 64"},
		{bomb, "aliases expand to more than 10000 values"},
		{mergeBomb, "aliases expand to more than 10000 values"},
	} {
		_, err := strictjson.FromYAML([]byte(c.text))
		var syntax *strictjson.SyntaxError
		if !errors.As(err, &syntax) || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%.40q: %v, want %s", c.text, err, c.want)
		}
	}
}

// Common mistakes get a message that says what to write.
func TestFromYAMLExplains(t *testing.T) {
	t.Parallel()
	const tab, quote, braces, colon = "a tab can't indent YAML", "inside { } or [ ] must be quoted", "{{ … }} is not a reference", "with a colon and a space in it must be quoted"
	for _, c := range []struct {
		text string
		line int
		want string
	}{
		{"a:\n\tb: 1\n", 2, tab},
		{"a:\n  b: 1\n\tc: 1\n", 3, tab},
		{"- id: a\n  inputs:\n    url: x\n \t  method: GET\n", 4, tab},
		{"- id: a\n  inputs: {url: ${{ inputs.url }}}\n", 2, quote},
		{"- {for_each: ${{ [1] }}, id: a}\n", 1, quote},
		{"a: [${{ x }}, 2]\n", 1, quote},
		{"a: [1, ${{ x }}]\n", 1, quote},
		{"- id: a\n  url: {{ inputs.url }}\n", 2, braces},
		{"a: [{{ x }}]\n", 1, braces},
		{"- {{ x }}\n", 1, braces},
		{"a: 1\ndata: ${{ {n: tasks.a.result} }}\n", 2, colon},
		{"a: \"${{ x }}\"\nb: [\n", 2, "did not find expected node content"},
	} {
		_, err := strictjson.FromYAML([]byte(c.text))
		var syntax *strictjson.SyntaxError
		if !errors.As(err, &syntax) || syntax.Line != c.line || !strings.Contains(syntax.Message, c.want) {
			t.Errorf("%q: %v, want %s on line %d", c.text, err, c.want, c.line)
		}
	}
	for _, right := range []string{"a: ${{ x }}\n", "a: \"[ ${{ x }}\"\n", "a: {b: \"${{ x }}\"}\n", "a: \"{{ x }}\"\n"} {
		if _, err := strictjson.FromYAML([]byte(right)); err != nil {
			t.Errorf("%q: %v", right, err)
		}
	}
}

func TestAppendJSONKeepsTheOrder(t *testing.T) {
	t.Parallel()
	node, err := strictjson.ParseYAML([]byte("z: 1\na: {y: <b>, b: [~, true, 0x10, \"q\\\"\\u0001\"]}\nm: é\n"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := strictjson.AppendJSON(nil, node)
	if want := `{"z":1,"a":{"y":"<b>","b":[null,true,16,"q\"\u0001"]},"m":"é"}`; err != nil || string(raw) != want {
		t.Errorf("%s, %v; want %s", raw, err, want)
	}
}

func FuzzFromYAML(f *testing.F) {
	for _, seed := range []string{"a: 1\nb: [x, *y]\n", "a: &a [1]\nb: *a\n<<: {c: 1}\n", "- 0x1F\n- .5\n- 2026-01-01\n", "? a\n: |\n  x\n", `{"a": "\ud800"}`, "a: !!int '3'"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 10_000 {
			return
		}
		value, err := strictjson.FromYAML(data)
		if err != nil {
			var syntax *strictjson.SyntaxError
			if !errors.As(err, &syntax) || syntax.Line < 1 {
				t.Fatalf("%#v", err)
			}
			return
		}
		// The result of any YAML text is JSON that Decode accepts.
		raw, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := strictjson.Decode(raw); err != nil {
			t.Fatalf("%q gave %s: %v", data, raw, err)
		}
		node, err := strictjson.ParseYAML(data)
		if err != nil {
			t.Fatal(err)
		}
		ordered, err := strictjson.AppendJSON(nil, node)
		if err != nil {
			t.Fatal(err)
		}
		again, err := strictjson.Decode(ordered)
		if err != nil || !reflect.DeepEqual(again, value) {
			t.Fatalf("%q: %#v and %s, %v", data, value, ordered, err)
		}
	})
}
