package external_test

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/external"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// parsed is a definition for the fuzz targets.
func parsed(t testing.TB) *executors.Definition {
	t.Helper()
	def, err := executors.ParseDefinition("x.yaml", []byte(definition("x", "{}")), "run")
	if err != nil {
		t.Fatal(err)
	}
	return def
}

// FuzzDefinition checks that every file yields executors or problems with a line.
func FuzzDefinition(f *testing.F) {
	f.Add([]byte(definition("x", `{kind: http, url: "http://example.com/${{ inputs.name }}?q=${{ inputs.n }}", json: {a: ["${{ inputs.list }}"]}}`)))
	f.Add([]byte(definition("x", "{kind: command, command: [sh, -c, x], env: {A: b}}")))
	f.Add([]byte("run: &a {kind: *a}"))
	f.Add([]byte("run: {kind: mcp}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 5000 {
			return
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "x.yaml"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		registry := executortest.Registry(t, nil)
		folder := external.Open(external.Options{Dir: dir, Registry: registry, Log: zerolog.Nop()})
		made, problems := len(registry.All()), folder.Problems()
		if (made > 0) == (len(problems) > 0) {
			t.Fatalf("%d executors, and problems %v", made, problems)
		}
		for _, each := range problems {
			if !strings.HasPrefix(each.Err.Error(), "x.yaml:") {
				t.Errorf("a problem without a line: %v", each.Err)
			}
		}
	})
}

// FuzzAnswer checks that every program output yields JSON or an error.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{`{"status": "completed", "a": 1}`, `{"status": "failed", "error": [1], "error_type": 3}`, `{"status": {}}`, "\xef\xbb\xbf[]", "", "nul", `{"a": 1e999}`, `{"status": "cancelled", "message": null}`} {
		f.Add([]byte(seed))
	}
	def := parsed(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		output, isJSON, err := external.ReadAnswer(def, raw)
		var failed *executors.Error
		if err != nil && (!errors.As(err, &failed) || failed.Message == "" || failed.Type == "") {
			t.Fatalf("the error is %#v", err)
		}
		if !isJSON && (err == nil || output != nil) {
			t.Fatalf("no JSON, and %v", output)
		}
		_, _ = external.ReadProgress(raw)
	})
}

// FuzzAddress checks that no input value changes the host or the number of path
// segments and query parameters.
func FuzzAddress(f *testing.F) {
	for _, template := range []string{"http://h.example/a/${{ inputs.name }}/b", "https://h.example:8443/x-${{ inputs.name }}.json?a=1&b=${{ inputs.name }}", "http://h.example?q=${{ inputs.name }}", "http://h.example/${{ secrets.S }}/${{ inputs[\"name\"] }}"} {
		for _, value := range []string{"x", "../..", "..", ".", "%2e%2e", "a/b?c=d&e#f", "@evil.example/", "\\evil", "\r\nHost: evil", "é\x00\xff", ""} {
			f.Add(template, value)
		}
	}
	def := parsed(f)
	f.Fuzz(func(t *testing.T, template, value string) {
		plain, ok, err := external.FillAddress(def, template, "x")
		if !ok || err != nil {
			return
		}
		want, err := url.Parse(plain)
		if err != nil {
			t.Fatalf("%q: %v", plain, err)
		}
		filled, _, err := external.FillAddress(def, template, value)
		if err != nil {
			return // refused
		}
		got, err := url.Parse(filled)
		if err != nil {
			t.Fatalf("%q: %v", filled, err)
		}
		if got.Scheme != want.Scheme || got.Host != want.Host || got.User != nil {
			t.Errorf("%q asks %s, not %s", filled, got.Host, want.Host)
		}
		if strings.Count(got.EscapedPath(), "/") != strings.Count(want.EscapedPath(), "/") || strings.Count(got.RawQuery, "&") != strings.Count(want.RawQuery, "&") {
			t.Errorf("%q has other parts than %q", filled, plain)
		}
		if resolved := got.JoinPath(); strings.Contains(template, "inputs") && !strings.Contains(template, "/.") &&
			strings.Count(resolved.EscapedPath(), "/") < strings.Count(want.JoinPath().EscapedPath(), "/") {
			t.Errorf("%q goes up", filled)
		}
	})
}

// FuzzSection checks that the sections of a file are valid JSON values.
func FuzzSection(f *testing.F) {
	f.Add([]byte("run: {a: [1, {b: x}]}\nid: x"), "a")
	f.Fuzz(func(t *testing.T, data []byte, key string) {
		section, err := executors.ReadSection("x.yaml", data, "run")
		if err != nil || section == nil {
			return
		}
		if value, err := section.Value(); err == nil && strictjson.Depth(value) > strictjson.MaxDepth {
			t.Error("too deep")
		}
		if at := section.Errorf([]string{key}, "x").Error(); !strings.HasPrefix(at, "x.yaml:") {
			t.Error(at)
		}
	})
}
