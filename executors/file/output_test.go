//go:build unix

package file_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/file"
	"github.com/chainwright/chainwright/executors/policy"
)

// Files that are too large, binary or not regular: the result is limited and
// valid text, or the error says why it can't be read.
func TestOutputs(t *testing.T) { // not parallel: it measures memory
	pol, dir := work(t, policy.Limits{})
	at := func(name string) string { return filepath.Join(dir, name) }
	put(t, at("large"), "begin")
	if err := os.Truncate(at("large"), 20<<30); err != nil {
		t.Skipf("the file system has no sparse files of 20 GiB: %v", err)
	}
	if err := syscall.Mkfifo(at("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, at("bytes"), strings.Repeat("\xff\x00\xfe\x80", 50_000))
	put(t, at("deep.json"), strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000))
	put(t, at("line.jsonl"), `{"a": "`+strings.Repeat("x", 12<<20))
	put(t, at("rows.jsonl"), strings.Repeat("1\n", 3_000_000/executortest.Slower))
	put(t, at("cells.csv"), "a\n"+strings.Repeat(",", 9_000_000/executortest.Slower))
	var columns strings.Builder
	for i := range 100_000 / executortest.Slower {
		fmt.Fprintf(&columns, "c%d,", i)
	}
	put(t, at("columns.csv"), columns.String()+"last\n"+strings.Repeat("1\n", 100_000/executortest.Slower))
	put(t, at("quote.csv"), "a,b\n\"x\xff\"\"y\",\xfe\n")
	put(t, at("number.json"), strings.Repeat("9", 5_000_000))
	registry := executortest.Registry(t, pol, file.NewReader())
	for inputs, kind := range map[string]executors.ErrorType{
		`"file_path": "large"`:                                            "",
		`"file_path": "large", "format": "base64"`:                        "",
		`"file_path": "large", "format": "base64", "offset": 20000000000`: "",
		`"file_path": "large", "format": "json"`:                          executors.ExecutionError,
		`"file_path": "large", "format": "csv"`:                           "*",
		`"file_path": "bytes"`:                                            "*",
		`"file_path": "bytes", "encoding": "latin-1"`:                     "",
		`"file_path": "bytes", "format": "base64"`:                        "",
		`"file_path": "bytes", "format": "json"`:                          executors.ExecutionError,
		`"file_path": "bytes", "format": "jsonl"`:                         executors.ExecutionError,
		`"file_path": "deep.json", "format": "json"`:                      executors.ExecutionError,
		`"file_path": "line.jsonl", "format": "jsonl"`:                    executors.ExecutionError,
		`"file_path": "rows.jsonl", "format": "jsonl"`:                    "",
		`"file_path": "cells.csv", "format": "csv"`:                       "*",
		`"file_path": "columns.csv", "format": "csv"`:                     "*",
		`"file_path": "quote.csv", "format": "csv"`:                       "*",
		`"file_path": "number.json", "format": "json"`:                    executors.ExecutionError,
		`"file_path": "pipe"`:                                             executors.PermissionDenied,
	} {
		var out executors.Outcome
		peak := executortest.Peak(func() { out = executortest.Call(t, registry, "file_reader", `{`+inputs+`}`) })
		if kind != "*" && (kind == "") != (out.Err == nil) || kind != "" && kind != "*" && out.Err.Type != kind {
			t.Errorf("%s: %.100s, %+v", inputs, out.Result, out.Err)
		}
		if !utf8.Valid(out.Result) || len(out.Result) > 10<<20 {
			t.Errorf("%s: %d bytes: %.100q", inputs, len(out.Result), out.Result)
		}
		if peak > 1<<30 {
			t.Errorf("%s: the call used %d MiB", inputs, peak>>20)
		}
		t.Logf("%s: %d MiB, %.60s, %v", inputs, peak>>20, out.Result, out.Err)
	}
}
