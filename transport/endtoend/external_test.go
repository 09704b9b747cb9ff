package endtoend

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// ownTree is an executor that needs nothing else from the machine.
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

// When the file of an executor is written, broken, repaired and removed, the
// client of a running server is notified, and calls use the last valid version.
func TestExecutorsComeAndGo(t *testing.T) {
	t.Parallel()
	own := t.TempDir()
	h := newHome(t, map[string]any{"executors_dir": own, "log_level": "warn"})
	c, changed := h.told(t)
	published := func() bool { return slices.Contains(published(t, c), "twice") }
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

// Files for two other servers, one to start and one that is running: each of
// their tools is an executor here.
func TestToolsOfAnotherServer(t *testing.T) {
	t.Parallel()
	inner := newHome(t, map[string]any{"executors_dir": "none"})
	_, url := inner.http(t)
	own := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(own, name), []byte(text), 0o600))
	}
	write("started.yaml", "run:\n  kind: mcp\n  command: ["+peers.Chainwright(t)+", stdio, --store, memory, --executors-dir, none]\n  tools: [data_processor]\n  trust_annotations: true\n")
	write("running.yaml", "run:\n  kind: mcp\n  url: "+url+"\n  tools: [data_processor, get_run]\n")
	h := newHome(t, map[string]any{"executors_dir": own})
	for _, id := range []string{"started_data_processor", "running_data_processor"} {
		stdout, exit := h.command(t, "call", id, "--inputs", `{"data": [1, 2, 4]}`)
		require.Equal(t, 0, exit, stdout)
		require.Contains(t, stdout, `"result":7`)
		stdout, exit = h.command(t, "call", id, "--inputs", `{"data": [1], "operation": "jq", "program": "error(\"no\")"}`)
		require.Equal(t, 1, exit, stdout)
		require.Contains(t, stdout, `no`)
	}
	stdout, _ := h.command(t, "tools", "--json")
	require.Contains(t, stdout, `"running_get_run"`)
	write("running.yaml", "run: {kind: mcp, url: \"http://127.0.0.1:1/mcp\"}")
	stdout, exit := h.command(t, "doctor")
	require.Equal(t, 1, exit)
	require.Contains(t, stdout, "running.yaml:1: listing the server's tools failed")
}
