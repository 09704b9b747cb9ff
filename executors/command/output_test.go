//go:build unix

package command_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/command"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// Endless and binary output, of programs and of their children: the kept output
// is limited and valid text, and no process goes on writing.
func TestOutputs(t *testing.T) { // not parallel: it measures memory
	const most = 256 << 10
	pol := allowing(t, policy.Config{Limits: policy.Limits{OutputBytes: most}}, "sh")
	registry := executortest.Registry(t, pol, command.New())
	mark := "mark-" + rand.Text()
	for name, c := range map[string]struct {
		script string
		kind   executors.ErrorType
		cut    bool
		bytes  bool
	}{
		"a long one":           {"yes | head -c 200000000", "", true, false},
		"a long other one":     {"yes | head -c 200000000 >&2", "", true, false},
		"both without end":     {"yes " + mark + " & yes " + mark + " >&2", executors.TimeoutError, true, false},
		"a child's":            {"yes " + mark + " & sleep 0.2; exit 0", executors.TimeoutError, true, false},
		"bytes":                {"head -c 100000 /dev/urandom; head -c 100000 /dev/urandom >&2", "", true, true}, // they grow
		"nothing but NULs":     {"head -c 1000000 /dev/zero", "", true, false},
		"characters of some":   {"yes äöü€ | head -c 1000001", "", true, false},
		"an end in the middle": {"printf 'a\\303'", "", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			var outcome executors.Outcome
			peak := executortest.Peak(func() {
				outcome = executortest.Call(t, registry, "command_executor", fmt.Sprintf(`{"command": ["sh", "-c", %q], "timeout": 3}`, c.script))
			})
			var out command.Output
			if err := json.Unmarshal(outcome.Result, &out); err != nil {
				t.Fatalf("%v: %+v", err, outcome.Err)
			}
			failed := outcome.Err
			if name == "a child's" && failed == nil { // the child may end together with the program
				c.kind = ""
			}
			if c.kind == "" && failed != nil || c.kind != "" && (failed == nil || failed.Type != c.kind) || out.Truncated != c.cut {
				t.Errorf("truncated %v, %+v", out.Truncated, failed)
			}
			for _, text := range []string{out.Stdout, out.Stderr} {
				if len(text) > most || !utf8.ValidString(text) || !c.bytes && strings.Contains(text, "\uFFFD") {
					t.Errorf("%d bytes: %.100q", len(text), text)
				}
			}
			if (len(out.Warnings) > 0) != c.bytes {
				t.Errorf("warnings: %q", out.Warnings)
			}
			if peak > 64<<20 {
				t.Errorf("the call used %d MiB", peak>>20)
			}
			if left, err := exec.Command("pgrep", "-f", "yes "+mark).Output(); err == nil {
				t.Errorf("left behind: %s", left)
			}
		})
	}
}
