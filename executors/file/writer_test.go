package file_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/file"
	"github.com/chainwright/chainwright/executors/policy"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	writer := file.NewWriter()
	for name, c := range map[string]struct {
		before string // content of the existing file; "-": there is no file
		path   string
		inputs string
		want   string // the file's content afterwards
		kind   executors.ErrorType
		says   string
	}{
		"text":                  {"-", "f.txt", `"content": "grün"`, "grün", "", ""},
		"an object":             {"-", "f.json", `"content": {"b": "<&>", "a": [1.50]}`, "{\n  \"a\": [\n    1.50\n  ],\n  \"b\": \"<&>\"\n}\n", "", ""},
		"null":                  {"-", "f.json", `"content": null`, "null\n", "", ""},
		"a string as json":      {"-", "f.json", `"content": "x", "format": "json"`, "\"x\"\n", "", ""},
		"below new folders":     {"-", "a/b/f.txt", `"content": "x"`, "x", "", ""},
		"jsonl":                 {"-", "f.jsonl", `"content": [{"a": 1}, "x", 2], "format": "jsonl"`, "{\"a\":1}\n\"x\"\n2\n", "", ""},
		"csv of objects":        {"-", "f.csv", `"content": [{"b": "x, y", "a": 1}, {"c": [1, true]}], "format": "csv"`, "a,b,c\n1,\"x, y\",\n,,\"[1,true]\"\n", "", ""},
		"csv of arrays":         {"-", "f.csv", `"content": [["a", "b"], [1, null]], "format": "csv"`, "a,b\n1,\n", "", ""},
		"tsv":                   {"-", "f.tsv", `"content": [["a, b", 2]], "format": "csv"`, "a, b\t2\n", "", ""},
		"base64":                {"-", "f.bin", `"content": "AP/+\ngA==", "format": "base64"`, "\x00\xff\xfe\x80", "", ""},
		"create over a file":    {"old", "f.txt", `"content": "new"`, "old", executors.ExecutionError, "exist"},
		"overwrite":             {"old", "f.txt", `"content": "new", "mode": "overwrite"`, "new", "", ""},
		"overwrite nothing":     {"-", "f.txt", `"content": "new", "mode": "overwrite"`, "new", "", ""},
		"append":                {"old", "f.txt", `"content": "new", "mode": "append"`, "oldnew", "", ""},
		"append to nothing":     {"-", "f.txt", `"content": "new", "mode": "append"`, "new", "", ""},
		"append a line":         {"1\n", "f.jsonl", `"content": [2], "format": "jsonl", "mode": "append"`, "1\n2\n", "", ""},
		"append to an open one": {"1", "f.jsonl", `"content": [2], "format": "jsonl", "mode": "append"`, "1\n2\n", "", ""},
		"append rows":           {"b,a\n1,2\n", "f.csv", `"content": [{"a": 4, "b": 3}], "format": "csv", "mode": "append"`, "b,a\n1,2\n3,4\n", "", ""},
		"append rows to empty":  {"", "f.csv", `"content": [{"a": 4}], "format": "csv", "mode": "append"`, "a\n4\n", "", ""},
		"append another column": {"b,a\n", "f.csv", `"content": [{"c": 4}], "format": "csv", "mode": "append"`, "b,a\n", executors.ValidationError, `"c"`},
		"an object as text":     {"-", "f.txt", `"content": {}, "format": "text"`, "-", executors.ValidationError, "an object"},
		"no base64":             {"-", "f.txt", `"content": "!", "format": "base64"`, "-", executors.ValidationError, "base64"},
		"jsonl of no array":     {"-", "f.txt", `"content": {}, "format": "jsonl"`, "-", executors.ValidationError, "an array"},
		"csv of numbers":        {"-", "f.csv", `"content": [1], "format": "csv"`, "-", executors.ValidationError, "[0]"},
		"csv of both":           {"-", "f.csv", `"content": [[1], {"a": 1}], "format": "csv"`, "-", executors.ValidationError, "[1]"},
		"up and out":            {"-", "../f.txt", `"content": "x"`, "-", executors.PermissionDenied, ".."},
		"no content":            {"-", "f.txt", `"mode": "create"`, "-", executors.ValidationError, "content"},
		"unknown mode":          {"-", "f.txt", `"content": "x", "mode": "truncate"`, "-", executors.ValidationError, "mode"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pol, dir := work(t, policy.Limits{})
			target := filepath.Join(dir, c.path)
			if c.before != "-" {
				put(t, target, c.before)
			}
			got, err := try(t, writer, pol, `{"file_path": "`+c.path+`", `+c.inputs+`}`)
			if c.kind == "" && err != nil || c.kind != "" && (err == nil || err.Type != c.kind || !strings.Contains(err.Message, c.says)) {
				t.Fatalf("got error %+v, want %q with %q", err, c.kind, c.says)
			}
			after := "-"
			if data, err := os.ReadFile(target); err == nil {
				after = string(data)
			}
			if after != c.want {
				t.Errorf("the file holds %q, want %q", after, c.want)
			}
			if c.kind == "" {
				var out file.WriterOutput
				if err := json.Unmarshal([]byte(got), &out); err != nil || out.Path != target || out.Bytes < len(c.want)-len(strings.Trim(c.before, "-")) {
					t.Errorf("%s, %v", got, err)
				}
			}
		})
	}
}

func TestWritingStopsAtTheLimit(t *testing.T) {
	t.Parallel()
	pol, dir := work(t, policy.Limits{FileBytes: 10})
	_, err := try(t, file.NewWriter(), pol, `{"file_path": "f", "content": "01234567890"}`)
	if err == nil || err.Type != executors.ValidationError || err.Field != "content" {
		t.Errorf("%+v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Error("something was written")
	}
}
