package data_test

import (
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
)

// Numbers that are texts, as CSV has them, are compared as numbers or refused.
func TestNumericTexts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ inputs, want, refused string }{
		"where":            {`"operation": "filter", "where": ".a > 100", "data": [{"a": "90.5"}]`, "", `the text \"90.5\" and a number`},
		"where, object":    {`"operation": "filter", "where": {"field": "a", "op": ">", "value": 100}, "data": [{"a": "90.5"}]`, "", "must be a number"},
		"jq":               {`"operation": "jq", "program": "map(select(.a > 100))", "data": [{"a": "90.5"}]`, "", "tonumber"},
		"csv":              {`"operation": "filter", "where": ".a > 100", "csv": {}, "data": "a\n90.5\n"`, "", "give its column a type"},
		"typed csv":        {`"operation": "filter", "where": ".a > 100", "csv": {"types": {"a": "number"}}, "data": "a\n90.5\n120\n"`, `[{"a":120}]`, ""},
		"sort":             {`"operation": "sort", "by": "a", "data": [{"a": "90.5"}, {"a": "120"}]`, "", `\"120\" and \"90.5\" are texts`},
		"sort, descending": {`"operation": "sort", "by": "a", "order": "desc", "data": [{"a": "9"}, {"a": "10"}]`, "", "are texts"},
		"sort, second key": {`"operation": "sort", "by": ["b", "a"], "data": [{"b": 1, "a": "9"}, {"b": 1, "a": "10"}]`, "", "are texts"},
		"sort, negative":   {`"operation": "sort", "data": ["-1", "-2"]`, "", "are texts"},
		"sort, mixed":      {`"operation": "sort", "data": ["9", 10]`, "", `\"9\" is a text, and others are numbers`},
		"groups in order":  {`"operation": "group_by", "by": "a", "order": "asc", "data": [{"a": "9"}, {"a": "10"}]`, "", "are texts"},
		"the same order":   {`"operation": "sort", "data": ["010", "007", "100"]`, `["007","010","100"]`, ""},
		"other texts":      {`"operation": "sort", "data": ["9", "10", "x"]`, `["10","9","x"]`, ""},
		"dates":            {`"operation": "sort", "data": ["2026-02-01", "2026-01-01"]`, `["2026-01-01","2026-02-01"]`, ""},
		"groups unsorted":  {`"operation": "group_by", "by": "a", "aggregate": {"n": {"operation": "count"}}, "data": [{"a": "9"}, {"a": "10"}]`, `[{"count":1,"key":"9","n":1},{"count":1,"key":"10","n":1}]`, ""},
		"numbers":          {`"operation": "sort", "data": [9, 10, null]`, `[null,9,10]`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outcome := executortest.Run(t, executor, "{"+c.inputs+"}", nil)
			switch {
			case c.refused != "":
				if outcome.Err == nil || outcome.Err.Type != executors.ValidationError || !strings.Contains(outcome.Err.Message, strings.ReplaceAll(c.refused, `\"`, `"`)) {
					t.Errorf("%s, %v", outcome.Result, outcome.Err)
				}
			case outcome.Err != nil || !strings.Contains(string(outcome.Result), `"result":`+c.want+","):
				t.Errorf("%s, %v", outcome.Result, outcome.Err)
			}
		})
	}
}
