package sequential

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

// TestReplaceable checks that a finished output is replaced by one with fewer rows,
// or of other parameters, with overwrite only, and that the refusal comes before
// the first request.
func TestReplaceable(t *testing.T) {
	t.Parallel()
	other := 0.1
	for name, c := range map[string]struct {
		says   string // empty: it is not refused
		change func(*testing.T, *tableOptions)
	}{
		"same":        {"", func(*testing.T, *tableOptions) {}},
		"rows added":  {"", func(t *testing.T, o *tableOptions) { put(t, o.Input, lines(0, 12)) }},
		"retry":       {"", func(_ *testing.T, o *tableOptions) { o.RetryFailed = true }},
		"other names": {"", func(_ *testing.T, o *tableOptions) { o.Composed = "both" }},
		"other file":  {"", func(_ *testing.T, o *tableOptions) { o.Temperature, o.Output = &other, o.Output+"l.jsonl" }},
		"temperature": {"other parameters: temperature", func(_ *testing.T, o *tableOptions) { o.Temperature = &other }},
		"no cache":    {"other parameters: no-cache", func(_ *testing.T, o *tableOptions) { o.Cache = false }},
		"two":         {"other parameters: language, model", func(_ *testing.T, o *tableOptions) { o.Language, o.Model = "German", "x" }},
		"fewer rows":  {"has 10 rows, and the input has 4", func(t *testing.T, o *tableOptions) { put(t, o.Input, lines(0, 4)) }},
		"no journal":  {"are not in the journal", func(t *testing.T, o *tableOptions) { remove(t, o.Output+journalSuffix) }},
		"not its table": {"reading the earlier", func(t *testing.T, o *tableOptions) {
			put(t, o.Output, "my notes\n")
			o.Output = rename(t, o.Output, ".json")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &faulty{asked: map[string]int{}}
			server := llmtest.New(t, llmtest.Script{Answer: f.answer})
			opts := options(t, lines(0, 10))
			start := func() error {
				o := opts
				o.Meter = llm.NewMeter(llm.Ceiling{}, nil)
				_, err := runTable(t.Context(), client(server, 4), o)
				return err
			}
			if err := start(); err != nil {
				t.Fatal(err)
			}
			requests := f.total()
			c.change(t, &opts)
			before, _ := os.ReadFile(opts.Output)
			err := start()
			if c.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			failed := executors.AsError(err)
			if failed == nil || failed.Type != executors.ValidationError || failed.Field != "output" || !strings.Contains(failed.Message, c.says) {
				t.Fatalf("got %v, want %q", err, c.says)
			}
			if after, err := os.ReadFile(opts.Output); err != nil || !slices.Equal(after, before) || f.total() != requests {
				t.Errorf("the output is %q, %v after %d requests", after, err, f.total()-requests)
			}
			if opts.Overwrite = true; start() != nil {
				t.Error("overwrite does not help")
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// rename gives a file and its journal another suffix.
func rename(t *testing.T, path, suffix string) string {
	t.Helper()
	to := strings.TrimSuffix(path, filepath.Ext(path)) + suffix
	if err := os.Rename(path, to); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+journalSuffix, to+journalSuffix); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestRefusedTables checks that what can't be read or written is refused before
// the first request.
func TestRefusedTables(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Script{Answer: func(r llmtest.Request) llmtest.Step { return good(asked(r)) }})
	for _, c := range []struct {
		name, input, output, field, says string
		change                           func(*tableOptions)
	}{
		{"latin1.csv", "q,id\nna\xefve,1\n", "out.csv", "input", "line 2: byte 0xef is not UTF-8", nil},
		{"utf16.csv", "\xff\xfeq\x00\n\x00a\x00\n\x00", "out.csv", "input", "line 1: byte 0xff", nil},
		{"wrong.csv", "q\n\x81 \n", "out.csv", "input", "not in the given encoding", func(o *tableOptions) { o.Encoding = "shift_jis" }},
		{"both.csv", "q,a;b,c\n1,5;2,5\n", "out.csv", "input", "set delimiter", nil},
		{"colon.csv", "q:id\na:1\n", "out.csv", "input_task_key", `no row has the key "q"`, nil},
		{"in.csv", "q\na\n", "out.csv", "delimiter", "one character", func(o *tableOptions) { o.Delimiter = "::" }},
		{"in.csv", "q\na\n", "out.csv", "encoding", "klingon", func(o *tableOptions) { o.Encoding = "klingon" }},
		{"in.jsonl", "{\"q\": \"a\"}\n", "out.csv", "input", "are for .csv and .tsv", func(o *tableOptions) { o.Encoding = "latin-1" }},
	} {
		opts := options(t, "")
		dir := filepath.Dir(opts.Input)
		opts.Input, opts.Output = filepath.Join(dir, c.name), filepath.Join(dir, c.output)
		put(t, opts.Input, c.input)
		if c.change != nil {
			c.change(&opts)
		}
		_, err := runTable(t.Context(), client(server, 2), opts)
		failed := executors.AsError(err)
		if failed == nil || failed.Type != executors.ValidationError || failed.Field != c.field || !strings.Contains(failed.Message, c.says) {
			t.Errorf("%s: want %q, got %v", c.name, c.says, err)
		}
	}
	type nested struct {
		Q  string `parquet:"q"`
		In struct {
			A int64 `parquet:"a"`
		} `parquet:"in"`
	}
	opts := options(t, "")
	opts.Input = filepath.Join(filepath.Dir(opts.Input), "in.parquet")
	if err := parquet.WriteFile(opts.Input, []nested{{Q: "a"}}); err != nil {
		t.Fatal(err)
	}
	_, err := runTable(t.Context(), client(server, 2), opts)
	if failed := executors.AsError(err); failed == nil || failed.Type != executors.ValidationError || !strings.Contains(failed.Message, `the column "in" is nested`) {
		t.Errorf("got %v", err)
	}
	if server.Count() != 0 {
		t.Errorf("%d requests were sent", server.Count())
	}
}

// TestTablesAsPeopleWriteThem checks the rows that are written for CSV of other
// systems.
func TestTablesAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Script{Answer: func(r llmtest.Request) llmtest.Step { return good(asked(r)) }})
	const head = "subsequent_task;composition_task;error;error_type;raw_reply"
	comma := strings.ReplaceAll(head, ";", ",")
	for name, c := range map[string]struct {
		input, want, output string
		change              func(*tableOptions)
	}{
		"inches":    {"q\nBuy a 5\" pipe\nBuy a 7\" pipe\n", "q," + comma + "\nBuy a 5\" pipe,\"after Buy a 5\"\" pipe\",\"both Buy a 5\"\" pipe\",,,\nBuy a 7\" pipe,\"after Buy a 7\"\" pipe\",\"both Buy a 7\"\" pipe\",,,\n", "out.csv", nil},
		"semicolon": {"id;q\n1;a\n", "id;q;" + head + "\n1;a;after a;both a;;;\n", "out.csv", nil},
		"to tsv":    {"id;q\n\"1;2\";a\n", strings.ReplaceAll("id;q;"+head+"\n1,2;a;after a;both a;;;\n", ";", "\t"), "out.tsv", nil},
		"CR":        {"id,q\r1,a\r", "id,q," + comma + "\r1,a,after a,both a,,,\r", "out.csv", nil},
		"latin-1":   {"q\nna\xefve\n", "q," + comma + "\nnaïve,after naïve,both naïve,,,\n", "out.csv", func(o *tableOptions) { o.Encoding = "latin-1" }},
		"given":     {"id:q\n1:a\n", strings.ReplaceAll("id;q;"+head+"\n1;a;after a;both a;;;\n", ";", ":"), "out.csv", func(o *tableOptions) { o.Delimiter = ":" }},
	} {
		opts := options(t, "")
		dir := filepath.Dir(opts.Input)
		opts.Input, opts.Output = filepath.Join(dir, "in.csv"), filepath.Join(dir, c.output)
		put(t, opts.Input, c.input)
		if c.change != nil {
			c.change(&opts)
		}
		report, err := runTable(t.Context(), client(server, 2), opts)
		got, _ := os.ReadFile(opts.Output)
		if want := strings.ReplaceAll(c.want, "1,2\t", "1;2\t"); err != nil || report.Bad != 0 || string(got) != want {
			t.Errorf("%s: %+v, %v\ngot  %q\nwant %q", name, report, err, got, want)
		}
	}
}
