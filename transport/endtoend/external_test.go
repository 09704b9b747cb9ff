package endtoend

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"
)

// ownTree is an executor that needs nothing of the machine.
const ownTree = `id: twice
title: Twice
description: 'Doubles a number. Example: {"n": 2}'
toolset: own
annotations: {read_only: true, destructive: false, idempotent: true, open_world: false}
timeout: {default: 20, ceiling: 60}
input_schema: {type: object, required: [n], additionalProperties: false, properties: {n: {type: integer}}}
output_schema: {type: object, properties: {result: {}}}
run: {kind: tree, result: it, tree: [{id: it, name: data_processor, inputs: {data: "${{ inputs.n }}", operation: jq, program: ". * 2"}}]}
`

// Given a server that runs, when an executor's file is written, broken,
// mended, and taken away, then its client hears of it, and calls are answered
// by the last good version.
func TestExecutorsComeAndGo(t *testing.T) {
	t.Parallel()
	own := t.TempDir()
	h := newHome(t, map[string]any{"executors_dir": own, "log_level": "warn"})
	wire := h.wire()
	legacy := client.NewClient(wire, client.WithLegacyProtocolOnly()) //nolint:staticcheck // sessions are told without asking, which is what is tested
	require.NoError(t, legacy.Start(t.Context()))
	c := handshake(t, legacy)
	changed := make(chan struct{}, 100)
	c.OnNotification(func(n mcp.JSONRPCNotification) {
		if n.Method == mcp.MethodNotificationToolsListChanged {
			changed <- struct{}{}
		}
	})
	published := func() bool {
		list, err := c.ListTools(t.Context(), mcp.ListToolsRequest{})
		require.NoError(t, err)
		for _, tool := range list.Tools {
			if tool.Name == "twice" {
				return true
			}
		}
		return false
	}
	write := func(text string) {
		require.NoError(t, os.WriteFile(filepath.Join(own, "twice.yaml"), []byte(text), 0o600))
	}
	require.False(t, published())

	write(ownTree)
	wait(t, changed, "the word that the tools have changed")
	require.True(t, published())
	answer := call(t.Context(), t, c, "twice", map[string]any{"n": 21})
	require.Equal(t, "completed", answer["status"], answer)
	require.EqualValues(t, 42, answer["result"].(map[string]any)["result"])

	write("titel: " + ownTree)
	stdout, exit := h.command(t, "doctor")
	require.Equal(t, 1, exit)
	require.Contains(t, stdout, "twice.yaml:1: ")
	require.True(t, published())
	require.Equal(t, "completed", call(t.Context(), t, c, "twice", map[string]any{"n": 1})["status"])

	write(strings.Replace(ownTree, ". * 2", ". * 3", 1))
	wait(t, changed, "the word that the tools have changed")
	answer = call(t.Context(), t, c, "twice", map[string]any{"n": 2})
	require.EqualValues(t, 6, answer["result"].(map[string]any)["result"])

	require.NoError(t, os.Remove(filepath.Join(own, "twice.yaml")))
	wait(t, changed, "the word that the tools have changed")
	require.False(t, published())
}

// Given files that name another server, one to be started and one that runs,
// each of its tools is an executor here.
func TestToolsOfAnotherServer(t *testing.T) {
	t.Parallel()
	inner := newHome(t, map[string]any{"executors_dir": "none"})
	_, url := inner.http(t)
	own := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(own, name), []byte(text), 0o600))
	}
	write("started.yaml", "run:\n  kind: mcp\n  command: ["+program+", stdio, --store, memory, --executors-dir, none]\n  tools: [data_processor]\n  trust_annotations: true\n")
	write("running.yaml", "run:\n  kind: mcp\n  url: "+url+"\n  tools: [data_processor, get_run]\n")
	h := newHome(t, map[string]any{"executors_dir": own})
	for _, id := range []string{"started_data_processor", "running_data_processor"} {
		stdout, exit := h.command(t, "call", id, "--inputs", `{"data": [1, 2, 4]}`)
		require.Equal(t, 0, exit, stdout)
		require.Contains(t, stdout, `"result":7`)
		stdout, exit = h.command(t, "call", id, "--inputs", `{"data": 1, "operation": "jq", "program": "error(\"no\")"}`)
		require.Equal(t, 1, exit, stdout)
		require.Contains(t, stdout, `no`)
	}
	stdout, _ := h.command(t, "tools", "--json")
	require.Contains(t, stdout, `"running_get_run"`)
	write("running.yaml", "run: {kind: mcp, url: \"http://127.0.0.1:1/mcp\"}")
	stdout, exit := h.command(t, "doctor")
	require.Equal(t, 1, exit)
	require.Contains(t, stdout, "running.yaml:1: the server's tools can't be listed")
}
