package executortest

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// update is the flag of every test package with golden files. `make update`
// passes it to all of them.
var update = flag.Bool("update", false, "write the golden files instead of comparing them")

// Golden compares a text with a golden file. With -update it writes the file.
// Tests that call it are named TestGolden…, so that make update finds them.
func Golden(tb testing.TB, path string, got []byte) {
	tb.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			tb.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		tb.Errorf("%v; make update writes it", err)
		return
	}
	if diff := cmp.Diff(string(bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))), string(got)); diff != "" {
		tb.Errorf("%s differs (-want +got); if that is intended, run make update:\n%s", path, diff)
	}
}
