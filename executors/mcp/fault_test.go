package mcp_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/toxic"
	"github.com/chainwright/chainwright/executors/mcp"
	"github.com/chainwright/chainwright/executors/policy"
)

// faults holds calls to a server over HTTP to the table of faults.
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

// Faults between us and servers of the revisions with a handshake, which
// answer at once or in a stream.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, events := range []bool{false, true} {
		t.Run(fmt.Sprint("events ", events), func(t *testing.T) {
			t.Parallel()
			faults(t, strings.TrimPrefix(old(t, "2025-06-18", events), "http://"), "/", `"operation": "call_tool", "tool_name": "long"`, "the end")
		})
	}
}
