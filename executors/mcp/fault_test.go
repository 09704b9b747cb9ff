package mcp_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/internal/toxic"
	"github.com/chainwright/chainwright/executors/mcp"
	"github.com/chainwright/chainwright/executors/policy"
)

// faults runs the table of network faults against a server over HTTP.
func faults(t *testing.T, address, path, call, answer string) {
	t.Helper()
	toxic.Faults(t, toxic.Peer{
		Address: address, Executor: "mcp_executor", Answer: answer, Secret: "hidden", Keeps: true, Tail: 300,
		Open: func(tb testing.TB, _ string) *executors.Registry {
			return executortest.Registry(tb, executortest.Policy(tb, policy.Config{Network: policy.Network{Allow: []string{"127.0.0.1"}}}), mcp.New())
		},
		Inputs: func(address string) string {
			return fmt.Sprintf(`{"transport": "http", "url": "http://%s%s?key=hidden", "headers": {"Authorization": "hidden"}, %s}`, address, path, call)
		},
	})
}

// TestFaults covers servers of the revisions with a handshake that respond
// with JSON or with a stream.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, events := range []bool{false, true} {
		t.Run(fmt.Sprint("events ", events), func(t *testing.T) {
			t.Parallel()
			faults(t, strings.TrimPrefix(old(t, "2025-06-18", events), "http://"), "/", `"operation": "call_tool", "tool_name": "long"`, "the end")
		})
	}
}

// TestRestart checks that a program that died during or after a call is started
// again for the next call.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	answer := `echo '{"jsonrpc":"2.0","id":'$id',"result":{"tools":[]}}'`
	program := script(t, "first=yes; [ -e "+dir+"/begun ] && first=no; echo $$ >"+dir+"/begun\n"+
		strings.ReplaceAll(greet, "LAST", "[ $first = yes ] && echo why >&2 && exit 1; "+answer))
	d := newCaller(t, policy.Config{}, program)
	inputs := object{"transport": "stdio", "command": []string{program}, "operation": "list_tools"}
	if out, err := d.call(t.Context(), inputs); err == nil || err.Type != executors.ExecutionError || !strings.Contains(out.Stderr, "why") {
		t.Fatalf("it dies in the call: %+v, %+v", out, err)
	}
	for range 2 {
		if _, err := d.call(t.Context(), inputs); err != nil {
			t.Fatalf("the next call: %+v", err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "begun"))
		if err != nil {
			t.Fatal(err)
		}
		id, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		running, err := os.FindProcess(id)
		if err != nil {
			t.Fatal(err)
		}
		if err := running.Kill(); err != nil {
			t.Fatal(err)
		}
		for len(processes(t, program)) > 0 && t.Context().Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
	}
}
