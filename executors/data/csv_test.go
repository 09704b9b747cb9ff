package data_test

import (
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
)

func TestTables(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ inputs, want, says string }{
		"sum":       {`"data": "n;m\n90.5;a\n120;b\n1000;c\n", "csv": {"types": {"n": "number"}}, "field": "n"`, `1210.5`, ""},
		"where":     {`"data": "n\n90.5\n120\n", "csv": {"types": {"n": "number"}}, "operation": "filter", "where": ".n > 100"`, `[{"n":120}]`, ""},
		"sort":      {`"data": "n\n90.5\n1000\n120\n", "csv": {"types": {"n": "number"}}, "operation": "sort", "by": "n", "order": "desc"`, `[{"n":1000},{"n":120},{"n":90.5}]`, ""},
		"as text":   {`"data": "n\n007\n", "csv": {}, "operation": "jq", "program": ".[0].n"`, `"007"`, ""},
		"inches":    {`"data": "n\n5\" pipe\n", "csv": {}, "operation": "jq", "program": ".[0].n"`, `"5\" pipe"`, ""},
		"no text":   {`"data": [1], "csv": {}`, ``, "data: must be a string with csv; got array"},
		"no number": {`"data": "n\nx\n", "csv": {"types": {"n": "number"}}`, ``, `data: line 2: column "n": "x" is not a number`},
		"no column": {`"data": "n\nx\n", "csv": {"columns": ["m"]}`, ``, `csv.columns: the table has no column "m"`},
		"both fit":  {`"data": "a,b;c,d\n1,5;2,5\n", "csv": {}`, ``, "csv.delimiter: its columns can be separated"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := run(t.Context(), t, `{`+c.inputs+`}`)
			failed := executors.AsError(err)
			if string(got) != c.want || (failed != nil) != (c.says != "") || failed != nil && (failed.Type != executors.ValidationError || !strings.Contains(failed.Message, c.says)) {
				t.Errorf("got %s, %v; want %s, %q", got, err, c.want, c.says)
			}
		})
	}
}
