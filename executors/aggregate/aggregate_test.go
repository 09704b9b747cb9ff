package aggregate

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run validates the inputs and calls the executor through the registry, as the
// engine does.
func run(t *testing.T, inputs string, dependencies map[string]executors.Dependency) (*output, *executors.Error) {
	t.Helper()
	registry := executortest.Registry(t, nil, New())
	resolved, refused := registry.ResolveInputs("aggregate_results_executor", json.RawMessage(inputs))
	if refused != nil {
		t.Fatalf("inputs %s: %v", inputs, refused)
	}
	call := &executors.Call{Inputs: resolved, Dependencies: dependencies, Attempt: 1}
	outcome := registry.Invoke(t.Context(), "aggregate_results_executor", call, time.Second)
	if len(outcome.Result) == 0 || string(outcome.Result) == "null" {
		return nil, outcome.Err
	}
	var out output
	if err := json.Unmarshal(outcome.Result, &out); err != nil {
		t.Fatalf("the result: %v", err)
	}
	return &out, outcome.Err
}

func done(result string) executors.Dependency {
	return executors.Dependency{Status: "completed", Result: json.RawMessage(result)}
}

func failed(result, text string) executors.Dependency {
	return executors.Dependency{Status: "failed", Result: json.RawMessage(result), Error: text}
}

func TestDefinition(t *testing.T) {
	t.Parallel()
	executortest.Check(t, New())
}

func TestAllResultsAreReturned(t *testing.T) {
	t.Parallel()
	out, failure := run(t, `{}`, map[string]executors.Dependency{
		"task_10": done(`{"big": 12345678901234567890.5, "text": "<&>"}`),
		"task_2":  failed(`{"status_code": 500}`, "answered 500"),
		"task_3":  {Status: "skipped"},
	})
	if failure != nil {
		t.Fatalf("failed: %v", failure)
	}
	if out.ResultCount != 3 || len(out.Results) != 3 || out.Summary != "1 of 3 tasks completed" {
		t.Errorf("count %d, results %s, summary %q", out.ResultCount, out.Results, out.Summary)
	}
	for id, want := range map[string]string{
		"task_10": `{"big":12345678901234567890.5,"text":"<&>"}`, "task_2": `{"status_code":500}`, "task_3": `null`,
	} {
		if got := string(out.Results[id]); got != want {
			t.Errorf("results.%s = %s; want %s", id, got, want)
		}
	}
	if out.Statuses["task_3"] != "skipped" || out.Errors["task_2"] != "answered 500" || len(out.Errors) != 1 || out.Value != nil {
		t.Errorf("statuses %v, errors %v, value %s", out.Statuses, out.Errors, out.Value)
	}
	if at, err := time.Parse(time.RFC3339, out.Timestamp); err != nil || time.Since(at) > time.Minute {
		t.Errorf("timestamp = %q", out.Timestamp)
	}
}

func TestStrategies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, inputs string
		given        map[string]executors.Dependency
		value        string // of the output
		failure      string // part of the message
	}{
		{
			name: "concat counts as people do", inputs: `{"strategy": "concat"}`,
			given: map[string]executors.Dependency{"t10": done(`[5, 6]`), "t2": done(`[1.0, 2e3]`), "t9": done(`{"a": 1}`), "t3": failed(`[9]`, "x")},
			value: `[1.0,2e3,{"a":1},5,6]`,
		},
		{
			name: "concat in an order", inputs: `{"strategy": "concat", "order": ["c"]}`,
			given: map[string]executors.Dependency{"a": done(`"x"`), "b": done(`null`), "c": done(`[[]]`)},
			value: `[[],"x",null]`,
		},
		{name: "concat of nothing", inputs: `{"strategy": "concat"}`, value: `[]`},
		{
			name: "merge at every depth", inputs: `{"strategy": "merge"}`,
			given: map[string]executors.Dependency{"a": done(`{"x": {"p": 1}, "same": [1]}`), "b": done(`{"x": {"q": "<b>"}, "same": [1]}`), "c": done(`null`)},
			value: `{"same":[1],"x":{"p":1,"q":"<b>"}}`,
		},
		{
			name: "merge names a conflict", inputs: `{"strategy": "merge"}`,
			given:   map[string]executors.Dependency{"a": done(`{"x": {"p": 1}}`), "b": done(`{"x": {"p": 2}}`)},
			failure: "a and b have different values at x.p",
		},
		{
			name: "merge of an object over a text", inputs: `{"strategy": "merge"}`,
			given:   map[string]executors.Dependency{"a": done(`{"x": "text"}`), "b": done(`{"x": {}}`)},
			failure: "a and b have different values at x",
		},
		{
			name: "merge needs objects", inputs: `{"strategy": "merge"}`,
			given:   map[string]executors.Dependency{"a": done(`[1]`)},
			failure: "the result of a is not an object",
		},
		{
			name: "first skips what failed", inputs: `{"strategy": "first"}`,
			given: map[string]executors.Dependency{"a": failed(`1`, "no"), "b": done(`2`), "c": done(`3`)},
			value: `2`,
		},
		{
			name: "first in an order", inputs: `{"strategy": "first", "order": ["c", "a"]}`,
			given: map[string]executors.Dependency{"a": done(`1`), "c": done(`3`)},
			value: `3`,
		},
		{
			name: "first of none", inputs: `{"strategy": "first"}`,
			given:   map[string]executors.Dependency{"a": failed(``, "no")},
			failure: "none of 1 tasks completed",
		},
		{
			name: "an order with a stranger", inputs: `{"order": ["a", "z"]}`,
			given:   map[string]executors.Dependency{"a": done(`1`)},
			failure: `order[1] must be the id of a task that this one depends on; got "z"`,
		},
		{
			name: "an order with one twice", inputs: `{"order": ["a", "a"]}`,
			given:   map[string]executors.Dependency{"a": done(`1`)},
			failure: `order[1]: "a" is listed twice`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, failure := run(t, c.inputs, c.given)
			if c.failure != "" {
				if failure == nil || !strings.Contains(failure.Message, c.failure) {
					t.Fatalf("failure = %v; want %q", failure, c.failure)
				}
				if failure.Field == "" && !strings.Contains(c.failure, "none of") {
					t.Error("the failure names no field")
				}
				if failure.Type == executors.ExecutionError && len(out.Results) != len(c.given) {
					t.Errorf("the failed call keeps %d of %d results", len(out.Results), len(c.given))
				}
				return
			}
			if failure != nil || string(out.Value) != c.value {
				t.Errorf("value = %s, %v; want %s", out.Value, failure, c.value)
			}
		})
	}
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	given := map[string]executors.Dependency{
		"fetch":     done(`{"count": 3, "name": "Ada <a@b>", "list": [1, {"k": true}], "none": null}`),
		"fetch.v2":  done(`{"count": 4}`),
		"fetch-raw": done(`"whole"`),
	}
	for _, c := range []struct{ template, want, failure string }{
		{template: "{{fetch.count}} for {{ fetch.name }}.", want: "3 for Ada <a@b>."},
		{template: "{{ fetch.list[1].k }}{{ fetch.none }}|{{ fetch.list }}", want: `true|[1,{"k":true}]`},
		{template: "{{ fetch.v2.count }} {{ fetch-raw }}", want: "4 whole"},
		{template: "no holes, } and }} stay", want: "no holes, } and }} stay"},
		{template: "{{ nobody.count }}", failure: "does not begin with the id of a dependency; the dependencies are fetch, fetch-raw, fetch.v2"},
		{template: "{{ fetch.nothing }}", failure: `the result of fetch has nothing at ".nothing"`},
		{template: "{{ fetch..x }}", failure: "key is missing"},
		{template: "{{ fetch", failure: "is not closed"},
		{template: "{{ }}", failure: "does not begin with the id of a dependency"},
	} {
		inputs, err := json.Marshal(map[string]string{"template": c.template})
		if err != nil {
			t.Fatal(err)
		}
		out, failure := run(t, string(inputs), given)
		if c.failure != "" {
			if failure == nil || failure.Type != executors.ValidationError || failure.Field != "template" || !strings.Contains(failure.Message, c.failure) {
				t.Errorf("%q: failure = %+v; want %q", c.template, failure, c.failure)
			}
		} else if failure != nil || out.Summary != c.want {
			t.Errorf("%q = %q, %v; want %q", c.template, out.Summary, failure, c.want)
		}
	}
}

func TestCompareIDs(t *testing.T) {
	t.Parallel()
	ordered := []string{"", "2", "10", "a", "a1", "a01", "a2", "a2b", "a10", "b"}
	for i, a := range ordered {
		for j, b := range ordered {
			got, want := compareIDs(a, b), 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if a == "a1" && b == "a01" || a == "a01" && b == "a1" {
				continue // equal as numbers; any fixed order will do
			}
			if got != want {
				t.Errorf("compareIDs(%q, %q) = %d; want %d", a, b, got, want)
			}
		}
	}
	if compareIDs("a1", "a01") != -compareIDs("a01", "a1") || compareIDs("a1", "a01") == 0 {
		t.Error("a1 and a01 have no fixed order")
	}
}

func FuzzFill(f *testing.F) {
	f.Add("{{ a.b[0] }} {{a}}", `{"b": ["x"]}`)
	f.Add("{{{{a}}}}", `null`)
	f.Fuzz(func(t *testing.T, template, raw string) {
		if !json.Valid([]byte(raw)) {
			return
		}
		results := map[string]json.RawMessage{"a": json.RawMessage(raw), "a.b": json.RawMessage(`1`)}
		if text, err := fill(template, results); err == nil && !strings.Contains(template, "{{") && text != template {
			t.Errorf("fill(%q) = %q", template, text)
		}
	})
}
