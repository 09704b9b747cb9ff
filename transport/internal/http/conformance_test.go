package http

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
	"github.com/chainwright/chainwright/transport/mcp/mcptest"
)

// A server with everything that MCP's conformance suite requires, behind these
// guards, passes all tests of each revision.
func TestConformance(t *testing.T) {
	t.Parallel()
	suite := peers.FindProgram(t, "conformance")
	for _, revision := range []string{"2025-11-25", "2026-07-28"} {
		t.Run(revision, func(t *testing.T) {
			t.Parallel()
			web := httptest.NewUnstartedServer(nil)
			t.Cleanup(web.Close)
			s := made(t, mcptest.Suite(), Options{})
			s.handler = s.routes(demanding(http.HandlerFunc(s.serveSDK)))
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

// demanding refuses calls of test_missing_capability by clients that do not
// declare sampling. A handler of the SDK can't return that error.
func demanding(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := messageOf(r.Context())
		if m == nil || m.call == nil || m.call.Name != "test_missing_capability" || strings.Contains(string(m.Params), `"sampling"`) {
			next.ServeHTTP(w, r)
			return
		}
		refuse(w, http.StatusBadRequest, &jsonrpc.Error{
			Code: -32021, Message: "sampling is required", Data: json.RawMessage(`{"requiredCapabilities":{"sampling":{}}}`),
		}, m.ID)
	})
}
