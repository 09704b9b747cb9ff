package file_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/file"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/strictjson"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// work returns a writable folder and a policy that allows it.
func work(t testing.TB, limits policy.Limits) (pol *policy.Policy, dir string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pol, err = policy.New(policy.Config{Files: policy.Files{Roots: map[string]policy.Root{"work": {Path: dir, Write: true}}}, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pol.Close() })
	return pol, dir
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// try runs a call with JSON inputs and returns the output as JSON.
func try(t testing.TB, e executors.Executor, pol *policy.Policy, inputs string) (string, *executors.Error) {
	t.Helper()
	object, err := strictjson.DecodeObject([]byte(inputs))
	if err != nil {
		t.Fatal(err)
	}
	filled, wrong := e.Definition().Input.Apply(object)
	if len(wrong) > 0 {
		return "", executors.Errorf(executors.ValidationError, "%s %s", wrong[0].Path, wrong[0].Message).WithField(wrong[0].Path)
	}
	value, err := e.Execute(context.Background(), &executors.Call{Inputs: filled, Policy: pol})
	if err != nil {
		return "", executors.AsError(err)
	}
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := strictjson.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if wrong := e.Definition().Output.Validate(decoded); len(wrong) > 0 {
		t.Errorf("the output does not match its schema: %v", wrong)
	}
	return string(raw), nil
}

func TestRead(t *testing.T) {
	t.Parallel()
	pol, dir := work(t, policy.Limits{})
	for name, content := range map[string]string{
		"a.txt":      "grün\nzwei\n",
		"mark.txt":   "\xef\xbb\xbfmarked",
		"empty":      "",
		"latin":      "gr\xfcn \x80",
		"utf16":      "\xff\xfeg\x00r\x00\xfc\x00n\x00=\xd8\x00\xde",
		"utf16be":    "\xfe\xff\x00g\x00r\x00\xfc\x00n",
		"sjis":       "\x93\xfa\x96{",
		"bin":        "\x00\xff\xfe\x80",
		"a.json":     `{"b": 1, "a": [1.50, 12345678901234567890, null]}`,
		"twice.json": `{"a": 1, "a": 2}`,
		"a.jsonl":    "{\"n\": 1}\n\n[2]\r\n\"three\"",
		"bad.jsonl":  "1\n{\n",
		"a.csv":      "id,name\n1,\"pen, blue\"\n2,\n3\n4,\"two\nlines\"\n",
		"mark.csv":   "\xef\xbb\xbfid;x,name\n1,2\n",
		"a.tsv":      "id\tname\n1\tpen, blue\n",
		"wide.csv":   "a,b\n1,2,3\n",
		"twice.csv":  "a,a\n1,2\n",
		"quote.csv":  "a,b\n\"1,2\n",
		"latin.csv":  "a\ngr\xfcn\n",
	} {
		put(t, filepath.Join(dir, name), content)
	}
	reader := file.NewReader()
	for name, c := range map[string]struct {
		inputs, want string
		kind         executors.ErrorType
		says         string
	}{
		"text":               {`{"file_path": "a.txt"}`, `{"content":"grün\nzwei\n","size":11,"truncated":false}`, "", ""},
		"empty":              {`{"file_path": "empty"}`, `{"content":"","size":0,"truncated":false}`, "", ""},
		"a mark":             {`{"file_path": "mark.txt"}`, `{"content":"marked","size":9,"truncated":false}`, "", ""},
		"limit":              {`{"file_path": "a.txt", "limit": 5}`, `{"content":"grün","size":11,"truncated":true,"next_offset":5}`, "", ""},
		"limit in a letter":  {`{"file_path": "a.txt", "limit": 3}`, `{"content":"gr","size":11,"truncated":true,"next_offset":2}`, "", ""},
		"limit of half one":  {`{"file_path": "a.txt", "offset": 2, "limit": 1}`, "", executors.ValidationError, "limit"},
		"offset":             {`{"file_path": "a.txt", "offset": 6}`, `{"content":"zwei\n","size":11,"truncated":false}`, "", ""},
		"offset in a letter": {`{"file_path": "a.txt", "offset": 3}`, `{"content":"n\nzwei\n","size":11,"truncated":false}`, "", ""},
		"exactly to the end": {`{"file_path": "a.txt", "offset": 6, "limit": 5}`, `{"content":"zwei\n","size":11,"truncated":false}`, "", ""},
		"behind the end":     {`{"file_path": "a.txt", "offset": 100}`, `{"content":"","size":11,"truncated":false}`, "", ""},
		"latin-1":            {`{"file_path": "latin", "encoding": "Latin_1"}`, "{\"content\":\"grün \u0080\",\"size\":6,\"truncated\":false}", "", ""},
		"windows-1252":       {`{"file_path": "latin", "encoding": "cp1252"}`, `{"content":"grün €","size":6,"truncated":false}`, "", ""},
		"utf-16":             {`{"file_path": "utf16", "encoding": "utf-16"}`, `{"content":"grün😀","size":14,"truncated":false}`, "", ""},
		"utf-16 part":        {`{"file_path": "utf16", "encoding": "utf-16", "limit": 12}`, `{"content":"grün","size":14,"truncated":true,"next_offset":10}`, "", ""},
		"utf-16 rest":        {`{"file_path": "utf16", "encoding": "utf-16", "offset": 10}`, `{"content":"😀","size":14,"truncated":false}`, "", ""},
		"utf-16be rest":      {`{"file_path": "utf16be", "encoding": "utf-16", "offset": 6}`, `{"content":"ün","size":10,"truncated":false}`, "", ""},
		"shift_jis":          {`{"file_path": "sjis", "encoding": "shift_jis"}`, `{"content":"日本","size":4,"truncated":false}`, "", ""},
		"shift_jis part":     {`{"file_path": "sjis", "encoding": "shift_jis", "limit": 3}`, `{"content":"日","size":4,"truncated":true,"next_offset":2}`, "", ""},
		"not utf-8":          {`{"file_path": "bin"}`, "", executors.ExecutionError, "byte 1 is not part"},
		"unknown encoding":   {`{"file_path": "a.txt", "encoding": "klingon"}`, "", executors.ValidationError, "klingon"},
		"base64":             {`{"file_path": "bin", "format": "base64"}`, `{"content":"AP/+gA==","size":4,"truncated":false}`, "", ""},
		"base64 part":        {`{"file_path": "bin", "format": "base64", "offset": 1, "limit": 2}`, `{"content":"//4=","size":4,"truncated":true,"next_offset":3}`, "", ""},
		"json":               {`{"file_path": "a.json", "format": "json"}`, `{"content":{"a":[1.50,12345678901234567890,null],"b":1},"size":49,"truncated":false}`, "", ""},
		"json part":          {`{"file_path": "a.json", "format": "json", "limit": 2}`, "", executors.ValidationError, "as a whole"},
		"no json":            {`{"file_path": "a.txt", "format": "json"}`, "", executors.ExecutionError, "not valid JSON"},
		"a key twice":        {`{"file_path": "twice.json", "format": "json"}`, "", executors.ExecutionError, "not valid JSON"},
		"jsonl":              {`{"file_path": "a.jsonl", "format": "jsonl"}`, `{"content":[{"n":1},[2],"three"],"size":22,"rows":3,"truncated":false}`, "", ""},
		"jsonl part":         {`{"file_path": "a.jsonl", "format": "jsonl", "offset": 1, "limit": 1}`, `{"content":[[2]],"size":22,"rows":1,"truncated":true,"next_offset":2}`, "", ""},
		"jsonl to the end":   {`{"file_path": "a.jsonl", "format": "jsonl", "offset": 2, "limit": 1}`, `{"content":["three"],"size":22,"rows":1,"truncated":false}`, "", ""},
		"broken jsonl":       {`{"file_path": "bad.jsonl", "format": "jsonl"}`, "", executors.ExecutionError, "line 2"},
		"empty jsonl":        {`{"file_path": "empty", "format": "jsonl"}`, `{"content":[],"size":0,"rows":0,"truncated":false}`, "", ""},
		"csv":                {`{"file_path": "a.csv", "format": "csv"}`, `{"content":[{"id":"1","name":"pen, blue"},{"id":"2","name":""},{"id":"3","name":""},{"id":"4","name":"two\nlines"}],"size":41,"rows":4,"truncated":false,"columns":["id","name"]}`, "", ""},
		"csv part":           {`{"file_path": "a.csv", "format": "csv", "offset": 1, "limit": 2}`, `{"content":[{"id":"2","name":""},{"id":"3","name":""}],"size":41,"rows":2,"truncated":true,"next_offset":3,"columns":["id","name"]}`, "", ""},
		"csv with a mark":    {`{"file_path": "mark.csv", "format": "csv"}`, `{"content":[{"id;x":"1","name":"2"}],"size":17,"rows":1,"truncated":false,"columns":["id;x","name"]}`, "", ""},
		"tsv":                {`{"file_path": "a.tsv", "format": "csv"}`, `{"content":[{"id":"1","name":"pen, blue"}],"size":20,"rows":1,"truncated":false,"columns":["id","name"]}`, "", ""},
		"csv in latin-1":     {`{"file_path": "latin.csv", "format": "csv", "encoding": "latin-1"}`, `{"content":[{"a":"grün"}],"size":7,"rows":1,"truncated":false,"columns":["a"]}`, "", ""},
		"csv not utf-8":      {`{"file_path": "latin.csv", "format": "csv"}`, "", executors.ExecutionError, "line 2"},
		"empty csv":          {`{"file_path": "empty", "format": "csv"}`, `{"content":[],"size":0,"rows":0,"truncated":false}`, "", ""},
		"too many cells":     {`{"file_path": "wide.csv", "format": "csv"}`, "", executors.ExecutionError, "line 2"},
		"a name twice":       {`{"file_path": "twice.csv", "format": "csv"}`, "", executors.ExecutionError, `"a"`},
		"an open quote":      {`{"file_path": "quote.csv", "format": "csv"}`, "", executors.ExecutionError, "line"},
		"no such file":       {`{"file_path": "none"}`, "", executors.NotFound, `"none"`},
		"a folder":           {`{"file_path": "` + dir + `"}`, "", executors.PermissionDenied, "folder"},
		"outside":            {`{"file_path": "/etc/passwd"}`, "", executors.PermissionDenied, "/etc/passwd"},
		"up and out":         {`{"file_path": "../x"}`, "", executors.PermissionDenied, ".."},
		"unknown format":     {`{"file_path": "a.txt", "format": "xml"}`, "", executors.ValidationError, "format"},
		"no path":            {`{}`, "", executors.ValidationError, "file_path"},
		"negative offset":    {`{"file_path": "a.txt", "offset": -1}`, "", executors.ValidationError, "offset"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := try(t, reader, pol, c.inputs)
			if c.kind == "" && err != nil || c.kind != "" && (err == nil || err.Type != c.kind || !strings.Contains(err.Message, c.says)) {
				t.Fatalf("got error %+v, want %q with %q", err, c.kind, c.says)
			}
			if c.kind == executors.PermissionDenied && err.Field != "file_path" {
				t.Errorf("field %q", err.Field)
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestReadingStopsAtTheLimit(t *testing.T) {
	t.Parallel()
	pol, dir := work(t, policy.Limits{FileBytes: 1000})
	reader := file.NewReader()
	put(t, filepath.Join(dir, "long.txt"), strings.Repeat("0123456789", 200))
	put(t, filepath.Join(dir, "long.json"), `"`+strings.Repeat("x", 2000)+`"`)
	put(t, filepath.Join(dir, "rows.jsonl"), strings.Repeat("\"0123456\"\n", 300))
	put(t, filepath.Join(dir, "rows.csv"), "a long name for a column\n"+strings.Repeat("0123456\n", 50))
	put(t, filepath.Join(dir, "row.jsonl"), `"`+strings.Repeat("x", 1<<20)+"\"\n")
	put(t, filepath.Join(dir, "endless.csv"), "a\n\""+strings.Repeat("x", 1<<20))
	got, err := try(t, reader, pol, `{"file_path": "long.txt"}`)
	if err != nil || !strings.HasSuffix(got, `"size":2000,"truncated":true,"next_offset":1000}`) {
		t.Errorf("%.80s, %v", got, err)
	}
	got, err = try(t, reader, pol, `{"file_path": "rows.jsonl", "format": "jsonl", "offset": 150}`)
	if err != nil || !strings.HasSuffix(got, `"size":3000,"rows":90,"truncated":true,"next_offset":240}`) {
		t.Errorf("%.80s, %v", got, err)
	}
	got, err = try(t, reader, pol, `{"file_path": "rows.csv", "format": "csv"}`)
	if err != nil || len(got) > 1150 || !strings.Contains(got, `"rows":25,"truncated":true,"next_offset":25,"columns":["a long name for a column"]}`) {
		t.Errorf("%s, %v", got, err)
	}
	for _, inputs := range []string{
		`{"file_path": "long.json", "format": "json"}`,
		`{"file_path": "row.jsonl", "format": "jsonl"}`,
		`{"file_path": "endless.csv", "format": "csv"}`,
	} {
		if _, err := try(t, reader, pol, inputs); err == nil || err.Type != executors.ExecutionError || !strings.Contains(err.Message, "1000") {
			t.Errorf("%s: %v", inputs, err)
		}
	}
}

// Every result fits the registry's limit, so that it is not cut, and the next
// call continues where it ends.
func TestResultsFitTheLimit(t *testing.T) {
	t.Parallel()
	pol, dir := work(t, policy.Limits{OutputBytes: 2000})
	put(t, filepath.Join(dir, "escapes"), strings.Repeat("\"\n\x01x", 1000))
	put(t, filepath.Join(dir, "bytes"), strings.Repeat("\xff\x00", 2000))
	put(t, filepath.Join(dir, "rows.csv"), "name\n"+strings.Repeat("x\n", 2000))
	registry := executortest.Registry(t, pol, file.NewReader())
	for _, inputs := range []string{
		`"file_path": "escapes"`, `"file_path": "escapes", "encoding": "latin-1"`, `"file_path": "bytes", "format": "base64"`, `"file_path": "rows.csv", "format": "csv"`,
	} {
		total, offset, more := 0, int64(0), true
		for more {
			out := executortest.Call(t, registry, "file_reader", `{`+inputs+`, "offset": `+strconv.FormatInt(offset, 10)+`}`)
			if out.Err != nil {
				t.Fatalf("%s at %d: %v", inputs, offset, out.Err)
			}
			var read struct {
				Content    any   `json:"content"`
				Truncated  bool  `json:"truncated"`
				NextOffset int64 `json:"next_offset"`
			}
			if err := json.Unmarshal(out.Result, &read); err != nil {
				t.Fatal(err)
			}
			switch content := read.Content.(type) {
			case []any:
				total += len(content)
			case string:
				if strings.HasSuffix(content, "…") {
					t.Fatalf("%s at %d: the registry cut the result", inputs, offset)
				}
				if bytes, err := base64.StdEncoding.DecodeString(content); strings.Contains(inputs, "base64") {
					if err != nil {
						t.Fatal(err)
					}
					content = string(bytes)
				}
				total += len(content)
			}
			offset, more = read.NextOffset, read.Truncated
		}
		if want := map[bool]int{true: 2000, false: 4000}[strings.Contains(inputs, "csv")]; total != want {
			t.Errorf("%s: %d of %d", inputs, total, want)
		}
	}
}

// Parts of any size add up to the whole content.
func TestPartsMakeTheWhole(t *testing.T) {
	t.Parallel()
	pol, dir := work(t, policy.Limits{})
	const text = "grün 日本 😀 plain"
	put(t, filepath.Join(dir, "a.txt"), text)
	for size := 4; size < 30; size++ {
		whole, offset := "", int64(0)
		for {
			raw, err := json.Marshal(map[string]any{"file_path": "a.txt", "offset": offset, "limit": size})
			if err != nil {
				t.Fatal(err)
			}
			got, failed := try(t, file.NewReader(), pol, string(raw))
			if failed != nil {
				t.Fatal(failed)
			}
			var out struct {
				Content    string `json:"content"`
				NextOffset int64  `json:"next_offset"`
				Truncated  bool   `json:"truncated"`
			}
			if err := json.Unmarshal([]byte(got), &out); err != nil {
				t.Fatal(err)
			}
			whole += out.Content
			if offset = out.NextOffset; !out.Truncated {
				break
			}
		}
		if whole != text {
			t.Errorf("in parts of %d: %q", size, whole)
		}
	}
}

func TestWrittenFilesCanBeRead(t *testing.T) {
	t.Parallel()
	pol, _ := work(t, policy.Limits{})
	binary := base64.StdEncoding.EncodeToString([]byte("\x00\x01\xff"))
	for format, content := range map[string]string{
		"text": `"a\u0000b 😀"`, "json": `{"a":[1.50,null,"x"]}`, "jsonl": `[{"a":1},[],"x"]`,
		"csv": `[{"a":"1","b":"x\ny"},{"a":"","b":"\""}]`, "base64": `"` + binary + `"`,
	} {
		if _, err := try(t, file.NewWriter(), pol, `{"file_path": "f.`+format+`", "content": `+content+`, "format": "`+format+`"}`); err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		got, err := try(t, file.NewReader(), pol, `{"file_path": "f.`+format+`", "format": "`+format+`"}`)
		if err != nil || !strings.HasPrefix(got, `{"content":`+content+`,"size":`) {
			t.Errorf("%s: %s, %v; want %s", format, got, err, content)
		}
	}
}

func TestEffectsOfModes(t *testing.T) {
	t.Parallel()
	def := file.NewWriter().Definition()
	for mode, want := range map[string]executors.Annotations{
		"create":    {},
		"overwrite": {Destructive: true, Idempotent: true},
		"append":    {},
	} {
		if got := def.EffectOf(map[string]any{"mode": mode}); got != want {
			t.Errorf("%s: %+v", mode, got)
		}
	}
	if !file.NewReader().Definition().Annotations.ReadOnly {
		t.Error("reading is not read-only")
	}
}

func TestDefinitions(t *testing.T) {
	executortest.Check(t, file.NewReader())
	executortest.Check(t, file.NewWriter())
}

func TestThroughTheRegistry(t *testing.T) {
	t.Parallel()
	pol, dir := work(t, policy.Limits{})
	out := executortest.Run(t, file.NewWriter(), `{"file_path": "a.txt", "content": "hello"}`, pol)
	if out.Err != nil || !strings.Contains(string(out.Result), filepath.Base(dir)) {
		t.Fatalf("%s, %+v", out.Result, out.Err)
	}
	if out := executortest.Run(t, file.NewReader(), `{"file_path": "a.txt"}`, pol); out.Err != nil || !strings.Contains(string(out.Result), "hello") {
		t.Errorf("%s, %+v", out.Result, out.Err)
	}
	if out := executortest.Run(t, file.NewReader(), `{"file_path": "a.txt"}`, nil); out.Err == nil || out.Err.Type != executors.PermissionDenied || !strings.Contains(out.Err.Hint, "policy.files.roots") {
		t.Errorf("closed: %+v", out.Err)
	}
}
