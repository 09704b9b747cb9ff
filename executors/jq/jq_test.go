package jq_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/chainwright/chainwright/executors/jq"
)

func decode(t testing.TB, text string) any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("decoding %s: %v", text, err)
	}
	return v
}

func TestRun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ src, input, want string }{
		{".", `1`, `[1]`},
		{".[]", `[1,"a",null]`, `[1,"a",null]`},
		{"empty", `1`, `[]`},
		{".a.b", `{"a":{"b":1.10}}`, `[1.10]`},
		{"add", `[1,2,3]`, `[6]`},
		{"add", `[9007199254740993,1]`, `[9007199254740994]`},
		{"add", `[99999999999999999999,1]`, `[100000000000000000000]`},
		{". * 2", `1.5`, `[3]`},
		{". / 3", `1`, `[0.3333333333333333]`},
		{"1e1000", `null`, `[1.7976931348623157e+308]`},
		{"nan", `null`, `[null]`},
		{`"\(.a)-\(.b)"`, `{"a":1,"b":[true]}`, `["1-[true]"]`},
		{`"\(1,2)\(3,4)"`, `null`, `["13","23","14","24"]`},
		{`@base64 "x\(.)y"`, `"ab"`, `["xYWI=y"]`},
		{`(1,2) + (10,20)`, `null`, `[11,12,21,22]`},
		{`.a += 1`, `{"a":1}`, `[{"a":2}]`},
		{`.[] += (1,2)`, `[1,2]`, `[[2,3],[3,4]]`},
		{`.a *= 3 | .b -= 1 | .c //= 7`, `{"a":2,"b":2}`, `[{"a":6,"b":1,"c":7}]`},
		{`[.[] | tojson]`, `[1,"a",{"b":2.50}]`, `[["1","\"a\"","{\"b\":2.50}"]]`},
		{`join(",")`, `[1,"a",null]`, `["1,a,"]`},
		{`flatten`, `[1,[2,[3]]]`, `[[1,2,3]]`},
		{`flatten(1)`, `[1,[2,[3]]]`, `[[1,2,[3]]]`},
		{`map(select(.n > 1)) | length`, `[{"n":1},{"n":2},{"n":3}]`, `[2]`},
		{`gsub("a";"b")`, `"banana"`, `["bbnbnb"]`},
		{`add(.[].x)`, `[{"x":1},{"x":2}]`, `[3]`},
		{`[limit(3; repeat(1))]`, `null`, `[[1,1,1]]`},
		{`"ab" * 3`, `null`, `["ababab"]`},
		{`{"a":{"b":1}} * {"a":{"c":2}}`, `null`, `[{"a":{"b":1,"c":2}}]`},
		{`env, $ENV`, `null`, `[{},{}]`},
		{`1, halt, 2`, `null`, `[1]`},
		{`{(.k): .v}`, `{"k":"x","v":1}`, `[{"x":1}]`},
		{`try error("x") catch .`, `null`, `["x"]`},
		{`reduce .[] as [$a,$b] (0; . + $a * $b)`, `[[1,2],[3,4]]`, `[14]`},
		{`{"a":1} | to_entries, with_entries(.value += 1)`, `null`, `[[{"key":"a","value":1}],{"a":2}]`},
		{`def f(x): x * 2; f(.) + f(1)`, `3`, `[8]`},
		{`[splits(", ")]`, `"a, b"`, `[["a","b"]]`},
		{`[paths]`, `{"a":[1]}`, `[[["a"],["a",0]]]`},
		{`.[1:] + .[:1]`, `[1,2,3]`, `[[2,3,1]]`},
		{`(.a | select(. == 1)) |= 5`, `{"a":1}`, `[{"a":5}]`},
		{`. as {a: $x, b: [$y]} | $x + $y`, `{"a":1,"b":[2]}`, `[3]`},
		{`input_line_number?`, `1`, ``},
	} {
		t.Run(c.src, func(t *testing.T) {
			t.Parallel()
			program, err := jq.Compile(c.src)
			if c.want == "" {
				if err == nil {
					t.Fatal("compiled")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := program.Run(context.Background(), decode(t, c.input))
			if err != nil {
				t.Fatal(err)
			}
			if got == nil {
				got = []any{}
			}
			if diff := cmp.Diff(decode(t, c.want), any(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	for _, src := range []string{
		".[", "nope", "$x", "input", "inputs", `import "a" as a; .`, `include "a"; .`, "", `{"a" 1}`,
		`. as [$a] | $b`, strings.Repeat("1+", 40_000) + "1", "modulemeta", `module {"a":1}; .`,
	} {
		_, err := jq.Compile(src)
		if src == "" || src == "modulemeta" {
			continue // the identity program; it fails when it runs
		}
		var typed *jq.Error
		if !errors.As(err, &typed) || typed.Kind != jq.Invalid {
			t.Errorf("%.40q: got %v", src, err)
		}
	}
}

// The error of a program that does not compile has its position.
func TestCompileErrorsHavePositions(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		".[":                               "unexpected EOF (line 1, column 3)",
		"map(.price | add":                 "unexpected EOF (line 1, column 17)",
		"map(.a)\n| ) + 1":                 `unexpected token ")" (line 2, column 3)`,
		"\"é\" | }":                        `unexpected token "}" (line 1, column 7)`,
		". |\n  .a | nope(1)":              "function not defined: nope/1 (line 2, column 8)",
		".nope | nope":                     "function not defined: nope/0 (line 1, column 9)",
		"$x | $y":                          "variable not defined: $x (line 1, column 1)",
		strings.Repeat("1+", 40_000) + "1": "the program is longer than 65536 bytes",
	} {
		_, err := jq.Compile(src)
		if err == nil || err.Error() != want {
			t.Errorf("%.40q: got %v, want %s", src, err, want)
		}
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	program, err := jq.CompileValues("tasks.a + (inputs | .b) + ([1,2] | map(. + item) | add)", "tasks", "inputs", "item")
	if err != nil {
		t.Fatal(err)
	}
	got, err := program.Run(context.Background(), nil,
		decode(t, `{"a":1}`), decode(t, `{"b":2}`), decode(t, `10`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{json.Number("26")}, got); diff != "" {
		t.Error(diff)
	}
}

func TestContext(t *testing.T) {
	t.Parallel()
	program, err := jq.Compile("def f: f; f")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := program.Run(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	_, err = program.Within(jq.Bounds{Time: 10 * time.Millisecond}).Run(context.Background(), nil)
	var typed *jq.Error
	if !errors.As(err, &typed) || typed.Kind != jq.TimedOut {
		t.Errorf("got %v", err)
	}
}

func tryDecode(text string) (any, bool) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	return v, err == nil
}
