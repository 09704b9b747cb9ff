package chain_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/strictjson"
)

func parse(t testing.TB, text string) *chain.Tree {
	t.Helper()
	tree, report := chain.Parse([]byte(text), registry(t, policy.Config{}), chain.ParseOptions{})
	if !report.Valid() {
		t.Fatalf("refused: %v", report.Problems)
	}
	return tree
}

func TestLimits(t *testing.T) {
	t.Parallel()
	reg := registry(t, policy.Config{})
	tasks := func(n int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(`{"name": "system_info_executor"},`, n), ",") + "]"
	}
	for name, c := range map[string]struct{ text, code string }{
		"10,000 tasks":    {tasks(chain.MaxTasks), ""},
		"10,001 tasks":    {tasks(chain.MaxTasks + 1), chain.CodeTooLarge},
		"8 MiB":           {"[" + strings.Repeat(" ", chain.MaxBytes-2) + "]", chain.CodeEmpty},
		"8 MiB + 1":       {"[" + strings.Repeat(" ", chain.MaxBytes-1) + "]", chain.CodeTooLarge},
		"10,000 levels":   {strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), chain.CodeTooLarge},
		"10,000 in YAML":  {"a: " + strings.Repeat("[", 10_000), chain.CodeSyntax},
		"64 levels":       {`[{"name": "data_processor", "inputs": {"data": ` + strings.Repeat("[", 60) + strings.Repeat("]", 60) + `, "operation": "count"}}]`, ""},
		"10,000 elements": {`[{"name": "system_info_executor", "for_each": [0` + strings.Repeat(",0", chain.MaxElements-1) + `]}]`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, report := chain.Parse([]byte(c.text), reg, chain.ParseOptions{})
			switch {
			case c.code == "" && !report.Valid():
				t.Errorf("refused: %v", report.Problems[0])
			case c.code != "" && (len(report.Problems) != 1 || report.Problems[0].Code != c.code):
				t.Errorf("got %v", report.Problems)
			}
		})
	}
	t.Run("a value that nests too deep", func(t *testing.T) {
		t.Parallel()
		var v any = []any{}
		for range 100_000 {
			v = []any{v}
		}
		if _, report := chain.ParseValue(v, reg); len(report.Problems) != 1 || report.Problems[0].Code != chain.CodeTooLarge {
			t.Errorf("got %v", report.Problems)
		}
	})
}

// Long chains and cycles go through without recursion.
func TestLongChains(t *testing.T) {
	t.Parallel()
	reg := registry(t, policy.Config{})
	const n = chain.MaxTasks
	write := func(last string, parents bool) string {
		var b strings.Builder
		for i := range n {
			next := fmt.Sprintf("t%d", i+1)
			if i == n-1 {
				next = last
			}
			field := fmt.Sprintf("dependencies: [%s]", next)
			if parents {
				field = "parent_id: " + next
			}
			if next == "" {
				field = "priority: 2"
			}
			fmt.Fprintf(&b, "- {id: t%d, name: system_info_executor, %s}\n", i, field)
		}
		return b.String()
	}
	for name, c := range map[string]struct {
		text, code string
		ring       int
	}{
		"chain":         {write("", false), "", 0},
		"cycle":         {write("t0", false), chain.CodeCycle, n},
		"short cycle":   {write("t9990", false), chain.CodeCycle, 10},
		"parents":       {write("", true), "", 0},
		"parent cycle":  {write("t0", true), chain.CodeParentCycle, n},
		"parents' ring": {write("t9997", true), chain.CodeParentCycle, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, report := chain.Parse([]byte(c.text), reg, chain.ParseOptions{})
			if c.code == "" {
				if !report.Valid() {
					t.Errorf("refused: %.200v", report.Problems[0])
				}
				return
			}
			if len(report.Problems) != 1 || report.Problems[0].Code != c.code {
				t.Fatalf("got %.200v", report.Problems)
			}
			if got := strings.Count(report.Problems[0].Message, "→"); got != c.ring {
				t.Errorf("the cycle has %d steps, not %d", got, c.ring)
			}
		})
	}
}

// Trees that are wrong in every few bytes take no longer than others of
// their size. The bound is far above what they take on a machine with other
// work to do, and far below what looking at each pair would.
func TestHostileTrees(t *testing.T) {
	t.Parallel()
	reg := registry(t, policy.Config{})
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	for name, text := range map[string]string{
		"unknown references":   `[{"name": "data_processor", "inputs": {"data": [` + many(100_000, `"${{ tasks.t%d }}",`) + `]}}]`,
		"references in a text": `[{"name": "data_processor", "inputs": {"data": ["` + many(100_000, `${{ tasks.t%d }}`) + `"]}}]`,
		"unknown fields":       `[{` + many(200_000, `"field_%d": 1,`) + `}]`,
		"unknown inputs":       `[{"name": "rest_executor", "inputs": {` + many(100_000, `"input_%d": 1,`) + `}}]`,
		"unknown dependencies": `[{"name": "system_info_executor", "dependencies": [` + many(200_000, `"t%d",`) + `]}]`,
		"wrong dependencies":   `[{"name": "system_info_executor", "dependencies": [` + many(200_000, `{"i%d":1},`) + `]}]`,
		"unclosed references":  `[{"name": "data_processor", "inputs": {"data": [` + many(100_000, `"${{ %d",`) + `]}}]`,
		"many marks":           `[{"name": "data_processor", "inputs": {"data": ["` + strings.Repeat("${{ ", 400_000) + `"]}}]`,
		"many escapes":         `[{"name": "data_processor", "inputs": {"operation": "count", "data": ["` + strings.Repeat("$${{ ", 400_000) + `"]}}]`,
		"escapes and strings":  `[{"name": "data_processor", "inputs": {"operation": "count", "data": ["` + strings.Repeat(`$${{ \"`, 200_000) + `"]}}]`,
		"nested strings":       `[{"name": "data_processor", "inputs": {"data": ["${{ ` + strings.Repeat(`\"\\(`, 200_000) + `"]}}]`,
		"deep expression":      `[{"name": "data_processor", "inputs": {"data": ["${{ ` + strings.Repeat("(", 8000) + "1" + strings.Repeat(")", 8000) + ` }}"]}}]`,
		"long pipe":            `[{"name": "data_processor", "inputs": {"data": ["${{ ` + strings.Repeat(".|", 8000) + `1 }}"]}}]`,
		"secrets":              `[{"name": "data_processor", "inputs": {"operation": "count", "data": [` + many(100_000, `"${{ secrets.S%d }}",`) + `]}}]`,
		"executors":            `[` + many(10_000, `{"name": "no_executor_with_a_rather_long_name_like_this_%d"},`) + `]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			_, report := chain.Parse([]byte(text), reg, chain.ParseOptions{})
			if took := time.Since(start); took > 90*time.Second {
				t.Errorf("took %v", took)
			} else {
				t.Logf("%v, %d problems, %d warnings", took, len(report.Problems), len(report.Warnings))
			}
		})
	}
}

// Other people's suite of broken and odd JSON: nothing panics, and what is no
// JSON is never a valid tree.
func TestJSONSuite(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../shared/data/suites/json-parsing/test_parsing/*.json")
	if err != nil || len(files) == 0 {
		t.Skip("the JSON parsing suite is not here")
	}
	reg := registry(t, policy.Config{})
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tree, report := chain.Parse(data, reg, chain.ParseOptions{})
		if report.Valid() || tree != nil || len(report.Problems) == 0 {
			t.Errorf("%s is a valid tree", filepath.Base(file))
		}
		v, err := strictjson.Decode(data)
		if err != nil {
			continue
		}
		inside, err := json.Marshal([]any{map[string]any{"name": "data_processor", "inputs": map[string]any{"data": v, "operation": "count"}}})
		if err != nil {
			t.Fatal(err)
		}
		_, report = chain.Parse(inside, reg, chain.ParseOptions{})
		for _, p := range report.Problems {
			if p.Code != chain.CodeInvalidInput {
				t.Errorf("%s as data: %v", filepath.Base(file), p)
			}
		}
	}
}

func TestIndex(t *testing.T) {
	t.Parallel()
	tree := parse(t, `[
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
	one := parse(t, `[{"name": "data_processor", "inputs": {"operation": "sum", "data": [1.0, "<é>"]}}]`)
	same := parse(t, "- inputs:\n    data: [1.0, <é>]\n    operation: sum\n  name: data_processor\n")
	other := parse(t, `[{"name": "data_processor", "inputs": {"operation": "sum", "data": [1.00, "<é>"]}}]`)
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
	declared := parse(t, `
inputs:
  type: object
  properties: {city: {type: string}, days: {type: integer, default: 3}, unit: {enum: [C, F]}}
  required: [city]
tasks:
  - name: rest_executor
    inputs: {url: "https://example.com/${{ inputs.city }}/${{ inputs.days }}", params: {unit: "${{ inputs.unit // \"C\" }}", lang: "${{ inputs.lang }}"}}
`)
	free := parse(t, `[{"name": "rest_executor", "inputs": {"url": "${{ inputs.url }}", "headers": "${{ inputs.headers? }}", "params": {"a": "${{ inputs | keys | length }}"}}}]`)
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

// A direct call is a tree whose inputs are what they are, and its source
// gives them again.
func TestSingle(t *testing.T) {
	t.Parallel()
	reg := registry(t, policy.Config{})
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
	second, report := chain.Parse(tree.Source(), reg, chain.ParseOptions{})
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

func TestReadOnly(t *testing.T) {
	t.Parallel()
	text := []byte(`[
		{"name": "rest_executor", "inputs": {"url": "https://example.com"}},
		{"name": "rest_executor", "inputs": {"url": "https://example.com", "method": "POST"}},
		{"name": "rest_executor", "inputs": {"url": "https://example.com", "method": "${{ inputs.method }}"}}]`)
	open, closed := registry(t, policy.Config{}), registry(t, policy.Config{ReadOnly: true})
	for name, c := range map[string]struct {
		warnings int
		parse    func() (*chain.Tree, chain.Report)
	}{
		"open":    {0, func() (*chain.Tree, chain.Report) { return chain.Parse(text, open, chain.ParseOptions{}) }},
		"policy":  {2, func() (*chain.Tree, chain.Report) { return chain.Parse(text, closed, chain.ParseOptions{}) }},
		"request": {2, func() (*chain.Tree, chain.Report) { return chain.Parse(text, open, chain.ParseOptions{ReadOnly: true}) }},
	} {
		_, report := c.parse()
		if !report.Valid() || len(report.NotAllowed()) != c.warnings {
			t.Errorf("%s: %+v", name, report)
		}
	}
}

func TestReportErr(t *testing.T) {
	t.Parallel()
	_, report := chain.Parse([]byte("- 1\n- 2\n- 3\n- 4\n- 5\n- 6\n- 7\n"), registry(t, policy.Config{}), chain.ParseOptions{})
	err := report.Err()
	if err == nil || err.Field != "tasks[0]" || err.Hint == "" || !strings.HasSuffix(err.Message, "tasks[4]: a task must be an object; got the number 5; and 2 more") {
		t.Errorf("got %+v", err)
	}
	if (chain.Report{}).Err() != nil {
		t.Error("a valid tree is an error")
	}
}
