package mcp_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chainwright/chainwright/executors/internal/toxic"
	"github.com/chainwright/chainwright/executors/policy"
)

// TestConnectionsAreShared counts the TCP connections of a session.
func TestConnectionsAreShared(t *testing.T) {
	t.Parallel()
	network := toxic.New(t, strings.TrimPrefix(old(t, "2025-06-18", false), "http://"))
	d := newCaller(t, policy.Config{})
	base := object{"transport": "http", "url": "http://" + network.Address, "operation": "call_tool", "tool_name": "add"}
	for range 20 {
		if _, err := d.call(t.Context(), base); err != nil {
			t.Fatal(err)
		}
	}
	if n := network.Connections(); n != 1 {
		t.Errorf("%d connections for 20 calls, one after the other", n)
	}
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			if _, err := d.call(t.Context(), base); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := network.Connections(); n > 32 {
		t.Errorf("%d connections for 32 calls at a time", n)
	}
}

// TestProgramsAreShared checks that all calls share a program, and that it is
// started again after it has ended.
func TestProgramsAreShared(t *testing.T) {
	t.Parallel()
	starts := filepath.Join(t.TempDir(), "starts")
	program := script(t, "echo $$ >>"+starts+strings.ReplaceAll(greet, "LAST", `echo '{"jsonrpc":"2.0","id":'$id',"result":{"tools":[]}}'`))
	d := newCaller(t, policy.Config{}, program)
	call := func() {
		if _, err := d.call(t.Context(), object{"transport": "stdio", "command": []string{program}, "operation": "list_tools"}); err != nil {
			t.Error(err)
		}
	}
	for range 10 {
		call()
	}
	var all sync.WaitGroup
	for range 16 {
		all.Go(call)
	}
	all.Wait()
	text, err := os.ReadFile(starts)
	if err != nil || strings.Count(string(text), "\n") != 1 {
		t.Errorf("it was started as %q, %v", text, err)
	}
}
