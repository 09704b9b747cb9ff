package endtoend

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// block is a part of a message in Anthropic's protocol.
type block struct {
	Type      string          `json:"type"`
	Text      string          `json:"text,omitempty"`
	ID        string          `json:"id,omitempty"`
	Name      string          `json:"name,omitempty"`
	Input     any             `json:"input,omitempty"`
	ToolUseID string          `json:"tool_use_id,omitempty"`
	ToolName  string          `json:"tool_name,omitempty"`
	Content   json.RawMessage `json:"content,omitempty"`
}

// scriptedModel answers as Anthropic's API: each request that offers tools gets
// the next step, which is the use of a tool or the last text.
type scriptedModel struct {
	*httptest.Server

	mu    sync.Mutex
	steps []block
	turn  int
	// results are what the tools of the steps answered, as the model got it.
	results []block
	system  string
}

func newScriptedModel(t *testing.T, steps []block) *scriptedModel {
	t.Helper()
	m := &scriptedModel{steps: steps}
	m.Server = httptest.NewServer(m)
	t.Cleanup(m.Close)
	return m
}

// ServeHTTP implements http.Handler.
func (m *scriptedModel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Model    string
		Stream   bool
		System   json.RawMessage
		Tools    []json.RawMessage
		Messages []struct{ Content json.RawMessage }
	}
	raw, _ := io.ReadAll(r.Body)
	if !strings.HasSuffix(r.URL.Path, "/messages") || json.Unmarshal(raw, &asked) != nil {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"input_tokens": 10, "data": []}`)
		return
	}
	step := block{Type: "text", Text: `{"title": "x"}`}
	if len(asked.Tools) > 0 {
		m.mu.Lock()
		m.results = nil
		for _, message := range asked.Messages {
			var parts []block
			if json.Unmarshal(message.Content, &parts) != nil {
				continue // a text
			}
			for _, part := range parts {
				if part.Type == "tool_result" {
					m.results = append(m.results, part)
				}
			}
		}
		m.system = string(asked.System) + string(raw)
		step = block{Type: "text", Text: "done"}
		if m.turn < len(m.steps) {
			step = m.steps[m.turn]
		}
		m.turn++
		m.mu.Unlock()
	}
	respond(w, asked.Model, asked.Stream, step)
}

// respond writes a message with one block.
func respond(w http.ResponseWriter, model string, stream bool, step block) {
	reason, begun, delta := "end_turn", map[string]any{"type": "text", "text": ""}, map[string]any{"type": "text_delta", "text": step.Text}
	if step.Type == "tool_use" {
		input, _ := json.Marshal(step.Input)
		reason, begun = "tool_use", map[string]any{"type": "tool_use", "id": step.ID, "name": step.Name, "input": map[string]any{}}
		delta = map[string]any{"type": "input_json_delta", "partial_json": string(input)}
	}
	message := map[string]any{
		"id": "msg_" + step.ID, "type": "message", "role": "assistant", "model": model, "content": []any{step},
		"stop_reason": reason, "stop_sequence": nil, "usage": map[string]any{"input_tokens": 1, "output_tokens": 1},
	}
	if !stream {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(message)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	event := func(name string, data map[string]any) {
		data["type"] = name
		text, _ := json.Marshal(data)
		fmt.Fprintf(w, "event: %s\ndata: %s\n\n", name, text)
	}
	message["content"], message["stop_reason"] = []any{}, nil
	event("message_start", map[string]any{"message": message})
	event("content_block_start", map[string]any{"index": 0, "content_block": begun})
	event("content_block_delta", map[string]any{"index": 0, "delta": delta})
	event("content_block_stop", map[string]any{"index": 0})
	event("message_delta", map[string]any{"delta": map[string]any{"stop_reason": reason, "stop_sequence": nil}, "usage": map[string]any{"output_tokens": 1}})
	event("message_stop", map[string]any{})
}

// TestFiveRequestsInClaudeCode plays an assistant in Claude Code, which defers the
// tools of MCP servers: each search finds the tool at once, and the first call of
// it succeeds.
func TestFiveRequestsInClaudeCode(t *testing.T) {
	claude := filepath.Join(installed(t, "claude"), "node_modules", ".bin", "claude")
	p := newClientsPlace(t)
	requests := p.calls(t, "requests.yaml", "claude")
	const prefix = "mcp__chainwright__"
	var steps []block
	for i, each := range requests {
		steps = append(steps,
			block{Type: "tool_use", ID: fmt.Sprintf("toolu_search%d", i), Name: "ToolSearch", Input: map[string]any{"query": each.Search, "max_results": 3}},
			block{Type: "tool_use", ID: fmt.Sprintf("toolu_call%d", i), Name: prefix + each.Tool, Input: each.Arguments})
	}
	model := newScriptedModel(t, append(steps, block{Type: "text", Text: "all done"}))
	d := p.describe(t)
	servers := filepath.Join(p.dir, "servers.json")
	write(t, servers, encoded(t, map[string]any{"mcpServers": map[string]any{"chainwright": map[string]any{"command": d.Command, "args": d.Args, "env": d.Env}}}))
	user := filepath.Join(p.dir, "user")
	require.NoError(t, os.Mkdir(user, 0o700))

	cmd := exec.CommandContext(t.Context(), claude, "-p", "Do what I ask, one thing after the other.", "--mcp-config", servers, "--strict-mcp-config",
		"--allowedTools", "mcp__chainwright", "ToolSearch", "--model", "scripted-model", "--max-turns", "20")
	cmd.Dir = user
	cmd.Env = []string{
		"PATH=" + filepath.Dir(node(t)) + ":" + os.Getenv("PATH"), "HOME=" + user, "TERM=dumb", "LANG=C.UTF-8", "ANTHROPIC_BASE_URL=" + model.URL, "ANTHROPIC_API_KEY=none",
		// Nothing but the scripted model can be reached.
		"HTTPS_PROXY=http://127.0.0.1:9", "HTTP_PROXY=http://127.0.0.1:9", "NO_PROXY=127.0.0.1",
		"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "DISABLE_AUTOUPDATER=1", "DISABLE_TELEMETRY=1",
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "all done")
	require.Contains(t, model.system, "run_task_tree", "the server's tools or instructions do not reach the model")
	require.Len(t, model.results, 2*len(requests))
	for i, each := range requests {
		var found []block
		require.NoError(t, json.Unmarshal(model.results[2*i].Content, &found), "%s: a search finds nothing: %s", each.Search, model.results[2*i].Content)
		var names []string
		for _, reference := range found {
			names = append(names, strings.TrimPrefix(reference.ToolName, prefix))
		}
		require.Contains(t, names, each.Tool, "searching for %q", each.Search)
		text := strings.ReplaceAll(string(model.results[2*i+1].Content), `\`, "")
		require.Contains(t, text, each.Want, "the first call of %s", each.Tool)
		require.NotContains(t, text, `"error_type"`, "the first call of %s", each.Tool)
		t.Logf("%q finds %v", each.Search, names)
	}
}

// TestFiveRequests plays the same assistant where discovery takes the place of a
// client's search: the first executor found is the right one.
func TestFiveRequests(t *testing.T) {
	t.Parallel()
	p := newClientsPlace(t)
	c := p.stdio(t)
	discovering := p.home
	discovering.variables = append(discovering.variables, "CHAINWRIGHT_DISCOVERY=true")
	finding := discovering.stdio(t)
	for _, each := range p.calls(t, "requests.yaml", "gate") {
		t.Run(each.Tool, func(t *testing.T) {
			envelope := call(t.Context(), t, c, each.Tool, each.Arguments)
			require.Equal(t, "completed", envelope["status"], envelope)
			require.Contains(t, encoded(t, envelope), each.Want)
			if each.Tool == "run_task_tree" {
				return // it is published with discovery, too
			}
			found := call(t.Context(), t, finding, "find_executor", map[string]any{"query": each.Search})
			list := found["result"].(map[string]any)["executors"].([]any)
			require.NotEmpty(t, list, found)
			require.Equal(t, each.Tool, list[0].(map[string]any)["id"], "searching for %q", each.Search)
		})
	}
}
