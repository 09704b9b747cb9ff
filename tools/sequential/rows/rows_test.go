package rows_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/chainwright/chainwright/tools/sequential/rows"
)

var answer = []rows.Member{{Name: "answer", Value: json.RawMessage(`"yes, \"it\" is"`)}}

// pass reads a file and writes it with members added to each row, and gives
// what came out and what was bad.
func pass(t *testing.T, in, out string, added []rows.Member) (string, []string) {
	t.Helper()
	shape, bad := scan(t, in)
	r, err := rows.Open(in)
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
	r, err := rows.Open(path)
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

// TestPassthrough holds that what a row holds comes out as it came in.
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
			"{\"a\":1,\"answer\":" + yes + "}\n{\"a\":2,\"answer\":" + yes + "}\n", "row 2:|row 3: it is no JSON object|row 4:"},
		{"an array", "in.json", "out.json", "\ufeff[ {\"a\" : 1.50, \"s\":\"]},{\"}, 7, {\"b\":[{}]}\n]\n",
			"[\n{\"a\" : 1.50, \"s\":\"]},{\",\"answer\":" + yes + "},\n{\"b\":[{}],\"answer\":" + yes + "}\n]\n", "row 2: it is no JSON object"},
		{"an array to lines", "in.json", "out.jsonl", "[{\"a\" : 1.50},\n{\"b\":null}]", "{\"a\" : 1.50,\"answer\":" + yes + "}\n{\"b\":null,\"answer\":" + yes + "}\n", ""},
		{"csv keeps its quotes", "in.csv", "out.csv", "id,\"the, name\",z\n00123,\"a \"\"b\"\"\",\n\"7\",\"two\nlines\",3.10\n",
			"id,\"the, name\",z,answer\n00123,\"a \"\"b\"\"\",,\"yes, \"\"it\"\" is\"\n\"7\",\"two\nlines\",3.10,\"yes, \"\"it\"\" is\"\n", ""},
		{"csv of another system", "in.csv", "out.csv", "\ufeffid,n\r\n01,x\r\n", "\ufeffid,n,answer\r\n01,x,\"yes, \"\"it\"\" is\"\r\n", ""},
		{"csv replaced", "in.csv", "out.csv", "id,answer,n\n1,no,2\n", "id,answer,n\n1,\"yes, \"\"it\"\" is\",2\n", ""},
		{"csv bad lines", "in.csv", "out.csv", "id,n\n1,2\n1\n\n3,4,5\n\"6\"x,7\n8,9\n\"10,11\n", "id,n,answer\n1,2,\"yes, \"\"it\"\" is\"\n8,9,\"yes, \"\"it\"\" is\"\n",
			"row 3: it has 1 fields|row 5: it has 3 fields|row 6: behind the closing quote|row 8: a quoted field is never closed"},
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

// TestThroughParquet holds that values survive a way through parquet.
func TestThroughParquet(t *testing.T) {
	t.Parallel()
	lines := "{\"z\":\"00123\",\"n\":42,\"d\":3.14159265358979323846264338327950288,\"t\":true,\"o\":{\"b\":[1, 2]}}\n{\"n\":-1,\"e\":\"é\"}\n"
	dir := t.TempDir()
	in := write(t, "in.jsonl", lines)
	there := filepath.Join(dir, "there.parquet")
	pass(t, in, there, answer)
	again := filepath.Join(dir, "again.parquet")
	more := []rows.Member{{Name: "more", Value: json.RawMessage(`"x"`)}, {Name: "answer", Value: json.RawMessage("null")}}
	pass(t, there, again, more)
	got, bad := pass(t, again, filepath.Join(dir, "back.jsonl"), nil)
	want := `{"z":"00123","n":42,"d":"3.14159265358979323846264338327950288","t":true,"o":"{\"b\":[1, 2]}","more":"x"}` + "\n" + `{"n":-1,"e":"é","more":"x"}` + "\n"
	if got != want || bad != nil {
		t.Errorf("got  %s\nwant %s\nbad %q", got, want, bad)
	}
}

// TestParquetPassthrough holds that the columns of a parquet file, nested ones
// too, keep their order, types and values over several row groups.
func TestParquetPassthrough(t *testing.T) {
	t.Parallel()
	type inner struct {
		B string  `parquet:"b"`
		A []int64 `parquet:"a,list"`
	}
	type row struct {
		Z     string   `parquet:"z"`
		Day   int32    `parquet:"day,date"`
		Price int64    `parquet:"price,decimal(2:18)"`
		Maybe *float64 `parquet:"maybe,optional"`
		In    inner    `parquet:"in"`
		Tags  []string `parquet:"tags"`
	}
	in, out := filepath.Join(t.TempDir(), "in.parquet"), filepath.Join(t.TempDir(), "out.parquet")
	var want []row
	file, err := os.Create(in)
	if err != nil {
		t.Fatal(err)
	}
	w := parquet.NewGenericWriter[row](file, parquet.MaxRowsPerRowGroup(100))
	for i := range 450 {
		half := float64(i) / 2
		r := row{Z: fmt.Sprintf("%05d", i), Day: int32(i), Price: int64(i) * 7, In: inner{fmt.Sprint("b", i), make([]int64, i%3)}, Tags: make([]string, i%4)}
		if i%2 == 0 {
			r.Maybe = &half
		}
		want = append(want, r)
	}
	if _, err := w.Write(want); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	pass(t, in, out, answer)

	got, before := values(t, out), values(t, in)
	if len(got) != 450 || len(before) != 450 {
		t.Fatalf("%d rows of %d", len(got), len(before))
	}
	for i := range got {
		last := len(got[i]) - 1
		if !got[i][:last].Equal(before[i]) || got[i][last].String() != `yes, "it" is` {
			t.Fatalf("row %d is %+v, was %+v", i, got[i], before[i])
		}
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	read, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range read.Schema().Fields() {
		names = append(names, f.Name())
	}
	if strings.Join(names, " ") != "z day price maybe in tags answer" {
		t.Errorf("the columns are %q", names)
	}
	r, err := rows.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var first rows.Row
	if err := r.Next(&first); err != nil {
		t.Fatal(err)
	}
	if price, err := first.Get("price"); err != nil || string(price) != "0.00" {
		t.Errorf("price is %s, %v", price, err)
	}
	if day, err := first.Get("day"); err != nil || string(day) != `"1970-01-01"` {
		t.Errorf("day is %s, %v", day, err)
	}
}

// values are the rows of a parquet file.
func values(t *testing.T, path string) (list []parquet.Row) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := parquet.NewReader(bytes.NewReader(data))
	defer r.Close()
	for {
		one := make([]parquet.Row, 1)
		n, err := r.ReadRows(one)
		if n == 1 {
			list = append(list, one[0].Clone())
		}
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestWrongFiles holds that what is no table is an error, and what is empty an
// end.
func TestWrongFiles(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, text, want string }{
		{"a.json", `{"a":1}`, "array"}, {"a.json", `[{"a":1}`, "ends in the middle"}, {"a.json", `[{"a":1} {"b":2}]`, "must be ,"}, {"a.json", `[] x`, "more"},
		{"a.csv", "a,a\n1,2\n", "twice"}, {"a.parquet", "no parquet at all", "parquet"}, {"a.txt", "x", "suffix"},
		{"a.json", "", ""}, {"a.jsonl", "\n", ""}, {"a.csv", "", ""}, {"a.parquet", "", ""}, {"a.json", "[]", ""}, {"a.csv", "a,b\n", ""},
	}
	for _, c := range cases {
		r, err := rows.Open(write(t, c.name, c.text))
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

// FuzzCSV holds that any text is read to its end, and that what was read comes
// out as rows again.
func FuzzCSV(f *testing.F) {
	f.Add("a,b\n1,2\n")
	f.Add("a,\"b\"\"\"\r\n\"1\n2\",\n")
	f.Add("\ufeffa\n\"x")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := rows.Open(write(t, "in.csv", text))
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
				if content, err := row.Content(); err != nil || content == nil && len(text) > 100 {
					t.Fatal(content, err)
				}
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
