package endtoend

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// The program passes everything in the suite that does not need the suite's own
// fixtures.
func TestConformance(t *testing.T) {
	t.Parallel()
	suite := peers.FindProgram(t, "conformance")
	for name, c := range map[string]struct {
		revision string
		args     []string
	}{
		"2025-11-25":            {"2025-11-25", nil},
		"2026-07-28":            {"2026-07-28", nil},
		"2026-07-28, stateless": {"2026-07-28", []string{"--stateless"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expected, err := filepath.Abs(filepath.Join("testdata", "expected-failures-"+c.revision+".yaml"))
			if err != nil {
				t.Fatal(err)
			}
			code, out, errs := suite.Run(t, "server", "--url", serve(t, c.args...), "--requirements", c.revision, "--expected-failures", expected)
			if code != 0 || !strings.Contains(out, "Baseline check passed") {
				_, summary, _ := strings.Cut(out, "=== SUMMARY ===")
				t.Errorf("exit %d\n%s\n%s", code, summary, errs)
			}
		})
	}
}
