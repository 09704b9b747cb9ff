package file_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/file"
	"github.com/chainwright/chainwright/executors/policy"
)

func TestReadTables(t *testing.T) {
	t.Parallel()
	const order = "zip,name,amount\n00123,Ada,90.5\n00456,Bob,120\n00789,Cy,\n"
	for name, c := range map[string]struct {
		content, inputs, want string
		kind                  executors.ErrorType
		says                  string // of the message, or of the warning
	}{
		"semicolon":       {"id;name\n1;a\n", ``, `[{"id":"1","name":"a"}] ["id","name"]`, "", ""},
		"tab":             {"id\tname\n1\ta\n", ``, `[{"id":"1","name":"a"}] ["id","name"]`, "", ""},
		"CR":              {"id,name\r1,a\r2,b\r", ``, `[{"id":"1","name":"a"},{"id":"2","name":"b"}] ["id","name"]`, "", ""},
		"given":           {"id:n,m\n1:a,b\n", `"delimiter": ":"`, `[{"id":"1","n,m":"a,b"}] ["id","n,m"]`, "", ""},
		"not found":       {"id:name\n1:a\n", ``, `[{"id:name":"1:a"}] ["id:name"]`, "", "set delimiter"},
		"both fit":        {"a,b;c,d\n1,5;2,5\n", ``, ``, executors.ExecutionError, "by , or by ;"},
		"inches":          {"t\nBuy a 5\" pipe\nfind\n", ``, `[{"t":"Buy a 5\" pipe"},{"t":"find"}] ["t"]`, "", ""},
		"order":           {order, `"limit": 1`, `[{"zip":"00123","name":"Ada","amount":"90.5"}] ["zip","name","amount"]`, "", ""},
		"columns":         {order, `"limit": 1, "columns": ["amount", "zip"]`, `[{"amount":"90.5","zip":"00123"}] ["amount","zip"]`, "", ""},
		"types":           {order, `"types": {"amount": "number", "zip": "text"}, "columns": ["zip", "amount"]`, `[{"zip":"00123","amount":90.5},{"zip":"00456","amount":120},{"zip":"00789","amount":null}] ["zip","amount"]`, "", ""},
		"more types":      {"i,b,n\n -7 ,TRUE,1e3\n", `"types": {"i": "integer", "b": "boolean", "n": "number"}`, `[{"i":-7,"b":true,"n":1e3}] ["i","b","n"]`, "", ""},
		"exact":           {"n\n12345678901234567890.10\n", `"types": {"n": "number"}`, `[{"n":12345678901234567890.10}] ["n"]`, "", ""},
		"no number":       {order, `"types": {"name": "number"}`, ``, executors.ExecutionError, `line 2: column "name": "Ada" is not a number`},
		"comma number":    {"n;m\n1,5;x\n", `"types": {"n": "number"}`, ``, executors.ExecutionError, `"1,5" is not a number`},
		"leading zeros":   {order, `"types": {"zip": "integer"}`, ``, executors.ExecutionError, `"00123" is not an integer`},
		"no integer":      {order, `"types": {"amount": "integer"}`, ``, executors.ExecutionError, `"90.5" is not an integer`},
		"NaN":             {"n\nNaN\n", `"types": {"n": "number"}`, ``, executors.ExecutionError, `"NaN" is not a number`},
		"no header":       {"1,a\n2,b\n", `"header": false, "columns": ["id", "n"]`, `[{"id":"1","n":"a"},{"id":"2","n":"b"}] ["id","n"]`, "", ""},
		"no names":        {"1,a\n", `"header": false`, ``, executors.ValidationError, "columns: it is required"},
		"too few names":   {"1,a\n", `"header": false, "columns": ["id"]`, ``, executors.ExecutionError, "the row has 2 cells"},
		"unknown column":  {order, `"columns": ["nmae"]`, ``, executors.ValidationError, `no column "nmae"; it has zip, name, amount`},
		"unknown typed":   {order, `"types": {"sum": "number"}`, ``, executors.ValidationError, `no column "sum"`},
		"unknown type":    {order, `"types": {"zip": "date"}`, ``, executors.ValidationError, "types"},
		"long delimiter":  {order, `"delimiter": "::"`, ``, executors.ValidationError, "one character"},
		"wrong encoding":  {"t,id\nna\xefve,1\n", ``, ``, executors.ExecutionError, "line 2: byte 0xef is not UTF-8"},
		"right encoding":  {"t,id\nna\xefve,1\n", `"encoding": "windows-1252"`, `[{"t":"naïve","id":"1"}] ["t","id"]`, "", ""},
		"UTF-16":          {"\xff\xfea\x00\n\x00\xef\x00", `"encoding": "utf-16"`, `[{"a":"ï"}] ["a"]`, "", ""},
		"not in encoding": {"a\n\x81\x20\n", `"encoding": "shift_jis"`, ``, executors.ExecutionError, "line 2: it is not in the given encoding"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pol, dir := work(t, policy.Limits{})
			put(t, filepath.Join(dir, "f.csv"), c.content)
			inputs := `{"file_path": "f.csv", "format": "csv"}`
			if c.inputs != "" {
				inputs = strings.TrimSuffix(inputs, "}") + ", " + c.inputs + "}"
			}
			got, err := try(t, file.NewReader(), pol, inputs)
			if c.kind != "" {
				if err == nil || err.Type != c.kind || !strings.Contains(err.Message, c.says) {
					t.Fatalf("got %s, %v; want %q", got, err, c.says)
				}
				return
			}
			content, columns, _ := strings.Cut(c.want, "] ")
			if err != nil || !strings.HasPrefix(got, `{"content":`+content+`],"size":`) || !strings.Contains(got, `"columns":`+columns) ||
				!strings.Contains(got, c.says) || (c.says == "") == strings.Contains(got, `"warning"`) {
				t.Errorf("got %s, %v\nwant %s", got, err, c.want)
			}
		})
	}
	pol, _ := work(t, policy.Limits{})
	for _, field := range []string{`"delimiter": ";"`, `"header": false`, `"columns": ["a"]`, `"types": {"a": "text"}`} {
		if _, err := try(t, file.NewReader(), pol, `{"file_path": "f", "format": "jsonl", `+field+`}`); err == nil || err.Type != executors.ValidationError || !strings.Contains(err.Message, "is for format csv") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// Rows are appended as the file has them: its columns, delimiter and line end.
func TestWriteTables(t *testing.T) {
	t.Parallel()
	const rows = `"content": [{"zip": "00123", "name": "Ada; B", "amount": 90.5}]`
	for name, c := range map[string]struct {
		before, path, inputs, want string
		says                       string // of the error
	}{
		"columns":            {"", "f.csv", rows + `, "columns": ["zip", "name", "amount"]`, "zip,name,amount\n00123,Ada; B,90.5\n", ""},
		"of db_query":        {"", "f.csv", rows + `, "columns": [{"name": "name", "type": "text"}, {"name": "zip", "type": "text"}]`, "name,zip\nAda; B,00123\n", ""},
		"sorted":             {"", "f.csv", rows, "amount,name,zip\n90.5,Ada; B,00123\n", ""},
		"no rows":            {"", "f.csv", `"content": [], "columns": ["zip", "name"]`, "zip,name\n", ""},
		"arrays":             {"", "f.csv", `"content": [[1, 2]], "columns": ["b", "a"]`, "b,a\n1,2\n", ""},
		"delimiter":          {"", "f.csv", rows + `, "delimiter": ";"`, "amount;name;zip\n90.5;\"Ada; B\";00123\n", ""},
		"tabs":               {"", "f.tsv", rows, "amount\tname\tzip\n90.5\tAda; B\t00123\n", ""},
		"an empty cell":      {"", "f.csv", `"content": [{"a": ""}, {"a": "x"}]`, "a\n\"\"\nx\n", ""},
		"to semicolons":      {"zip;amount;name\n", "f.csv", rows, "zip;amount;name\n00123;90.5;\"Ada; B\"\n", ""},
		"to CRLF":            {"zip,name,amount\r\n1,x,2", "f.csv", rows, "zip,name,amount\r\n1,x,2\r\n00123,Ada; B,90.5\r\n", ""},
		"to CR":              {"zip,name,amount\r1,x,2\r", "f.csv", rows, "zip,name,amount\r1,x,2\r00123,Ada; B,90.5\r", ""},
		"to a mark":          {"\ufeffzip,name,amount\n", "f.csv", rows, "\ufeffzip,name,amount\n00123,Ada; B,90.5\n", ""},
		"unknown column":     {"", "f.csv", rows + `, "columns": ["nmae"]`, "", `no row has the column "nmae"; they have amount, name, zip`},
		"a column twice":     {"", "f.csv", rows + `, "columns": ["zip", "zip"]`, "", "columns[1]"},
		"too few names":      {"", "f.csv", `"content": [[1, 2]], "columns": ["b"]`, "", "[0] has 2 cells"},
		"not in the file":    {"zip,name\n", "f.csv", rows, "zip,name\n", `no column "amount"`},
		"other order":        {"a,b\n", "f.csv", `"content": [[1, 2]], "columns": ["b", "a"]`, "a,b\n", "the columns of the file are a, b"},
		"columns of json":    {"", "f.json", `"content": [], "columns": ["a"], "format": "json"`, "", "columns is for format csv"},
		"delimiter of jsonl": {"", "f.jsonl", `"content": [], "delimiter": ";", "format": "jsonl"`, "", "delimiter is for format csv"},
		"both fit":           {"a,b;c,d\n1,5;2,5\n", "f.csv", rows, "a,b;c,d\n1,5;2,5\n", "by , or by ;"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pol, dir := work(t, policy.Limits{})
			path := filepath.Join(dir, c.path)
			put(t, path, c.before)
			inputs := `{"file_path": "` + c.path + `", "mode": "append", ` + c.inputs
			if !strings.Contains(inputs, `"format"`) {
				inputs += `, "format": "csv"`
			}
			out, err := try(t, file.NewWriter(), pol, inputs+"}")
			if sorted := strings.HasPrefix(c.want, "amount"); strings.Contains(out, "sorted by name") != sorted {
				t.Errorf("got %s", out)
			}
			got, failed := os.ReadFile(path)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Message, c.says) || failed != nil || string(got) != c.want {
				t.Errorf("got %q, %v; want %q, %q", got, err, c.want, c.says)
			}
		})
	}
}

// The order of columns is kept from a table to another one.
func TestOrderOfColumns(t *testing.T) {
	t.Parallel()
	pol, dir := work(t, policy.Limits{})
	const table = "zip,name,amount\n00123,Ada,90.5\n00456,Bob,120\n"
	put(t, filepath.Join(dir, "in.csv"), table)
	got, err := try(t, file.NewReader(), pol, `{"file_path": "in.csv", "format": "csv"}`)
	if err != nil {
		t.Fatal(err)
	}
	content, rest, _ := strings.Cut(strings.TrimPrefix(got, `{"content":`), `,"size":`)
	_, columns, _ := strings.Cut(strings.TrimSuffix(rest, "}"), `"columns":`)
	if _, err := try(t, file.NewWriter(), pol, `{"file_path": "out.csv", "format": "csv", "content": `+content+`, "columns": `+columns+`}`); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(filepath.Join(dir, "out.csv")); err != nil || string(after) != table {
		t.Errorf("got %q, %v", after, err)
	}
}
