package http

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
)

// A client that does not accept an event stream gets a plain response.
func TestClientWithoutStreams(t *testing.T) {
	t.Parallel()
	_, url := whole(t, Options{Stateless: true})
	res, body := request(t, http.MethodPost, url+Path, era{}.call("1", "test_steps", `{"steps":3}`, "1"), "Accept", "application/json")
	if res.Header.Get("Content-Type") != "application/json" || !strings.Contains(body, `"completed"`) {
		t.Errorf("got %s: %s", res.Header.Get("Content-Type"), body)
	}
}

// A request that asks for fewer tools can list and call only those, and never
// others.
func TestNarrowing(t *testing.T) {
	t.Parallel()
	_, url := whole(t, Options{Stateless: true}, toolstest.WithTools(func(o *tools.Options) { o.Exclude = []string{"test_big"} }))
	list := func(headers ...string) string {
		_, body := request(t, http.MethodPost, url+Path, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, headers...)
		var ev event
		if err := json.Unmarshal([]byte(body), &ev); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, tool := range ev.Result.Tools {
			names = append(names, tool.Name)
		}
		return strings.Join(names, " ")
	}
	for _, c := range []struct {
		headers []string
		want    string
	}{
		{nil, "cancel_run describe_executor get_run list_runs retry_run run_task_tree test_echo test_fail test_steps validate_task_tree"},
		{[]string{HeaderToolsets, "test"}, "test_echo test_fail test_steps"},
		{[]string{HeaderTools, "test_echo, get_run,test_big"}, "get_run test_echo"},
		{[]string{HeaderToolsets, "test", HeaderExclude, "test_echo"}, "test_fail test_steps"},
		{[]string{HeaderReadOnly, "true", HeaderToolsets, "runs"}, "get_run list_runs validate_task_tree"},
		{[]string{HeaderTools, "none"}, ""},
	} {
		if got := list(c.headers...); got != c.want {
			t.Errorf("%v: got %s, want %s", c.headers, got, c.want)
		}
	}
	for name, c := range map[string]struct {
		tool, arguments, text string
		headers               []string
	}{
		"taken away":          {"test_echo", `{"text":"x"}`, "not found", []string{HeaderTools, "get_run"}},
		"excluded for all":    {"test_big", `{"bytes":1}`, "not found", []string{HeaderTools, "test_big"}},
		"a change":            {"test_fail", `{"how":"with_output"}`, "permission_denied", []string{HeaderReadOnly, "1"}},
		"reading":             {"test_fail", `{"how":"error"}`, "network_error", []string{HeaderReadOnly, "1"}},
		"excluded in a tree":  {"run_task_tree", `{"tasks":[{"schemas":{"method":"test_echo"},"inputs":{"text":"x"}}]}`, "permission_denied", []string{HeaderExclude, "test_echo"}},
		"a run, reading only": {"run_task_tree", `{"tasks":[]}`, "not found", []string{HeaderReadOnly, "1"}},
	} {
		_, body := request(t, http.MethodPost, url+Path, era{}.call("1", c.tool, c.arguments, ""), c.headers...)
		if !strings.Contains(body, c.text) {
			t.Errorf("%s: got %s, want %q in it", name, body, c.text)
		}
	}
}

// A batch gets a batch of replies in the revision that has batches. The other
// revisions refuse it.
func TestBatch(t *testing.T) {
	t.Parallel()
	_, url := whole(t, Options{})
	id := session(t, url)
	batch := `[` + era{}.call("1", "test_echo", `{"text":"x"}`, "") + `,{"jsonrpc":"2.0","method":"notifications/initialized"},` + ping + `,{"id":3}]`
	res, body := request(t, http.MethodPost, url+Path, batch, "Mcp-Session-Id", id, "MCP-Protocol-Version", "2025-03-26")
	var replies []event
	if err := json.Unmarshal([]byte(body), &replies); err != nil || len(replies) != 3 || res.StatusCode != 200 {
		t.Fatalf("got %d %s", res.StatusCode, body)
	}
	if status, _ := replies[0].status(t); status != "completed" || replies[2].Error == nil {
		t.Errorf("got %s", body)
	}
	if res, body := request(t, http.MethodPost, url+Path, batch, "Mcp-Session-Id", id, "MCP-Protocol-Version", "2025-11-25"); res.StatusCode != 400 {
		t.Errorf("got %d %s", res.StatusCode, body)
	}
	if res, body := request(t, http.MethodPost, url+Path, `[{"jsonrpc":"2.0","method":"notifications/initialized"}]`, "Mcp-Session-Id", id); res.StatusCode != 202 || body != "" {
		t.Errorf("got %d %s", res.StatusCode, body)
	}
}
