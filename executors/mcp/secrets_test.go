package mcp_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/mcp"
	"github.com/chainwright/chainwright/executors/policy"
)

// parrot is a server whose tools echo their input; the name of a tool says
// where.
func parrot(w http.ResponseWriter, r *http.Request) {
	var m message
	if json.NewDecoder(r.Body).Decode(&m) != nil || r.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	if m.ID == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(reply object) {
		reply["jsonrpc"] = "2.0"
		text, _ := json.Marshal(reply)
		_, _ = fmt.Fprintf(w, "data: %s\n\n", text)
	}
	if m.Method != "tools/call" {
		reply := answer("2025-06-18", m)
		reply["id"] = m.ID
		send(reply)
		return
	}
	arguments, _ := m.Params["arguments"].(object)
	said := executortest.Echo(r.Header.Get("X-Api-Key")) + "\n" + executortest.Echo(fmt.Sprint(arguments["text"]))
	token := m.Params["_meta"].(object)["progressToken"]
	send(object{"method": "notifications/progress", "params": object{"progressToken": token, "progress": 1, "message": said}})
	content := []object{{"type": "text", "text": said}, {"type": "resource", "resource": object{"uri": "x:" + r.Header.Get("X-Api-Key"), "text": said}}}
	switch m.Params["name"] {
	case "result":
		send(object{"id": m.ID, "result": object{"content": content, "structuredContent": object{said: []string{said}}}})
	case "tool error":
		send(object{"id": m.ID, "result": object{"content": content, "isError": true}})
	case "error":
		send(object{"id": m.ID, "error": object{"code": -32000, "message": said, "data": said}})
	case "no event":
		_, _ = io.WriteString(w, "data: {"+said+"\n\n")
	}
}

func TestEchoedSecretsAreRedacted(t *testing.T) {
	t.Parallel()
	url, _ := counting(t, parrot)
	refusing, _ := counting(t, func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, executortest.Echo(r.Header.Get("X-Api-Key")), http.StatusInternalServerError)
	})
	cfg := policy.Config{Network: policy.Network{Allow: []string{"127.0.0.1"}}}
	vault := executortest.NewVault(t, cfg, executortest.BoundTo(url, refusing), mcp.New())
	call := func(url, tool string) executors.Outcome {
		return vault.Call("mcp_executor", object{
			"transport": "http", "url": url, "operation": "call_tool", "tool_name": tool,
			"headers": object{"X-Api-Key": executortest.Hole}, "arguments": object{"text": executortest.Hole},
		})
	}
	for _, tool := range []string{"result", "tool error", "error", "no event"} {
		outcome := call(url, tool)
		if (outcome.Err == nil) != (tool == "result") || strings.Count(vault.Progress(), "[secret]") < 12 {
			t.Errorf("%s: %s, %+v", tool, outcome.Result, outcome.Err)
		}
	}
	if outcome := call(refusing, "result"); outcome.Err == nil || !strings.Contains(outcome.Err.Message, "[secret]") {
		t.Errorf("%+v", outcome.Err)
	}
}

func TestSecretsFromPrograms(t *testing.T) {
	t.Parallel()
	const tell = `printf '{"jsonrpc":"2.0","id":%s,"result":{"isError":true,"content":[{"type":"text","text":"%s"}]}}\n' "$id" "$(printf %s "$KEY" | base64)"; exit 3`
	program := script(t, strings.ReplaceAll(greet, "LAST", executortest.EchoScript[:strings.LastIndex(executortest.EchoScript, "for each")]+"\n"+
		`for each in "$KEY" "$url" "$encoded"; do printf '%s\n' "$each" >&2; done; `+tell))
	cfg := policy.Config{Command: policy.Command{Programs: []policy.Program{{Path: program, Env: []string{"KEY"}}}}}
	vault := executortest.NewVault(t, cfg, policy.Secret{Executors: []string{"mcp_executor"}}, mcp.New())
	outcome := vault.Call("mcp_executor", object{
		"transport": "stdio", "command": []string{program}, "env": object{"KEY": executortest.Hole}, "operation": "call_tool", "tool_name": "x",
	})
	if outcome.Err == nil || strings.Count(string(outcome.Result), "[secret]") < 4 {
		t.Errorf("%s, %+v", outcome.Result, outcome.Err)
	}
}
