package ssh_test

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/ssh"
)

// TestOutputs covers endless and binary outputs and endless files: the result is
// limited, is text, and no process is left on the host.
func TestOutputs(t *testing.T) { // not parallel: it measures memory
	const most = 256 << 10
	l := newLab(t, func(_ *lab, cfg *policy.Config) { cfg.Limits.OutputBytes = most })
	mark := "mark-" + rand.Text()
	for name, c := range map[string]struct {
		more string
		kind executors.ErrorType
		cut  bool
	}{
		"a long one":              {`"command": "head -c 100000000 /dev/zero | tr '\\0' x"`, "", true},
		"a long other one":        {`"command": "head -c 100000000 /dev/zero | tr '\\0' x >&2"`, "", true},
		"both without end":        {`"command": "yes ` + mark + ` & yes ` + mark + ` >&2", "timeout": 2`, executors.TimeoutError, true},
		"one without end":         {`"command": "yes ` + mark + ` >&2", "timeout": 2`, executors.TimeoutError, true},
		"bytes":                   {`"command": "head -c 100000 /dev/urandom; head -c 100000 /dev/urandom >&2"`, "", true}, // it grows when it is made text
		"long, of many bytes":     {`"command": "yes äöü€ | head -c 1000001"`, "", true},
		"a file that is too long": {`"command": "truncate -s 3000000 large", "download": [{"from": "large"}]`, executors.ExecutionError, false},
		"a file of bytes":         {`"command": "head -c 50000 /dev/urandom > bytes", "download": [{"from": "bytes"}]`, "", false},
		"a file of NULs":          {`"command": "head -c 100000 /dev/zero > nul", "download": [{"from": "nul"}]`, "", false},
		"a file without end":      {`"download": [{"from": "/dev/zero"}]`, executors.ExecutionError, false},
		"a pipe":                  {`"command": "rm -f pipe; mkfifo pipe", "download": [{"from": "pipe"}]`, executors.ExecutionError, false},
	} {
		t.Run(name, func(t *testing.T) {
			var out ssh.Output
			var failed *executors.Error
			peak := executortest.Peak(func() { out, failed = l.call(t.Context(), `{"host": "web01", `+c.more+`}`) })
			if c.kind == "" && failed != nil || c.kind != "" && (failed == nil || failed.Type != c.kind) || out.Truncated != c.cut {
				t.Errorf("truncated %v, %+v", out.Truncated, failed)
			}
			for _, text := range []string{out.Stdout, out.Stderr} {
				if len(text) > most || !utf8.ValidString(text) || name != "bytes" && strings.Contains(text, "\uFFFD") {
					t.Errorf("%d bytes: %.100q", len(text), text)
				}
			}
			if (len(out.Warnings) > 0) != (name == "bytes") {
				t.Errorf("warnings: %q", out.Warnings)
			}
			if peak > 64<<20 {
				t.Errorf("it took %d MiB", peak>>20)
			}
			if left := lines(t, mark); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// lines returns the command lines that contain a word.
func lines(t *testing.T, word string) (found []string) {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if line, err := os.ReadFile(entry); err == nil && strings.Contains(string(line), word) {
			found = append(found, fmt.Sprintf("%q", line))
		}
	}
	return found
}
