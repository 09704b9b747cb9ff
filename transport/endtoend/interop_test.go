package endtoend

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// In a run, mcp_executor calls two other servers: the npm server-everything and
// a second instance of this program. Inspector can use the server during the
// run, and sees the end of the run.
func TestInspectorWhileOtherServersAreDriven(t *testing.T) {
	t.Parallel()
	inspector := peers.FindProgram(t, "mcp-inspector")
	everything, another := serveEverything(t), serve(t)
	// The run lasts until the test lets the gate answer.
	open := make(chan struct{})
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-open:
			w.WriteHeader(http.StatusNoContent)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(gate.Close)
	config := filepath.Join(t.TempDir(), "chainwright.yaml")
	allowed := fmt.Sprintf("policy: {network: {allow: [%q, %q, %q]}}\n", host(t, everything), host(t, another), host(t, gate.URL))
	if err := os.WriteFile(config, []byte(allowed), 0o600); err != nil {
		t.Fatal(err)
	}
	target := serve(t, "--config", config)
	call := func(tool, args string) answer {
		t.Helper()
		code, out, errs := inspector.Run(t, "--cli", target, "--method", "tools/call", "--tool-name", tool, "--tool-args-json", args, "--format", "json")
		var got struct {
			Result struct{ StructuredContent answer }
		}
		if err := json.Unmarshal([]byte(out), &got); code != ok || err != nil {
			t.Fatalf("%s: exit %d, %v\n%s\n%s", tool, code, err, out, errs)
		}
		return got.Result.StructuredContent
	}

	tree := strings.NewReplacer("EVERYTHING", everything, "ANOTHER", another, "GATE", gate.URL).Replace(`{"wait_seconds": 0, "tasks": [
		{"id": "slow", "schemas": {"method": "mcp_executor"}, "inputs": {"transport": "http", "url": "EVERYTHING", "operation": "call_tool",
			"tool_name": "trigger-long-running-operation", "arguments": {"duration": 1, "steps": 4}, "timeout": 600}},
		{"id": "gate", "schemas": {"method": "rest_executor"}, "inputs": {"url": "GATE"}, "timeout": 600},
		{"id": "sum", "schemas": {"method": "mcp_executor"}, "inputs": {"transport": "http", "url": "ANOTHER", "operation": "call_tool",
			"tool_name": "data_processor", "arguments": {"data": [1, 2, 4], "operation": "sum"}, "timeout": 600}},
		{"id": "echo", "schemas": {"method": "mcp_executor"}, "dependencies": ["slow", "gate"], "inputs": {"transport": "http", "url": "EVERYTHING", "operation": "call_tool",
			"tool_name": "echo", "arguments": {"message": "the sum is ${{ tasks.sum.result.result.structuredContent.result.result }}"}}}]}`)
	begun := call("run_task_tree", tree)
	if begun.RunID == "" || begun.Status != "in_progress" {
		t.Fatalf("the run began as %+v", begun)
	}
	if code, out, errs := inspector.Run(t, "--cli", target, "--method", "tools/list", "--strict"); code != ok || !strings.Contains(out, "mcp_executor") {
		t.Errorf("the list: exit %d\n%s\n%s", code, out, errs)
	}
	if sum := call("data_processor", `{"data": [20, 22], "operation": "sum"}`); sum.Status != "completed" {
		t.Errorf("a call beside the run: %+v", sum)
	}
	if still := call("get_run", fmt.Sprintf(`{"run_id": %q}`, begun.RunID)); still.Status != "in_progress" {
		t.Errorf("Inspector came too late to be beside the run: %s %s", still.Status, still.Result)
	}
	close(open)
	ended := call("get_run", fmt.Sprintf(`{"run_id": %q, "wait_seconds": 300}`, begun.RunID))
	echoed := call("get_run", fmt.Sprintf(`{"run_id": %q, "task": "echo"}`, begun.RunID))
	if ended.Status != "completed" || !strings.Contains(string(echoed.Result), "Echo: the sum is 7") {
		t.Errorf("the run ended as %s %s, with %s", ended.Status, ended.Result, echoed.Result)
	}
}

// answer is the envelope of every tool.
type answer struct {
	Status string          `json:"status"`
	RunID  string          `json:"run_id"`
	Result json.RawMessage `json:"result"`
}

// serveEverything starts the npm server that clients are tested with over HTTP,
// and returns its address.
func serveEverything(t *testing.T) string {
	t.Helper()
	program := peers.FindProgram(t, "mcp-server-everything").Path
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.Command(program, "streamableHttp")
	cmd.Env = append(os.Environ(), "PORT="+port)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for end := time.Now().Add(executortest.Patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return "http://" + address + "/mcp"
		}
	}
	t.Fatal("server-everything did not begin to listen")
	return ""
}

func host(t *testing.T, address string) string {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Host
}
