package tools_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/strictjson"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
)

// property is what the tests read from the schema of a property.
type property struct {
	Type      any               `json:"type"`
	Enum      []any             `json:"enum"`
	AnyOf     []json.RawMessage `json:"anyOf"`
	MinLength int               `json:"minLength"`
	MaxLength int               `json:"maxLength"`
}

// everyTool calls fn with the definitions and the first example of each executor
// and tool that can be published.
func everyTool(t *testing.T, fn func(name string, input *executors.Schema, example json.RawMessage, properties map[string]property)) {
	t.Helper()
	cfg := opened(t)
	seen := map[string]bool{}
	for _, discovery := range []bool{false, true} {
		s := closing(t)(toolstest.Everything(cfg, func(o *tools.Options) { o.Discovery = discovery }))
		for _, tool := range s.Set.Tools() {
			if seen[tool.Name] {
				continue
			}
			seen[tool.Name] = true
			raw := tool.Input
			example := json.RawMessage(`{"run_id":"r","executor":"e"}`)
			if e, ok := s.Registry.Lookup(tool.Name); ok {
				raw, example = e.Definition().Input.JSON(), e.Definition().Examples[0].Inputs
			}
			input, err := executors.CompileSchema(tool.Name, raw)
			if err != nil {
				t.Fatal(err)
			}
			var schema struct {
				Properties map[string]property `json:"properties"`
			}
			if err := json.Unmarshal(raw, &schema); err != nil {
				t.Fatal(err)
			}
			kept := []byte{'{'}
			for name, value := range strictjson.Members(example) {
				if _, ok := schema.Properties[name]; ok {
					if len(kept) > 1 {
						kept = append(kept, ',')
					}
					kept = append(append(plainjson.AppendString(kept, name), ':'), value...)
				}
			}
			fn(tool.Name, input, append(kept, '}'), schema.Properties)
		}
	}
	if len(seen) < 25 {
		t.Errorf("only %d tools", len(seen))
	}
}

func with(object json.RawMessage, name, value string) json.RawMessage {
	text := strings.TrimSuffix(string(object), "}")
	if text != "{" {
		text += ","
	}
	return json.RawMessage(text + string(plainjson.AppendString(nil, name)) + ":" + value + "}")
}

// For every tool: with null for everything optional the arguments are those
// without; [] and {} are never dropped; and JSON text is what it has.
func TestEveryToolIsReadTolerantly(t *testing.T) {
	t.Parallel()
	everyTool(t, func(name string, input *executors.Schema, example json.RawMessage, properties map[string]property) {
		nulls := example
		given := map[string]bool{}
		for key := range strictjson.Members(example) {
			given[key] = true
		}
		for key, p := range properties {
			if given[key] {
				continue
			}
			anything := slices.ContainsFunc(p.AnyOf, func(each json.RawMessage) bool { return string(each) == "{}" })
			typed := p.Type != nil || p.AnyOf != nil && !anything || p.Enum != nil
			if typed {
				nulls = with(nulls, key, "null")
			}
			for _, value := range []string{`[]`, `{}`} {
				changed := with(example, key, value)
				if read, _ := input.Tolerate(with(changed, "bogus", "1")); !strings.Contains(string(read), string(plainjson.AppendString(nil, key))+":"+value) {
					t.Errorf("%s: %s of %s became %s", name, value, key, read)
				}
			}
			empty := with(example, key, `""`)
			read, _ := input.Tolerate(empty)
			name4096 := p.MinLength > 0 && p.MaxLength > 0 && p.MaxLength <= 4096
			if p.Type == "string" && (p.Enum != nil || name4096) != (string(read) == string(example)) {
				t.Errorf("%s: with %s empty: %s", name, key, read)
			}
			if p.Type == "array" || p.Type == "object" {
				want := map[any]string{"array": `[{"a":1}]`, "object": `{"b":1,"a":12345678901234567890}`}[p.Type]
				read, _ := input.Tolerate(with(example, key, string(plainjson.AppendString(nil, want))))
				if !strings.Contains(string(read), string(plainjson.AppendString(nil, key))+":"+want) {
					t.Errorf("%s: %s as text: %s", name, key, read)
				}
			}
		}
		read, wrong := input.Tolerate(nulls)
		if string(read) != string(example) || len(wrong) > 0 {
			t.Errorf("%s: %s\nbecame %s, %v", name, nulls, read, wrong)
		}
	})
}

// What is asked, recorded and run is the same value: the one that was meant.
func TestAllSeeTheSameArguments(t *testing.T) {
	t.Parallel()
	for _, arguments := range []string{
		`{"what":"a"}`, `{"what":"a","mode":null,"fail":null}`, `{"what":"a","mode":""}`, `{"what":"a","fail":"false"}`,
		`{"what":"a","mode":"look","fail":null}`,
	} {
		a := newAsking(t, policy.ConfirmDestructive).says(tools.Accepted)
		e := a.call("test_wipe", arguments)
		if e.Status != "completed" {
			t.Errorf("%s: %+v", arguments, e)
			continue
		}
		looks, question := strings.Contains(arguments, "look"), strings.Join(a.heard, " ")
		if looks != (question == "") || looks != (len(a.wiper.Wiped()) == 0) {
			t.Errorf("%s: asked %q, wiped %v", arguments, question, a.wiper.Wiped())
		}
		row, err := a.Store.Run(t.Context(), e.RunID)
		if err != nil {
			t.Fatal(err)
		}
		recorded := string(row.Inputs)
		for _, text := range []string{question, recorded} {
			if strings.Contains(text, "null") || strings.Contains(text, `""`) || strings.Contains(text, `"false"`) {
				t.Errorf("%s: %s", arguments, text)
			}
		}
	}
}

func TestRunToolsAreReadTolerantly(t *testing.T) {
	t.Parallel()
	s := stack(t, toolstest.WithTools(func(o *tools.Options) { o.Discovery = true }))
	tasks := `[{"id":"a","schemas":{"method":"test_echo"},"inputs":{"text":"x"}}]`
	e := call(t, s.Set, "run_task_tree", `{"tasks":`+tasks+`,"tree":null,"inputs":null,"max_parallel":null,"idempotency_key":"","on_failure":""}`)
	if e.Status != "completed" {
		t.Fatalf("%+v", e)
	}
	for _, c := range []struct{ tool, arguments, want string }{ // want: an error, or empty
		{"run_task_tree", `{"tasks":` + string(plainjson.AppendString(nil, tasks)) + `,"inputs":"{\"a\": 1}"}`, ""},
		{"run_task_tree", `{"tasks":"- {id: a, schemas: {method: test_echo}, inputs: {text: x}}","tree":null}`, ""}, // YAML
		{"run_task_tree", `{"tasks":"[{id: a, schemas: {method: test_echo}, inputs: {text: x}}]"}`, ""},
		{"run_task_tree", `{"tasks":` + tasks + `,"inputs":"{\"a\": "}`, "inputs must be an object; got text that is not JSON"},
		{"run_task_tree", `{"tasks":[{"id":"a","schemas":{"method":"test_echo"},"inputs":{"text":null}}]}`, "text: must be a string; got null"}, // a tree is strict
		{"run_task_tree", `{"tasks":null,"tree":""}`, "tasks is required"},
		{"get_run", `{"run_id":"` + e.RunID + `","task":null,"offset":null,"limit":null,"wait_seconds":null}`, ""},
		{"get_run", `{"run_id":"` + e.RunID + `","task":"","offset":0,"wait_seconds":0}`, ""},
		{"get_run", `{"run_id":"","task":""}`, "run_id must not be empty"},
		{"list_runs", `{"status":"","cursor":"","limit":"5"}`, ""},
		{"list_runs", `{"status":null,"cursor":null,"limit":null}`, ""},
		{"list_runs", `{"limit":""}`, `limit must be a whole number; got ""`},
		{"retry_run", `{"run_id":"` + e.RunID + `","tasks":[]}`, "tasks must have at least 1 element"},
		{"retry_run", `{"run_id":"` + e.RunID + `","tasks":"[]"}`, "tasks must have at least 1 element"},
		{"retry_run", `{"run_id":"` + e.RunID + `","tasks":[""]}`, "tasks[0] must not be empty"},
		{"retry_run", `{"run_id":"` + e.RunID + `","tasks":[null]}`, "tasks[0] must be a string"},
		{"retry_run", `{"run_id":"` + e.RunID + `","tasks":"[\"a\"]"}`, ""},
		{"run_executor", `{"executor":"test_steps","inputs":{"steps":"2","label":null,"delay_ms":null}}`, ""},
		{"run_executor", `{"executor":"test_steps","inputs":"{\"steps\": 2, \"hold\": null}"}`, ""},
		{"run_executor", `{"executor":"test_steps","inputs":"{'steps': 2}"}`, "inputs must be an object; got text that is not JSON"},
		{"run_executor", `{"executor":"test_steps","inputs":null}`, "steps is required"},
		{"find_executor", `{"query":"","limit":null}`, ""},
	} {
		e := call(t, s.Set, c.tool, c.arguments)
		if c.want == "" && e.isError || !strings.Contains(e.Error, c.want) {
			t.Errorf("%s %s: %+v, want %q", c.tool, c.arguments, e, c.want)
		}
	}
	all, _, err := s.Runner.List(t.Context(), chain.ListOptions{Limit: 50})
	if err != nil || len(all) != 6 { // a refused call leaves none
		t.Errorf("%d runs, %v", len(all), err)
	}
}

// The operations that need an array read its text; others and CSV don't.
func TestTextOfData(t *testing.T) {
	t.Parallel()
	s := closing(t)(toolstest.Everything(policy.Config{}, nil))
	for _, c := range []struct{ arguments, want string }{
		{`{"data":"[1, 2.5]"}`, `3.5`},
		{`{"data":" [{\"b\": 12345678901234567890}]","field":"b"}`, `12345678901234567890`},
		{`{"data":"[[1]]","operation":"count"}`, `must be an array`},
		{`{"data":"[1, 2.5]","operation":"jq","program":"."}`, `"[1, 2.5]"`},
		{`{"data":"[1\n2\n","csv":{"header":false,"columns":["a"]},"operation":"filter","where":"true"}`, `[{"a":"[1"},{"a":"2"}]`},
		{`{"data":"[1, 2"}`, `data must be an array or an object here; got text that is not JSON: line 1, column 6`},
		{`{"data":"{\"a\": 1}"}`, `data: must be an array for the operation sum; got object`},
		{`{"data":"\"[1]\""}`, `data: must be an array for the operation sum; got string`},
		{`{"data":["[1, 2]"]}`, `must be a number`},
	} {
		e := call(t, s.Set, "data_processor", c.arguments)
		var out struct {
			Result json.RawMessage `json:"result"`
		}
		if e.Status == "completed" {
			e.get(t, &out)
		}
		if string(out.Result) != c.want && !strings.Contains(e.Error, c.want) {
			t.Errorf("%s: %s, %+v", c.arguments, out.Result, e)
		}
		if strings.Contains(c.arguments, "90123") {
			row, err := s.Store.Run(t.Context(), e.RunID)
			if err != nil || string(row.Inputs) != `{"data":[{"b": 12345678901234567890}],"field":"b"}` {
				t.Errorf("recorded %+v, %v", row, err)
			}
		}
	}
}

// A call that is valid as it is reaches the executor unchanged, and so does a
// call with every option as null.
func TestReadInputsOfEveryExecutor(t *testing.T) {
	t.Parallel()
	s := closing(t)(toolstest.Everything(opened(t), nil))
	for _, e := range s.Registry.All() {
		def := e.Definition()
		for _, example := range def.Examples {
			plain, args, err := s.Registry.ReadInputs(def.ID, example.Inputs)
			if err != nil || string(args) != string(example.Inputs) {
				t.Errorf("%s: %s, %v", def.ID, args, err)
				continue
			}
			filled := example.Inputs
			for _, name := range def.Input.Properties() {
				if value, given := plain[name]; !given || reflect.DeepEqual(value, def.Input.Default(name)) && !strings.Contains(string(example.Inputs), fmt.Sprintf("%q", name)) {
					filled = with(filled, name, "null")
				}
			}
			inputs, _, err := s.Registry.ReadInputs(def.ID, filled)
			for name, value := range inputs {
				if value == nil {
					delete(inputs, name) // any value is allowed, so null is
				}
			}
			if err != nil || !reflect.DeepEqual(inputs, plain) {
				t.Errorf("%s: %s: %v\n is %v\nnot %v", def.ID, filled, err, inputs, plain)
			}
		}
	}
}
