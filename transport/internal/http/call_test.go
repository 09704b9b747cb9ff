package http

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/transport/mcp/mcptest"
)

// An invalid call is refused with the same status and code as by the SDK, in
// every revision.
func TestRefusedCalls(t *testing.T) {
	t.Parallel()
	const (
		echo   = `"name":"test_echo","arguments":{"text":"x"}`
		newest = `"_meta":{` + modernMeta + `}`
		later  = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2027-01-01","io.modelcontextprotocol/clientCapabilities":{}}`
	)
	modern := func(changes ...string) []string {
		return append([]string{"MCP-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", "test_echo"}, changes...)
	}
	_, sessions := whole(t, Options{})
	_, stateless := whole(t, Options{Stateless: true})
	theirs := httptest.NewServer(mcptest.BareHTTP(mcptest.Tool{Name: "test_echo", Argument: "text"}))
	t.Cleanup(theirs.Close)
	for name, c := range map[string]struct {
		params  string
		headers []string
		status  int
		code    int // 0: the refusal is plain text
	}{
		"an unknown tool":             {`"name":"nothing"`, nil, 200, -32602},
		"no name":                     {`"arguments":{}`, nil, 200, -32602},
		"a number as the name":        {`"name":7`, nil, 200, -32600},
		"a list as _meta":             {`"name":"test_echo","_meta":[]`, nil, 200, -32600},
		"an unknown revision":         {echo, []string{"MCP-Protocol-Version", "1999-01-01"}, 400, 0},
		"a form's content type":       {echo, []string{"Content-Type", "text/plain"}, 400, 0},
		"newest, unknown tool":        {`"name":"nothing",` + newest, modern("Mcp-Name", "nothing"), 400, -32602},
		"newest, no name":             {newest, modern(), 400, -32020},
		"newest, another name":        {echo + "," + newest, modern("Mcp-Name", "test_fail"), 400, -32020},
		"newest, a name that is none": {echo + "," + newest, modern("Mcp-Name", "=?base64?*?="), 400, -32020},
		"newest, no name's header":    {echo + "," + newest, modern("Mcp-Name", ""), 400, -32020},
		"newest, another method":      {echo + "," + newest, modern("Mcp-Method", "tools/list"), 400, -32020},
		"newest, no method":           {echo + "," + newest, modern("Mcp-Method", ""), 400, -32020},
		"newest, to be resumed":       {echo + "," + newest, modern("Last-Event-ID", "1"), 400, -32020},
		"newest in the message alone": {echo + "," + newest, nil, 400, -32020},
		"newest in the header alone":  {echo, modern(), 400, -32602},
		"another in the header":       {echo + "," + newest, modern("MCP-Protocol-Version", "2025-11-25"), 400, -32020},
		"a later one in both":         {echo + "," + later, modern("MCP-Protocol-Version", "2027-01-01"), 400, -32022},
		"no capabilities":             {echo + `,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}`, modern(), 400, -32602},
		"newest, wrong content type":  {echo + "," + newest, modern("Content-Type", "text/plain"), 400, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := `{"jsonrpc":"2.0","id":"7","method":"tools/call","params":{` + c.params + `}}`
			for _, url := range []string{sessions + Path, stateless + Path, theirs.URL} {
				headers := c.headers
				if strings.HasPrefix(url, sessions) {
					headers = append([]string{"Mcp-Session-Id", session(t, sessions)}, headers...)
				}
				res, text := request(t, http.MethodPost, url, body, headers...)
				var reply struct {
					ID    string
					Error struct{ Code int }
				}
				err := json.Unmarshal([]byte(text), &reply)
				if res.StatusCode != c.status || reply.Error.Code != c.code || (c.code != 0) != (err == nil && reply.ID == "7") {
					t.Errorf("%s gave %d %s, want %d %d", url, res.StatusCode, text, c.status, c.code)
				}
			}
		})
	}
}

// A message whose arguments contain the text of the revision's key still
// belongs to its session.
func TestArgumentsChooseNoRevision(t *testing.T) {
	t.Parallel()
	_, url := whole(t, Options{})
	body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"test_echo","arguments":{"text":"\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\""}}}`
	if res, text := request(t, http.MethodPost, url+Path, body); res.StatusCode != http.StatusBadRequest || !strings.Contains(text, "Mcp-Session-Id header is required") {
		t.Errorf("without a session: %d %s", res.StatusCode, text)
	}
	if res, text := request(t, http.MethodPost, url+Path, body, "Mcp-Session-Id", "unknown"); res.StatusCode != http.StatusNotFound {
		t.Errorf("in an unknown session: %d %s", res.StatusCode, text)
	}
	if res, text := request(t, http.MethodPost, url+Path, body, "Mcp-Session-Id", session(t, url)); res.StatusCode != http.StatusOK || !strings.Contains(text, "protocolVersion") {
		t.Errorf("in its session: %d %s", res.StatusCode, text)
	}
}
