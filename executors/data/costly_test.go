package data_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strconv"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
)

// wide returns an object with n keys.
func wide(n int) map[string]any {
	object := make(map[string]any, n)
	for i := range n {
		object["key"+strconv.Itoa(i)] = json.Number("1")
	}
	return object
}

// times returns an array with n times the same value.
func times(n int, v any) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = v
	}
	return list
}

// TestCostlyOperations: work grows in proportion to the input, also if one value
// is as large as the others together. Each comparison that reads the large value
// again would allocate its keys again.
func TestCostlyOperations(t *testing.T) { // not parallel: it measures memory
	small := map[string]any{"a": json.Number("1")}
	for name, inputs := range map[string]func(n int) map[string]any{
		"eq":       func(n int) map[string]any { return where("eq", times(n, small), wide(n)) },
		"ne":       func(n int) map[string]any { return where("ne", times(n, small), wide(n)) },
		"in":       func(n int) map[string]any { return where("in", times(n, small), []any{wide(n)}) },
		"contains": func(n int) map[string]any { return where("contains", []any{times(n, small)}, wide(n)) },
		"sort": func(n int) map[string]any {
			return map[string]any{"operation": "sort", "data": append(times(n, small), wide(n), small, wide(n))}
		},
		"sort nested": func(n int) map[string]any {
			return map[string]any{"operation": "sort", "data": append(times(n, []any{small}), []any{wide(n)}, []any{small}, []any{wide(n)})}
		},
		"group_by": func(n int) map[string]any {
			list := []any{}
			for i := range n {
				list = append(list, map[string]any{"k": map[string]any{"z": json.Number(strconv.Itoa(i))}})
			}
			return map[string]any{"operation": "group_by", "by": "k", "order": "asc", "data": append(list, map[string]any{"k": wide(n)})}
		},
		"unique": func(n int) map[string]any {
			return map[string]any{"operation": "unique", "data": append(times(n, small), wide(n))}
		},
		"join": func(n int) map[string]any {
			return map[string]any{"operation": "join", "on": "a", "data": times(n/2, small), "with": []any{map[string]any{"a": json.Number("1"), "b": "x"}}}
		},
		"merge": func(n int) map[string]any {
			return map[string]any{"operation": "merge", "data": append([]any{wide(n)}, times(n, small)...)}
		},
	} {
		executortest.Ends(t, name, func() {
			executortest.Linear(t, name, 1000, func(n int) {
				if _, err := executor.Execute(context.Background(), &executors.Call{Inputs: inputs(n)}); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		})
	}
}

func where(op string, data []any, value any) map[string]any {
	return map[string]any{"operation": "filter", "data": data, "where": map[string]any{"op": op, "value": value}}
}

// TestCostlyInputsAreRefused: inputs of a few bytes whose cost is the product of
// their parts are refused, and the error says why.
func TestCostlyInputsAreRefused(t *testing.T) {
	t.Parallel()
	chain := map[string]any{"k": json.Number("1")}
	for name := "x"; len(chain) < 100; name = "with_" + name {
		chain[name] = json.Number("1")
	}
	other := maps.Clone(chain)
	other["x"] = json.Number("2")
	text := strings.Repeat("a", 1<<20)
	for name, c := range map[string]struct {
		inputs map[string]any
		says   string
	}{
		"counted repetitions":          {where("matches", []any{"a"}, "(a{1000}){1000}"), "repeat count"},
		"many counted repetitions":     {where("matches", []any{"a"}, strings.Repeat("[ab]{1000}", 25)), "multiply its size"},
		"a long regular expression":    {where("matches", []any{"a"}, strings.Repeat("a", 20_000)), "longer than"},
		"a large one over long texts":  {where("matches", []any{text}, strings.Repeat("[ab]{1000}", 8)), "too large a regular expression for the texts"},
		"one over very many texts":     {where("matches", times(10_000, text[:10_000]), "b[ab]{1000}"), "too large a regular expression for the texts"},
		"names with with_":             {map[string]any{"operation": "join", "on": "k", "data": []any{chain}, "with": []any{other}}, "more than 8 fields"},
		"a join of everything":         {map[string]any{"operation": "join", "on": "k", "data": times(2000, chain), "with": times(2000, chain)}, "more than"},
		"many paths for many elements": {map[string]any{"operation": "sort", "by": times(20, "a"), "data": times(500_000, nil)}, "20 paths for 500000 elements"},
		"a huge exponent":              {map[string]any{"operation": "sum", "data": []any{json.Number("1e999999999")}}, "out of range"},
		"a tiny exponent":              {map[string]any{"operation": "average", "data": []any{json.Number("1e-999999999")}}, "out of range"},
		"a long number":                {map[string]any{"operation": "max", "data": []any{json.Number(strings.Repeat("9", 1_000_000))}}, "out of range"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			executortest.Ends(t, name, func() {
				_, err := executor.Execute(t.Context(), &executors.Call{Inputs: c.inputs})
				var typed *executors.Error
				if !errors.As(err, &typed) || typed.Type != executors.ValidationError || !strings.Contains(typed.Message, c.says) {
					t.Errorf("got %.300v", err)
				}
			})
		})
	}
}

// TestHugeNumbersAreCompared: numbers that are out of range for arithmetic are
// compared by their text, and never expanded.
func TestHugeNumbersAreCompared(t *testing.T) { // not parallel: it measures memory
	huge := []any{json.Number("1e999999999"), json.Number("1e-999999999"), json.Number(strings.Repeat("9", 100_000)), json.Number("1")}
	for _, operation := range []string{"sort", "unique", "group_by", "filter"} {
		inputs := map[string]any{"operation": operation, "data": huge}
		switch operation {
		case "filter":
			inputs = where("eq", huge, huge[0])
		case "group_by":
			inputs["by"] = "."
		}
		spent := executortest.Spent(func() {
			if _, err := executor.Execute(t.Context(), &executors.Call{Inputs: inputs}); err != nil {
				t.Errorf("%s: %v", operation, err)
			}
		})
		if spent > 16<<20 {
			t.Errorf("%s took %d MiB", operation, spent>>20)
		}
	}
}

// TestEveryOperationCanBeCancelled: an operation whose context has ended returns
// its end, before it has read all elements.
func TestEveryOperationCanBeCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := errors.New("the end")
	cancel(ended)
	for _, inputs := range []map[string]any{
		{"operation": "sum"}, {"operation": "average"}, {"operation": "max"}, {"operation": "min"}, {"operation": "median"}, {"operation": "count"},
		{"operation": "filter", "where": map[string]any{"op": "exists"}}, {"operation": "sort"}, {"operation": "unique"},
		{"operation": "group_by", "by": "."}, {"operation": "join", "with": []any{}, "on": "a"},
	} {
		inputs["data"] = times(10, json.Number("1"))
		if _, err := executor.Execute(ctx, &executors.Call{Inputs: inputs}); !errors.Is(err, ended) {
			t.Errorf("%s: got %v", inputs["operation"], err)
		}
	}
}
