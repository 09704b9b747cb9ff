package rows_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/tools/sequential/internal/rows"
)

var answer = []rows.Member{{Name: "answer", Value: json.RawMessage(`"yes, \"it\" is"`)}}

// pass reads a file and writes it with members added to each row. It returns
// the output and the bad rows.
func pass(t *testing.T, in, out string, added []rows.Member) (string, []string) {
	t.Helper()
	shape, bad := scan(t, in)
	r, err := rows.Open(in, rows.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	file, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	format, err := rows.FormatOf(out)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range added {
		names = append(names, a.Name)
	}
	w, err := rows.Create(file, format, shape, names)
	if err != nil {
		t.Fatal(err)
	}
	each(t, r, func(row *rows.Row) {
		if err := w.Write(row, added); err != nil {
			t.Fatal(err)
		}
	})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(data), bad
}

func each(t *testing.T, r rows.Reader, fn func(*rows.Row)) (bad []string) {
	t.Helper()
	var row rows.Row
	for {
		err := r.Next(&row)
		var wrong *rows.Bad
		switch {
		case err == io.EOF:
			return bad
		case errors.As(err, &wrong):
			bad = append(bad, wrong.Error())
		case err != nil:
			t.Fatal(err)
		default:
			fn(&row)
		}
	}
}

func scan(t *testing.T, path string) (*rows.Shape, []string) {
	t.Helper()
	r, err := rows.Open(path, rows.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	shape := rows.NewShape(r)
	bad := each(t, r, func(row *rows.Row) {
		if err := shape.Take(row); err != nil {
			t.Fatal(err)
		}
	})
	return shape, bad
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPassthrough checks that rows are written as they were read.
func TestPassthrough(t *testing.T) {
	t.Parallel()
	yes := `"yes, \"it\" is"`
	cases := []struct{ name, in, out, from, to, bad string }{
		{"same text", "in.jsonl", "out.jsonl",
			"{\"id\": \"00123\", \"n\": 3.14159265358979323846264338327950288, \"when\":\"2024-01-02\" }\r\n{\"x\":{ \"a\" : [1,2] },\"u\":\"\\u00e9\"}\n\n{\"last\":1e5}",
			"{\"id\": \"00123\", \"n\": 3.14159265358979323846264338327950288, \"when\":\"2024-01-02\",\"answer\":" + yes + "}\n{\"x\":{ \"a\" : [1,2] },\"u\":\"\\u00e9\",\"answer\":" + yes + "}\n{\"last\":1e5,\"answer\":" + yes + "}\n", ""},
		{"replaced in its place", "in.jsonl", "out.jsonl", `{"a":"1", "answer" : "no","b":007.0}` + "\n" + `{"a":"1", "answer" : "no","b":7.0}`,
			`{"a":"1","answer":` + yes + `,"b":7.0}` + "\n", "row 1: line 1, column 32: a number can't begin with 0"},
		{"bad lines", "in.jsonl", "out.jsonl", "{\"a\":1}\n{\"a\":\n[1]\n{\"a\":1,\"a\":2}\n{\"a\":2}\n",
			"{\"a\":1,\"answer\":" + yes + "}\n{\"a\":2,\"answer\":" + yes + "}\n", "row 2:|row 3: it is not a JSON object|row 4:"},
		{"an array", "in.json", "out.json", "\ufeff[ {\"a\" : 1.50, \"s\":\"]},{\"}, 7, {\"b\":[{}]}\n]\n",
			"[\n{\"a\" : 1.50, \"s\":\"]},{\",\"answer\":" + yes + "},\n{\"b\":[{}],\"answer\":" + yes + "}\n]\n", "row 2: it is not a JSON object"},
		{"an array to lines", "in.json", "out.jsonl", "[{\"a\" : 1.50},\n{\"b\":null}]", "{\"a\" : 1.50,\"answer\":" + yes + "}\n{\"b\":null,\"answer\":" + yes + "}\n", ""},
		{"csv keeps its quotes", "in.csv", "out.csv", "id,\"the, name\",z\n00123,\"a \"\"b\"\"\",\n\"7\",\"two\nlines\",3.10\n",
			"id,\"the, name\",z,answer\n00123,\"a \"\"b\"\"\",,\"yes, \"\"it\"\" is\"\n\"7\",\"two\nlines\",3.10,\"yes, \"\"it\"\" is\"\n", ""},
		{"csv of another system", "in.csv", "out.csv", "\ufeffid,n\r\n01,x\r\n", "\ufeffid,n,answer\r\n01,x,\"yes, \"\"it\"\" is\"\r\n", ""},
		{"csv replaced", "in.csv", "out.csv", "id,answer,n\n1,no,2\n", "id,answer,n\n1,\"yes, \"\"it\"\" is\",2\n", ""},
		{"csv bad lines", "in.csv", "out.csv", "id,n\n1,2\n1\n\n3,4,5\n\"6\"x,7\n8,9\n\"10,11\n", "id,n,answer\n1,2,\"yes, \"\"it\"\" is\"\n8,9,\"yes, \"\"it\"\" is\"\n",
			"row 3: it has 1 fields|row 5: it has 3 fields|row 6: text follows the closing quote|row 8: a quoted field is never closed"},
		{"csv with tabs", "in.csv", "out.csv", "id\tn\n1\t\"a\tb\"\n", "id\tn\tanswer\n1\t\"a\tb\"\t\"yes, \"\"it\"\" is\"\n", ""},
		{"tsv to csv", "in.tsv", "out.csv", "id\tn\n1\ta, b\n", "id,n,answer\n1,\"a, b\",\"yes, \"\"it\"\" is\"\n", ""},
		{"csv to lines", "in.csv", "out.jsonl", "id,n\n00123,\"a \"\"b\"\"\"\n", "{\"id\":\"00123\",\"n\":\"a \\\"b\\\"\",\"answer\":" + yes + "}\n", ""},
		{"lines to csv", "in.jsonl", "out.csv", "{\"id\":\"00123\",\"d\":0.10}\n{\"d\":null,\"x\":{\"a\":1}}\n", "id,d,x,answer\n00123,0.10,,\"yes, \"\"it\"\" is\"\n,,\"{\"\"a\"\":1}\",\"yes, \"\"it\"\" is\"\n", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := write(t, c.in, c.from)
			got, bad := pass(t, in, filepath.Join(t.TempDir(), c.out), answer)
			if got != c.to {
				t.Errorf("got  %q\nwant %q", got, c.to)
			}
			want := strings.Split(c.bad, "|")
			if c.bad == "" {
				want = nil
			}
			if len(bad) != len(want) {
				t.Fatalf("bad rows: %q", bad)
			}
			for i := range bad {
				if !strings.HasPrefix(bad[i], strings.SplitN(want[i], ": line", 2)[0]) {
					t.Errorf("bad row %q, want %q", bad[i], want[i])
				}
			}
		})
	}
}

// TestWrongFiles checks that a file that is not a table is an error, and that
// an empty file has no rows.
func TestWrongFiles(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, text, want string }{
		{"a.json", `{"a":1}`, "array"}, {"a.json", `[{"a":1}`, "ends inside the array"}, {"a.json", `[{"a":1} {"b":2}]`, "expected , or ]"}, {"a.json", `[] x`, "text follows"},
		{"a.csv", "a,a\n1,2\n", "twice"}, {"a.parquet", "no parquet at all", "parquet"}, {"a.txt", "x", "suffix"},
		{"a.json", "", ""}, {"a.jsonl", "\n", ""}, {"a.csv", "", ""}, {"a.parquet", "", ""}, {"a.json", "[]", ""}, {"a.csv", "a,b\n", ""},
	}
	for _, c := range cases {
		r, err := rows.Open(write(t, c.name, c.text), rows.Options{})
		if err == nil {
			var row rows.Row
			for err == nil {
				err = r.Next(&row)
			}
			r.Close()
		}
		if err == io.EOF && c.want == "" {
			continue
		}
		if err == nil || c.want == "" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %q: %v, want %q", c.name, c.text, err, c.want)
		}
	}
}

// FuzzCSV checks that any text is read to its end, and that the rows are
// written as valid rows.
func FuzzCSV(f *testing.F) {
	f.Add("a,b\n1,2\n")
	f.Add("a,\"b\"\"\"\r\n\"1\n2\",\n")
	f.Add("\ufeffa\n\"x")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := rows.Open(write(t, "in.csv", text), rows.Options{})
		if err != nil {
			return
		}
		var row rows.Row
		for i := 0; ; i++ {
			err := r.Next(&row)
			var bad *rows.Bad
			if err != nil && !errors.As(err, &bad) {
				break
			}
			if i > len(text) {
				t.Fatal("there are more rows than bytes")
			}
			if err == nil {
				if err := row.Each(func(string, json.RawMessage) bool { return true }); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
