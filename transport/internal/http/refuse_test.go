package http

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// An unknown name or an invalid request is refused with the code of the
// revision, and not with that of an internal error.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, e := range eras {
		if e.further {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			_, url := whole(t, e.opts)
			common, meta, status := e.headers(t, url, ""), "", http.StatusOK
			notFound := -32002
			if e.modern {
				meta, status, notFound = `,"_meta":{`+modernMeta+`}`, http.StatusBadRequest, -32602
			}
			for i, c := range []struct {
				method, name, params string
				code                 int
				says                 string
			}{
				{"resources/read", "run://x", `"uri":"run://x"`, notFound, "list_runs lists your runs"},
				{"resources/read", "executor://test_ech", `"uri":"executor://test_ech"`, notFound, "did you mean test_echo?"},
				{"resources/read", "nothing://x", `"uri":"nothing://x"`, notFound, "nothing://x"},
				{"prompts/get", "plan_task_tree", `"name":"plan_task_tree"`, -32602, "requirement is required"},
				{"resources/read", "executor://test_echo", `"uri":"executor://test_echo"`, 0, "input_schema"},
			} {
				headers := common
				if e.modern {
					headers = []string{"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", c.method, "Mcp-Name", c.name}
				}
				res, body := request(t, http.MethodPost, url+Path, fmt.Sprintf(`{"jsonrpc":"2.0","id":"%d","method":%q,"params":{%s%s}}`,
					i, c.method, c.params, meta), headers...)
				var got struct {
					ID    string
					Error struct{ Code int }
				}
				if err := json.Unmarshal([]byte(body), &got); err != nil || got.ID != fmt.Sprint(i) {
					t.Fatalf("%s gave %d %s (%v)", c.params, res.StatusCode, body, err)
				}
				want := status
				if c.code == 0 || (c.code == -32602 && !e.modern) {
					want = http.StatusOK
				}
				if got.Error.Code != c.code || res.StatusCode != want || !strings.Contains(body, c.says) {
					t.Errorf("%s gave %d %s", c.params, res.StatusCode, body)
				}
			}
		})
	}
}

// The response at an unknown path names the path of MCP.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	url := serve(t, bare(), Options{})
	for _, path := range []string{"/", "/sse", "/.well-known/oauth-protected-resource"} {
		if res, body := request(t, http.MethodGet, url+path, ""); res.StatusCode != http.StatusNotFound || !strings.Contains(body, "MCP is at /mcp") {
			t.Errorf("%s gave %d %s", path, res.StatusCode, body)
		}
	}
}
