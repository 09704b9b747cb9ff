package rest

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestTables(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ contentType, body, csv, json, says string }{
		"rows":       {"text/csv", "zip;name\r\n00123;Ada\r\n", `{}`, `[{"zip":"00123","name":"Ada"}]`, ""},
		"no rows":    {"text/csv", "zip;name\r\n", `{}`, `[]`, ""},
		"types":      {"text/csv; charset=utf-8", "n,m\n90.5,x\n,y\n", `{"types": {"n": "number"}, "columns": ["m", "n"]}`, `[{"m":"x","n":90.5},{"m":"y","n":null}]`, ""},
		"no header":  {"text/plain", "1:a\n", `{"header": false, "columns": ["i", "n"], "delimiter": ":"}`, `[{"i":"1","n":"a"}]`, ""},
		"a file":     {"application/octet-stream", "a\n5\" pipe\n", `{}`, `[{"a":"5\" pipe"}]`, ""},
		"a charset":  {"text/csv; charset=windows-1252", "a\nna\xefve\n", `{}`, `[{"a":"naïve"}]`, ""},
		"no UTF-8":   {"text/csv; charset=utf-8", "a\nna\xefve\n", `{}`, ``, "line 2"},
		"json":       {"application/json", "[]", `{}`, ``, "the body is JSON"},
		"no number":  {"text/csv", "n\nx\n", `{"types": {"n": "number"}}`, ``, `line 2: column "n": "x" is not a number`},
		"no column":  {"text/csv", "n\nx\n", `{"columns": ["m"]}`, ``, `no column "m"; it has n`},
		"both fit":   {"text/csv", "a,b;c,d\n1,5;2,5\n", `{}`, ``, "by , or by ;"},
		"no names":   {"text/csv", "n\nx\n", `{"header": false}`, ``, "csv.columns: it is required"},
		"delimiters": {"text/csv", "n\nx\n", `{"delimiter": "::"}`, ``, "csv.delimiter"},
		"paginate":   {"text/csv", "n\nx\n", `{}, "paginate": {"type": "link"}`, ``, "paginate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.contentType)
				_, _ = io.WriteString(w, c.body)
			})
			out, err := newCaller(t, local).call(`{"url": "` + server.URL + `", "csv": ` + c.csv + `}`)
			if c.says != "" {
				if err == nil || !strings.Contains(err.Message, c.says) || !strings.Contains(err.Field, "csv") {
					t.Errorf("got %+v, want %q", err, c.says)
				}
				return
			}
			if err != nil || string(out.JSON) != c.json || out.Text != nil || out.File != nil || len(out.Columns) == 0 {
				t.Errorf("got %s, %v, %+v; want %s", out.JSON, out.Columns, err, c.json)
			}
		})
	}
}
