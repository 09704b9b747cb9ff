package parse_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/strictjson"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	reg := executortest.Registry(t, nil, builtin.All()...)
	tasks := func(n int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(`{"name": "system_info_executor"},`, n), ",") + "]"
	}
	for name, c := range map[string]struct{ text, code string }{
		"10,000 tasks":    {tasks(parse.MaxTasks), ""},
		"10,001 tasks":    {tasks(parse.MaxTasks + 1), chain.CodeTooLarge},
		"8 MiB":           {"[" + strings.Repeat(" ", parse.MaxBytes-2) + "]", chain.CodeEmpty},
		"8 MiB + 1":       {"[" + strings.Repeat(" ", parse.MaxBytes-1) + "]", chain.CodeTooLarge},
		"10,000 levels":   {strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), chain.CodeTooLarge},
		"10,000 in YAML":  {"a: " + strings.Repeat("[", 10_000), chain.CodeSyntax},
		"64 levels":       {`[{"name": "data_processor", "inputs": {"data": ` + strings.Repeat("[", 60) + strings.Repeat("]", 60) + `, "operation": "count"}}]`, ""},
		"10,000 elements": {`[{"name": "system_info_executor", "for_each": [0` + strings.Repeat(",0", chain.MaxElements-1) + `]}]`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, report := parse.Parse([]byte(c.text), reg, parse.Options{})
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
		if _, report := parse.Value(v, reg); len(report.Problems) != 1 || report.Problems[0].Code != chain.CodeTooLarge {
			t.Errorf("got %v", report.Problems)
		}
	})
}

// Long chains and cycles are handled without recursion.
func TestLongChains(t *testing.T) {
	t.Parallel()
	reg := executortest.Registry(t, nil, builtin.All()...)
	const n = parse.MaxTasks
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
			_, report := parse.Parse([]byte(c.text), reg, parse.Options{})
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

// Trees with an error every few bytes are parsed in linear space. An algorithm
// that compares all pairs would not end.
func TestHostileTrees(t *testing.T) { // not parallel: it measures memory
	reg := executortest.Registry(t, nil, builtin.All()...)
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return strings.TrimSuffix(b.String(), ",")
	}
	for name, text := range map[string]func(n int) string{
		"unknown references": func(n int) string {
			return `[{"name": "data_processor", "inputs": {"data": [` + many(n, `"${{ tasks.t%d }}",`) + `]}}]`
		},
		"references in a text": func(n int) string {
			return `[{"name": "data_processor", "inputs": {"data": ["` + many(n, `${{ tasks.t%d }}`) + `"]}}]`
		},
		"unknown fields": func(n int) string { return `[{` + many(2*n, `"field_%d": 1,`) + `}]` },
		"unknown inputs": func(n int) string {
			return `[{"name": "rest_executor", "inputs": {` + many(n, `"input_%d": 1,`) + `}}]`
		},
		"unknown dependencies": func(n int) string {
			return `[{"name": "system_info_executor", "dependencies": [` + many(2*n, `"t%d",`) + `]}]`
		},
		"wrong dependencies": func(n int) string {
			return `[{"name": "system_info_executor", "dependencies": [` + many(2*n, `{"i%d":1},`) + `]}]`
		},
		"unclosed references": func(n int) string {
			return `[{"name": "data_processor", "inputs": {"data": [` + many(n, `"${{ %d",`) + `]}}]`
		},
		"many marks": func(n int) string {
			return `[{"name": "data_processor", "inputs": {"data": ["` + strings.Repeat("${{ ", 4*n) + `"]}}]`
		},
		"many escapes": func(n int) string {
			return `[{"name": "data_processor", "inputs": {"operation": "count", "data": ["` + strings.Repeat("$${{ ", 4*n) + `"]}}]`
		},
		"escapes and strings": func(n int) string {
			return `[{"name": "data_processor", "inputs": {"operation": "count", "data": ["` + strings.Repeat(`$${{ \"`, 2*n) + `"]}}]`
		},
		"nested strings": func(n int) string {
			return `[{"name": "data_processor", "inputs": {"data": ["${{ ` + strings.Repeat(`\"\\(`, 2*n) + `"]}}]`
		},
		"deep expression": func(n int) string {
			return `[{"name": "data_processor", "inputs": {"data": ["${{ ` + strings.Repeat("(", n/12) + "1" + strings.Repeat(")", n/12) + ` }}"]}}]`
		},
		"long pipe": func(n int) string {
			return `[{"name": "data_processor", "inputs": {"data": ["${{ ` + strings.Repeat(".|", n/12) + `1 }}"]}}]`
		},
		"secrets": func(n int) string {
			return `[{"name": "data_processor", "inputs": {"operation": "count", "data": [` + many(n, `"${{ secrets.S%d }}",`) + `]}}]`
		},
		"executors": func(n int) string {
			return `[` + many(n/10, `{"name": "no_executor_with_a_rather_long_name_like_this_%d"},`) + `]`
		},
	} {
		executortest.Ends(t, "parsing "+name, func() {
			executortest.Linear(t, name, 6_000/executortest.Slower, func(n int) { parse.Parse([]byte(text(n)), reg, parse.Options{}) })
		})
	}
}

// A public suite of broken and odd JSON: nothing panics, and a text that is not
// JSON is never a valid tree.
func TestJSONSuite(t *testing.T) {
	t.Parallel()
	reg := executortest.Registry(t, nil, builtin.All()...)
	for _, text := range peers.JSONTexts(t) {
		file, data := text.Name, text.Data
		tree, report := parse.Parse(data, reg, parse.Options{})
		if report.Valid() || tree != nil || len(report.Problems) == 0 {
			t.Errorf("%s is a valid tree", file)
		}
		v, err := strictjson.Decode(data)
		if err != nil {
			continue
		}
		inside, err := json.Marshal([]any{map[string]any{"name": "data_processor", "inputs": map[string]any{"data": v, "operation": "count"}}})
		if err != nil {
			t.Fatal(err)
		}
		_, report = parse.Parse(inside, reg, parse.Options{})
		for _, p := range report.Problems {
			if p.Code != chain.CodeInvalidInput {
				t.Errorf("%s as data: %v", file, p)
			}
		}
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	text := []byte(`[
		{"name": "rest_executor", "inputs": {"url": "https://example.com"}},
		{"name": "rest_executor", "inputs": {"url": "https://example.com", "method": "POST"}},
		{"name": "rest_executor", "inputs": {"url": "https://example.com", "method": "${{ inputs.method }}"}}]`)
	open, closed := executortest.Registry(t, nil, builtin.All()...), executortest.Registry(t, executortest.Policy(t, policy.Config{ReadOnly: true}), builtin.All()...)
	for name, c := range map[string]struct {
		warnings int
		parse    func() (*chain.Tree, chain.Report)
	}{
		"open":    {0, func() (*chain.Tree, chain.Report) { return parse.Parse(text, open, parse.Options{}) }},
		"policy":  {2, func() (*chain.Tree, chain.Report) { return parse.Parse(text, closed, parse.Options{}) }},
		"request": {2, func() (*chain.Tree, chain.Report) { return parse.Parse(text, open, parse.Options{ReadOnly: true}) }},
	} {
		_, report := c.parse()
		if !report.Valid() || len(report.NotAllowed()) != c.warnings {
			t.Errorf("%s: %+v", name, report)
		}
	}
}

func TestReportErr(t *testing.T) {
	t.Parallel()
	_, report := parse.Parse([]byte("- 1\n- 2\n- 3\n- 4\n- 5\n- 6\n- 7\n"), executortest.Registry(t, nil, builtin.All()...), parse.Options{})
	err := report.Err()
	if err == nil || err.Field != "tasks[0]" || err.Hint == "" || !strings.HasSuffix(err.Message, "tasks[4]: a task must be an object; got the number 5; and 2 more") {
		t.Errorf("got %+v", err)
	}
	if (chain.Report{}).Err() != nil {
		t.Error("a valid tree is an error")
	}
}
