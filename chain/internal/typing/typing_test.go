package typing

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/jq"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// The result of the only task in these tests.
const schema = `{"type": "object", "required": ["rows", "count", "name", "ok", "meta"], "additionalProperties": false, "properties": {
	"rows": {"type": "array", "items": {"type": "object", "required": ["id"], "additionalProperties": false, "properties": {
		"id": {"type": "integer"}, "name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}}}},
	"count": {"type": "integer"}, "name": {"type": "string"}, "ok": {"type": "boolean"}, "json": {}, "text": {"type": "string"},
	"meta": {"type": "object", "additionalProperties": {"type": "string"}}, "kind": {"enum": ["a", 1, null]},
	"either": {"anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": false, "properties": {"a": {"type": "number"}}}]},
	"open": {"type": "object", "properties": {"id": {"type": "number"}}},
	"nested": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}}}`

func decoded(t testing.TB) any {
	t.Helper()
	doc, err := strictjson.Decode([]byte(schema))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func env(t testing.TB) Env {
	result := FromSchema(decoded(t), "the result", false)
	task := ObjectOf("a task", map[string]*Type{"status": Of(String), "result": result, "error": Of(String | Null)})
	return Env{Task: func(id string) *Type {
		if id == "s" {
			return task
		}
		return Any
	}, Inputs: Any, Item: result.fields["rows"].items}
}

// generated returns a random value that satisfies a schema.
func generated(r *rand.Rand, schema any, depth int) any {
	object, _ := schema.(map[string]any)
	if list, ok := object["anyOf"].([]any); ok {
		return generated(r, list[r.IntN(len(list))], depth)
	}
	if list, ok := object["enum"].([]any); ok {
		return list[r.IntN(len(list))]
	}
	kind, _ := object["type"].(string)
	if kind == "" {
		kind = []string{"null", "boolean", "number", "string", "array", "object"}[r.IntN(6)]
	}
	switch kind {
	case "boolean":
		return r.IntN(2) == 0
	case "integer", "number":
		return json.Number(fmt.Sprint(r.IntN(5) - 1))
	case "string":
		return []string{"", "a", "Oslo", "12", `{"id":1}`}[r.IntN(5)]
	case "array":
		list := []any{}
		for range min(r.IntN(4), depth) {
			list = append(list, generated(r, object["items"], depth-1))
		}
		return list
	case "object":
		return filled(r, object, depth)
	}
	return nil
}

func filled(r *rand.Rand, schema map[string]any, depth int) any {
	v := map[string]any{}
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	for name, property := range properties {
		if r.IntN(2) == 0 || strings.Contains(fmt.Sprint(required), name) {
			v[name] = generated(r, property, depth-1)
		}
	}
	if schema["additionalProperties"] != false && depth > 0 && r.IntN(2) == 0 {
		v[[]string{"id", "nme", "key", "a"}[r.IntN(4)]] = generated(r, schema["additionalProperties"], depth-1)
	}
	if properties["id"] != nil && v["id"] != nil {
		v["id"] = json.Number("7") // it may have been taken by another name
	}
	return v
}

// contains reports whether a value is one of a type.
func contains(t *Type, v any) bool {
	if t.kinds&kindOf(v) == 0 {
		return false
	}
	switch v := v.(type) {
	case []any:
		for _, each := range v {
			if !contains(t.Items(), each) {
				return false
			}
		}
	case map[string]any:
		for name, each := range v {
			if field, ok := t.field(name); !ok || !contains(field, each) {
				return false
			}
		}
	}
	return true
}

// outputs runs an expression on a task's result and an input.
func outputs(src string, input, result any) ([]any, error) {
	program, err := jq.CompileValues(src, "tasks", "inputs", "item", "index")
	if err != nil {
		return nil, err
	}
	var item any
	if rows := result.(map[string]any)["rows"].([]any); len(rows) > 0 {
		item = rows[0]
	} else {
		item = map[string]any{"id": json.Number("1")}
	}
	task := map[string]any{"status": "completed", "result": result, "error": nil}
	return program.Within(jq.Bounds{Work: 1 << 16}).Run(context.Background(), input, map[string]any{"s": task}, map[string]any{"x": "y"}, item, json.Number("0"))
}

// step is a part of a pipe. Of a step that reads, at returns the values of which
// the field is read.
type step struct {
	src   string
	field string
	at    func(v any) []any
}

func itself(v any) []any { return []any{v} }

func elements(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case map[string]any:
		var list []any
		for _, each := range v {
			list = append(list, each)
		}
		return list
	}
	return nil
}

// arrays returns an object with the field "" for each element that is an array.
func arrays(v any) []any {
	var list []any
	for _, each := range elements(v) {
		if _, ok := each.([]any); ok {
			list = append(list, map[string]any{"": true})
		}
	}
	return list
}

var steps = func() []step {
	var list []step
	for _, name := range []string{"rows", "count", "name", "meta", "json", "text", "id", "tags", "either", "open", "nested", "a", "kind", "key", "value", "nme", "jsn", "row", "length"} {
		for _, form := range []string{".F", `.["F"]`, ".F?", "select(.F)", "{F}", "{a: .F, F: 1}", "if .F then . else .F end", ".F // 1", "[.F]", `"\(.F)"`, "(.F as $x | [$x, .])", ".F = 1", "del(.F)"} {
			list = append(list, step{strings.ReplaceAll(form, "F", name), name, itself})
		}
		for _, form := range []string{"map(.F)", ".[] | .F", "sort_by(.F)", "group_by(.F)", "map(select(.F))", "any(.F)", "min_by(.F)", "map_values(.F)"} {
			list = append(list, step{strings.ReplaceAll(form, "F", name), name, elements})
		}
	}
	list = append(list, step{"map(.[0])", "", arrays})
	for _, src := range []string{
		".", ".[0]", ".[-1]", ".[]", ".[1:]", "first", "last", "length", "keys", "add", "reverse", "sort", "unique", "min", "max", "to_entries", "tostring", "tonumber",
		"not", "type", "objects", "arrays", "strings", "values", "numbers", ". + 1", `. + "x"`, ". - 1", ". + []", ". + null", ". * 2", ". + .", "[.]", "[., 1]", "{a: .}", "., .", "try error catch .",
		"if type == \"array\" then .[0] else . end", "[.[]?]", ".. ", "empty", "tojson", "split(\"a\")", "with_entries(.value)", "limit(1; .[])", "first(.[])", "-.", "// {}", "reduce .[] as $x (0; . + 1)",
		"def f: .; f", "def f(g): g | .a; f(.)", "flatten", "from_entries", "with_entries(select(.value))", "item", "tasks.s.result", "index + 1", "inputs.x",
		"explode", "join(\",\")", "ltrimstr(\"a\")", "ascii_downcase", ". == 1", "(. and true)", "has(\"id\")", "[limit(2; .[])]", "walk(.)", "transpose", "group_by(.)", "map(. + 1)", "(.. | numbers)", "label $f | .",
	} {
		if strings.HasPrefix(src, "//") {
			src = ". " + src
		}
		list = append(list, step{src: src})
	}
	return list
}()

// FuzzPipe joins steps to expressions. The type of each holds every value of it;
// and the first step with a finding fails for every value that it gets, or reads
// a field that none of them has.
func FuzzPipe(f *testing.F) {
	for i := 0; i < len(steps); i += executortest.Slower {
		f.Add([]byte{0, byte(i >> 8), byte(i)}, uint64(i))
		f.Add([]byte{0, 0, byte(i), byte(i >> 8), byte(i * 7), byte(i)}, uint64(i))
	}
	doc := decoded(f)
	e := env(f)
	f.Fuzz(func(t *testing.T, choice []byte, seed uint64) {
		if len(choice) > 12 {
			return
		}
		r := rand.New(rand.NewPCG(seed, 1))
		src := "tasks.s.result"
		for i := 0; i+1 < len(choice); i += 2 {
			next := steps[(int(choice[i])<<8|int(choice[i+1]))%len(steps)]
			if strings.Contains(next.src, "as $") || strings.HasPrefix(next.src, "def") || strings.HasPrefix(next.src, "label") || strings.Contains(next.src, ",") {
				next.src = "(" + next.src + ")"
			}
			longer := src + " | " + next.src
			of, found := Check(longer, e)
			for range 4 {
				result := generated(r, doc, 4)
				if len(found) > 0 {
					refuted(t, src, next, longer, found, result)
					continue
				}
				got, err := outputs(longer, nil, result)
				if err != nil {
					continue
				}
				for _, v := range got {
					if !contains(of, v) {
						t.Fatalf("%s gave %v, which is not of its type %s", longer, v, of.kinds)
					}
				}
			}
			if len(found) > 0 {
				return
			}
			src = longer
		}
	})
}

// refuted checks that a finding about a step is right.
func refuted(t *testing.T, src string, next step, longer string, found []Finding, result any) {
	t.Helper()
	before, err := outputs(src, nil, result)
	if err != nil {
		return
	}
	for _, v := range before {
		if next.at != nil {
			for _, at := range next.at(v) {
				object, _ := at.(map[string]any)
				if _, has := object[next.field]; has {
					t.Fatalf("%s: %v, but it reads %s of %v", longer, found, next.field, at)
				}
			}
			continue
		}
		if got, err := outputs(next.src, v, result); err == nil && v != nil && len(got) > 0 {
			t.Fatalf("%s: %v, but %v gives %v", longer, found, v, got)
		}
	}
}

// FuzzExpression: the type of any expression that is not called wrong holds all of
// its values, and no expression takes long to type.
func FuzzExpression(f *testing.F) {
	for _, src := range []string{
		`tasks.s.result.rows | map(select(.id > 1) | {id, n: (.name // "x")}) | group_by(.id) | map({k: .[0].id, all: [.[].n]})`,
		`tasks.s.result as $r | $r.rows[0] as {id: $i} | [$i, $r.count + 1]`, `reduce tasks.s.result.rows[] as $x (0; . + $x.id)`,
		`[tasks.s.result.rows[] | .tags // [] | .[]] | unique | join(", ")`, `tasks.s.result.rows | INDEX(.id) | keys`,
		`def f($x; g): $x | g; f(tasks.s.result; .count)`, `tasks.s.result | to_entries | map(.value | type)`, `[tasks.s.result.rows[], {a: 1}] | map(.a // .id)`,
		`tasks.s.result.either | if type == "object" then .a else . end`, `tasks.s.result | .count += 1 | .new = 2 | .new`, `item.id + index`,
		`(tasks.s.result.json // {}) + {a: 1} | .a`, `try tasks.s.result.count[0] catch "none"`, `[tasks.s.result.nested[][]] | add`, `[[1, 2], [3]] | map(add) | add`,
		`{a: {b: 1}} | . + {c: 2} | .a.b + .c`, `tasks.s.result.rows[1:][0].id?`, `tasks.s.result | .rows[.count].id`, `[limit(2; tasks.s.result.rows[])] | first`,
		`foreach tasks.s.result.rows[] as $x (0; . + 1; [., $x.id])`, `[tasks.s.result.rows[] as [$a] ?// {id: $a} | $a]`, `[1,2] - [1] | first + 1`, `"a" * 3 | ascii_upcase`,
	} {
		f.Add(src, uint64(len(src)))
	}
	doc := decoded(f)
	e := env(f)
	f.Fuzz(func(t *testing.T, src string, seed uint64) {
		if len(src) > 400 || strings.Contains(src, "tasks") && !strings.Contains(src, "tasks.s") {
			return
		}
		of, found := Check(src, e)
		if len(found) > 0 {
			return
		}
		r := rand.New(rand.NewPCG(seed, 2))
		for range 3 {
			got, err := outputs(src, nil, generated(r, doc, 4))
			if err != nil {
				return
			}
			for _, v := range got {
				if !contains(of, v) {
					t.Fatalf("%s gave %v, which is not of its type %s", src, v, of.kinds)
				}
			}
		}
	})
}
