package http

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/transport/npmtest"
)

// Given a server with all that MCP's conformance suite asks of one, behind
// this chain of guards, everything that each revision requires passes.
func TestConformance(t *testing.T) {
	t.Parallel()
	suite := npmtest.Find(t, "conformance")
	for _, revision := range []string{"2025-11-25", "2026-07-28"} {
		t.Run(revision, func(t *testing.T) {
			t.Parallel()
			web := httptest.NewUnstartedServer(nil)
			t.Cleanup(web.Close)
			s := made(t, suiteServer(t), Options{})
			s.handler = s.routes(demanding(s.mcp))
			web.Config.Handler = s.Handler()
			web.Start()
			code, out, errs := suite.Run(t, "server", "--url", web.URL+Path, "--requirements", revision)
			if code != 0 || !strings.Contains(out, "Total:") {
				_, summary, _ := strings.Cut(out, "=== SUMMARY ===")
				t.Errorf("exit %d\n%s\n%s", code, summary, errs)
			}
		})
	}
}
