//go:build unix

package docker_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/docker"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// TestOutputs covers containers with endless or binary output: the result is
// limited and is text, and the container is removed.
func TestOutputs(t *testing.T) { // not parallel: it measures memory
	const most = 256 << 10
	l := newLab(t)
	pol := executortest.Policy(t, policy.Config{Docker: policy.Docker{Images: []string{"tool:1"}, Host: l.engine.DaemonHost()}, Limits: policy.Limits{OutputBytes: most}})
	small := &lab{registry: executortest.Registry(t, pol, docker.New()), engine: l.engine}
	for name, c := range map[string]struct {
		more string
		kind executors.ErrorType
		cut  bool
	}{
		"a long one":       {`"command": ["pour", "out", "50000000"]`, "", true},
		"a long other one": {`"command": ["pour", "err", "50000000"]`, "", true},
		"without end":      {`"command": ["pour", "both", "-1"], "timeout": 3`, executors.TimeoutError, true},
		"bytes":            {`"command": ["pour", "bytes", "200000"]`, "", true}, // it grows when it is made text
	} {
		t.Run(name, func(t *testing.T) {
			var out docker.Output
			var failed *executors.Error
			peak := executortest.Peak(func() { out, failed = small.call(t.Context(), t, c.more) })
			if c.kind == "" && failed != nil || c.kind != "" && (failed == nil || failed.Type != c.kind) || out.Truncated != c.cut {
				t.Errorf("truncated %v, %+v", out.Truncated, failed)
			}
			for _, text := range []string{out.Logs.Stdout, out.Logs.Stderr} {
				if len(text) > most || !utf8.ValidString(text) || name != "bytes" && strings.Contains(text, "\uFFFD") {
					t.Errorf("%d bytes: %.100q", len(text), text)
				}
			}
			if len(out.Logs.Stdout+out.Logs.Stderr) == 0 {
				t.Error("nothing was kept")
			}
			if peak > 64<<20 {
				t.Errorf("it took %d MiB", peak>>20)
			}
			if left := small.containers(t); len(left) > 0 {
				t.Errorf("left behind: %+v", left)
			}
		})
	}
}
