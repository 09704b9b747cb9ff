package http

import (
	"encoding/json"
	"fmt"
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
			code, out, errs := suite.Run(t, "server", "--url", fixtures(t), "--requirements", revision)
			if code != 0 || !strings.Contains(out, "Total:") {
				_, summary, _ := strings.Cut(out, "=== SUMMARY ===")
				t.Errorf("exit %d\n%s\n%s", code, summary, errs)
			}
		})
	}
}

// The same server passes the suite's tests of tasks, which it runs only when told
// to. That of notifications is left out, because it has no checks.
func TestConformanceOfTasks(t *testing.T) {
	t.Parallel()
	suite := peers.FindProgram(t, "conformance")
	for name, checks := range map[string]int{
		"tasks-lifecycle": 9, "tasks-capability-negotiation": 5, "tasks-wire-fields": 4, "tasks-request-state-removal": 3, "tasks-mrtr-input": 4,
		"tasks-request-headers": 5, "tasks-dispatch-and-envelope": 9, "tasks-required-task-error": 3, "tasks-mrtr-composition": 2,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, out, errs := suite.Run(t, "server", "--url", fixtures(t), "--scenario", name, "--force", "--spec-version", "2026-07-28")
			passed, total := 0, -1
			if _, counts, ok := strings.Cut(out, "Passed: "); ok {
				_, _ = fmt.Sscanf(counts, "%d/%d", &passed, &total)
			}
			if code != 0 || passed != checks || total != checks {
				t.Errorf("exit %d, %d of %d checks passed, want %d\n%s\n%s", code, passed, total, checks, out, errs)
			}
		})
	}
}

// fixtures serves the server with everything that the suite requires, and returns
// its address.
func fixtures(t *testing.T) string {
	t.Helper()
	web := httptest.NewUnstartedServer(nil)
	t.Cleanup(web.Close)
	s := made(t, mcptest.Suite(), Options{})
	s.handler = s.routes(demanding(http.HandlerFunc(s.serveSDK)))
	web.Config.Handler = s.Handler()
	web.Start()
	return web.URL + Path
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
