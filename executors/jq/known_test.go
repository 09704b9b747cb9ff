package jq

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/itchyny/gojq"
)

//go:embed testdata/free.txt
var freeText string

// TestEveryBuiltinIsKnown: each builtin of gojq is guarded by prelude.jq, or
// is listed as one whose steps cost no more than their input. A new version of
// gojq fails here.
func TestEveryBuiltinIsKnown(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for line := range strings.Lines(freeText) {
		if !strings.HasPrefix(line, "#") {
			for name := range strings.FieldsSeq(line) {
				known[name] = true
			}
		}
	}
	for _, g := range guardedDefs() {
		name := fmt.Sprintf("%s/%d", g.def.Name, len(g.def.Args))
		if known[name] {
			t.Errorf("testdata/free.txt has %s, which prelude.jq guards", name)
		}
		known[name] = true
	}
	for _, name := range builtins(t) {
		if !known[name] {
			t.Errorf("guard %s in prelude.jq, or add it to testdata/free.txt", name)
		}
		delete(known, name)
	}
	for name := range known {
		if !strings.HasPrefix(name, "_") {
			t.Errorf("gojq has no builtin %s", name)
		}
	}
}

func builtins(t *testing.T) []string {
	t.Helper()
	query, err := gojq.Parse("builtins[]")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	iter := query.Run(nil)
	for v, ok := iter.Next(); ok; v, ok = iter.Next() {
		names = append(names, v.(string))
	}
	slices.Sort(names)
	return names
}

// TestGuardsChangeNothing: a guarded program returns what gojq returns.
func TestGuardsChangeNothing(t *testing.T) {
	t.Parallel()
	inputs := []string{
		`null`, `3`, `"banana"`, `"héllo, wörld, a"`, `[3,1,2,1]`, `[[1,2],[3],[1,2]]`, `{"a":[1,{"b":2}],"c":"x"}`, `[{"a":1,"b":"x"},{"a":2},{"a":1}]`,
		`["a",["b",["c"]],{"d":null}]`, `[[0],1]`, `{"i":1,"k":"a","l":[5,6,7],"m":{"a":9}}`, `12345678901234567890`, `"[1,{\"a\":2}]"`, `["a,b","c"]`,
	}
	for _, src := range []string{
		`indices("an")`, `indices("a")`, `indices("")`, `indices(1)`, `indices([1,2])`, `indices([])`, `index("a")`, `rindex("a")`, `index(1)`, `rindex([1])`,
		`index("zz")`, `index("")`, `indices("ö")`, `.[1]`, `.[-1]`, `.[[1]]`, `.[[]]`, `.l[.i]`, `.l[.i]?`, `.m[.k]`, `.m[.k]?`, `.[.i]?`, `.l[.i,2]`, `[.[(0,1)]?]`,
		`.[range(2)]?`, `[.l[.i:]]`, `.m[.k] = 5`, `.l[.i] |= . + 1`, `.l[.i + 5] = 1`, `path(.l[.i])`, `[paths]`, `[.. | scalars]`, `.l[1500]`, `.l[1500]?`, `.x[1500]?`,
		`(.l[.i], .m[.k]) = 0`, `del(.l[.i])`, `to_entries?`, `walk(if type == "number" then . + 1 else . end)`, `walk(select(. != 1))`,
		`sort?`, `unique?`, `group_by(.a)?`, `sort_by(.a)?`, `unique_by(.a)?`, `min_by(.a)?`, `max_by(.a)?`, `min?`, `max?`, `bsearch(2)?`,
		`add?`, `join("-")?`, `flatten?`, `transpose?`, `tojson`, `tostring`, `fromjson?`, `@html`, `@uri`, `@csv?`, `@sh?`, `@base64`, `"<\(.)>"`, `@json "\(.)"`,
		`contains("a")?`, `contains([1])?`, `inside([1,2,3])?`, `IN(.[]?; 1)`, `IN(3, 4)`, `INDEX(.a)?`, `JOIN({"1":2}; .a | tostring)?`, `from_entries?`, `with_entries(.)?`,
		`[match("a(n)?"; "g")]?`, `test("A"; "i")?`, `[scan("[a-z]+")]?`, `[scan("(a)(.)")]?`, `sub("a"; "o")?`, `gsub("(?<x>a)"; .x + "!")?`, `gsub("^|$"; "-")?`, `[splits(", *")]?`,
		`split(", ")?`, `split("a"; null)?`, `capture("(?<y>n.)")?`, `test(["B", "i"])?`, `setpath(["a"]; 1)?`, `setpath([1]; 5)?`, `getpath(["a", 0])?`, `delpaths([["a"], [0]])?`,
		`pick(.a)?`, `pick(.[1])?`, `fromstream(tostream)`, `[tostream]`, `map_values(empty)?`, `map_values(. , .)?`, `nth(1)?`, `nth(1; .[]?)`, `first(.[]?)`, `explode?`, `ascii_downcase?`,
		`. + .`, `. - .`, `. * 2`, `. / 2`, `. / ","`, `. == .`, `. < [1]`, `. * .`, `.a += 1`, `.c *= 2`, `.[0] -= 1`, `.a |= empty`, `.[] |= empty`, `.[]? //= 1`,
		`def _f: . as $x | [$x]; def _g(_h): _h | _f; _g(.)`, `def f(g): [g]; f(.[]?)`, `try error catch .`, `[limit(2; .[]?)]`, `tonumber?`, `ltrimstr("b")`, `error`, `keys?`,
		`[getpath(paths)]`, `(.. | strings) |= . + "!"`, `reduce .[]? as $x (null; [., $x])`, `[foreach .[]? as $x (0; . + 1; [$x, .])]`, `if .a? then 1 else 2 end`, `todate?`, `(3 | todate)`,
	} {
		for _, text := range inputs {
			want, wrong := plain(t, src, text)
			got, err := guardedRun(t, src, text)
			if (wrong == "") != (err == nil) {
				t.Errorf("%s of %s: got %v, %v; gojq has %v, %s", src, text, got, err, want, wrong)
			} else if diff := cmp.Diff(want, got); wrong == "" && diff != "" {
				t.Errorf("%s of %s: %s", src, text, diff)
			}
		}
	}
}

func decoded(t *testing.T, text string) any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func plain(t *testing.T, src, input string) (outputs []any, wrong string) {
	t.Helper()
	query, err := gojq.Parse(src)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	iter := query.Run(decoded(t, input))
	for v, ok := iter.Next(); ok; v, ok = iter.Next() {
		if err, failed := v.(error); failed {
			return nil, err.Error()
		}
		text, err := gojq.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		outputs = append(outputs, string(text))
	}
	return outputs, ""
}

func guardedRun(t *testing.T, src, input string) ([]any, error) {
	t.Helper()
	p, err := Compile(src)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	values, err := p.Run(t.Context(), decoded(t, input))
	var outputs []any
	for _, v := range values {
		text, err := gojq.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		outputs = append(outputs, string(text))
	}
	return outputs, err
}
