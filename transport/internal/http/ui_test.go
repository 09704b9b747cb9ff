package http

import (
	"net/http"
	"strings"
	"testing"
)

// A session whose handshake declares the extension is told of the App, and so is a
// request of the newest revision that declares it. Others are not.
func TestUIInSessions(t *testing.T) {
	t.Parallel()
	const declared = `{"extensions":{"io.modelcontextprotocol/ui":{"mimeTypes":["text/html;profile=mcp-app"]}}}`
	_, url := whole(t, Options{})
	_, stateless := whole(t, Options{Stateless: true})
	const list = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	tells := func(url, body string, headers ...string) bool {
		t.Helper()
		res, text := request(t, http.MethodPost, url+Path, body, headers...)
		if res.StatusCode != http.StatusOK || !strings.Contains(text, `"run_task_tree"`) {
			t.Fatalf("%d %s", res.StatusCode, text)
		}
		return strings.Contains(text, "ui://chainwright/run.html") && strings.Contains(text, `"run_view"`)
	}
	for capabilities, want := range map[string]bool{declared: true, `{}`: false, `{"extensions":{"io.modelcontextprotocol/tasks":{}}}`: false} {
		if got := tells(url, list, hello(t, url, "2025-11-25", capabilities)...); got != want {
			t.Errorf("a session with %s is told: %v", capabilities, got)
		}
		newest := strings.Replace(list, `"tools/list"`, `"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":`+capabilities+`}}`, 1)
		for _, at := range []string{url, stateless} {
			if got := tells(at, newest, "MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/list"); got != want {
				t.Errorf("a request with %s is told: %v", capabilities, got)
			}
		}
	}
	if tells(stateless, list, hello(t, stateless, "2025-11-25", declared)...) {
		t.Error("without sessions nothing is known of the client")
	}
}
