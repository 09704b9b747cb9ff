package chain_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/strictjson"
)

func mustParse(t testing.TB, text string) *chain.Tree {
	t.Helper()
	tree, report := parse.Parse([]byte(text), executortest.Registry(t, nil, builtin.All()...), parse.Options{})
	if !report.Valid() {
		t.Fatalf("refused: %v", report.Problems)
	}
	return tree
}

func TestIndex(t *testing.T) {
	t.Parallel()
	tree := mustParse(t, `[
		{"id": "a", "name": "first", "schemas": {"method": "system_info_executor"}},
		{"id": "b", "name": "twice", "schemas": {"method": "system_info_executor"}},
		{"id": "c", "name": "twice", "schemas": {"method": "system_info_executor"}},
		{"id": "first", "name": "task_1", "schemas": {"method": "system_info_executor"}}]`)
	for ref, want := range map[string]int{
		"a": 0, "first": 3, "c": 2, "task_1": 3, "task_2": 1, "task_4": 3,
		"twice": -1, "task_5": -1, "task_0": -1, "task_02": -1, "task_": -1, "": -1, "A": -1, "task_99999999999999999999": -1,
	} {
		got, ok := tree.Index(ref)
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%q is %d, %v", ref, got, ok)
		}
	}
}

func TestHash(t *testing.T) {
	t.Parallel()
	one := mustParse(t, `[{"name": "data_processor", "inputs": {"operation": "sum", "data": [1.0, "<é>"]}}]`)
	same := mustParse(t, "- inputs:\n    data: [1.0, <é>]\n    operation: sum\n  name: data_processor\n")
	other := mustParse(t, `[{"name": "data_processor", "inputs": {"operation": "sum", "data": [1.00, "<é>"]}}]`)
	if one.Hash() != same.Hash() {
		t.Errorf("%s and %s differ", one.Source(), same.Source())
	}
	if one.Hash() == other.Hash() {
		t.Error("different trees have one hash")
	}
	if want := `[{"inputs":{"data":[1.0,"<é>"],"operation":"sum"},"name":"data_processor"}]`; string(one.Source()) != want {
		t.Errorf("got %s", one.Source())
	}
}

func TestBindInputs(t *testing.T) {
	t.Parallel()
	declared := mustParse(t, `
inputs:
  type: object
  properties: {city: {type: string}, days: {type: integer, default: 3}, unit: {enum: [C, F]}}
  required: [city]
tasks:
  - name: rest_executor
    inputs: {url: "https://example.com/${{ inputs.city }}/${{ inputs.days }}", params: {unit: "${{ inputs.unit // \"C\" }}", lang: "${{ inputs.lang }}"}}
`)
	free := mustParse(t, `[{"name": "rest_executor", "inputs": {"url": "${{ inputs.url }}", "headers": "${{ inputs.headers? }}", "params": {"a": "${{ inputs | keys | length }}"}}}]`)
	for name, c := range map[string]struct {
		tree              *chain.Tree
		given, want, fail string
	}{
		"defaults":        {declared, `{"city": "Oslo", "lang": "no"}`, `{"city":"Oslo","days":3,"lang":"no"}`, ""},
		"given":           {declared, `{"city": "Oslo", "lang": null, "days": 5}`, `{"city":"Oslo","days":5,"lang":null}`, ""},
		"all are named":   {declared, `{"unit": "K"}`, "", `city is required; unit must be one of "C", "F"; got "K"; lang is required: task_1 reads it`},
		"undeclared":      {free, `{"url": "https://example.com"}`, `{"url":"https://example.com"}`, ""},
		"nothing given":   {free, `null`, "", "url is required: task_1 reads it"},
		"more than known": {free, `{"url": "x", "more": 1}`, `{"more":1,"url":"x"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := strictjson.Decode([]byte(c.given))
			if err != nil {
				t.Fatal(err)
			}
			given, _ := v.(map[string]any)
			bound, refused := c.tree.BindInputs(given)
			if c.fail != "" {
				if refused == nil || !strings.HasSuffix(refused.Message, c.fail) || !strings.HasPrefix(refused.Field, "inputs.") || refused.Hint == "" {
					t.Fatalf("got %+v", refused)
				}
				return
			}
			if refused != nil {
				t.Fatal(refused)
			}
			got, err := json.Marshal(bound)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A direct call is a tree with unchanged inputs, and its source parses to the
// same tree.
func TestSingle(t *testing.T) {
	t.Parallel()
	reg := executortest.Registry(t, nil, builtin.All()...)
	e, ok := reg.Lookup("data_processor")
	if !ok {
		t.Fatal("no data_processor")
	}
	inputs := map[string]any{
		"operation": "count",
		"data":      []any{"${{ tasks.x }}", "$${{ tasks.x }}", "a ${{ secrets.TOKEN }} ${{ b", "$${{ secrets.TOKEN }}", "$$${{secrets.TOKEN}}", "${{", "$$${{ {"},
	}
	tree := chain.Single(e.Definition(), inputs)
	got, err := tree.Tasks[0].Inputs.Eval(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(inputs, got); diff != "" {
		t.Error(diff)
	}
	for _, ref := range []string{"task_1", "data_processor"} {
		if i, ok := tree.Index(ref); !ok || i != 0 {
			t.Errorf("%s is not the task", ref)
		}
	}
	if _, ok := tree.Index("task_2"); ok {
		t.Error("there is a second task")
	}
	second, report := parse.Parse(tree.Source(), reg, parse.Options{})
	if !report.Valid() {
		t.Fatal(report.Problems)
	}
	if got, err = second.Tasks[0].Inputs.Eval(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(inputs, got); diff != "" {
		t.Error(diff)
	}
}
