package endtoend

import (
	"encoding/json"
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

	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// scriptedTree is what the scripted model runs when it is asked to measure.
const scriptedTree = `{"tasks": [
	{"id": "cpu", "executor": "system_info_executor", "inputs": {"resource": "cpu"}},
	{"id": "memory", "executor": "system_info_executor", "inputs": {"resource": "memory"}}]}`

// openAI answers as OpenAI's API, in both of its forms: to the first request with a
// call of run_task_tree, and with a text as soon as there is a result.
type openAI struct {
	*httptest.Server

	mu      sync.Mutex
	results []string
}

func newOpenAI(t *testing.T) *openAI {
	t.Helper()
	m := &openAI{}
	m.Server = httptest.NewServer(m)
	t.Cleanup(m.Close)
	return m
}

// ServeHTTP implements http.Handler.
func (m *openAI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Messages []struct {
			Role    string
			Content json.RawMessage
		}
		Input []struct {
			Type   string
			Output json.RawMessage
		}
	}
	raw, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(raw, &asked) // what is not read is missing below
	m.mu.Lock()
	before := len(m.results)
	for _, message := range asked.Messages {
		if message.Role == "tool" {
			m.results = append(m.results, string(message.Content))
		}
	}
	for _, item := range asked.Input {
		if item.Type == "function_call_output" {
			m.results = append(m.results, string(item.Output))
		}
	}
	done := len(m.results) > before
	m.mu.Unlock()
	reply := map[string]any{"id": "r1", "model": "scripted", "created": 1, "created_at": 1}
	if strings.HasSuffix(r.URL.Path, "/responses") {
		item := map[string]any{"type": "function_call", "id": "f1", "call_id": "c1", "name": "run_task_tree", "arguments": scriptedTree, "status": "completed"}
		if done {
			text := map[string]any{"type": "output_text", "text": "both were measured", "annotations": []any{}}
			item = map[string]any{"type": "message", "id": "m1", "role": "assistant", "status": "completed", "content": []any{text}}
		}
		reply["object"], reply["status"], reply["output"] = "response", "completed", []any{item}
		reply["parallel_tool_calls"], reply["tool_choice"], reply["tools"] = false, "auto", []any{}
		reply["usage"] = map[string]any{
			"input_tokens": 1, "output_tokens": 1, "total_tokens": 2,
			"input_tokens_details": map[string]any{"cached_tokens": 0}, "output_tokens_details": map[string]any{"reasoning_tokens": 0},
		}
	} else {
		message, reason := map[string]any{"role": "assistant", "content": "both were measured"}, "stop"
		if !done {
			function := map[string]any{"name": "run_task_tree", "arguments": scriptedTree}
			message, reason = map[string]any{"role": "assistant", "content": nil, "tool_calls": []any{map[string]any{"id": "c1", "type": "function", "function": function}}}, "tool_calls"
		}
		reply["object"], reply["choices"] = "chat.completion", []any{map[string]any{"index": 0, "message": message, "finish_reason": reason}}
		reply["usage"] = map[string]any{"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(reply)
}

// TestProgramsOfThePages runs the Python programs on the pages of the frameworks as
// they are written, with a scripted model in place of OpenAI.
func TestProgramsOfThePages(t *testing.T) {
	for page, folder := range map[string]string{"langchain": "langchain", "openai-agents": "agents", "pydantic-ai": "pydantic"} {
		t.Run(page, func(t *testing.T) {
			python := filepath.Join(installed(t, folder), "bin", "python")
			programs := t.TempDir()
			require.NoError(t, os.Symlink(peers.Chainwright(t), filepath.Join(programs, "chainwright")))
			h := newHome(t, map[string]any{"executors_dir": "none"})
			const token = "a-token-that-is-long-enough-for-all-hosts"
			h.variables = []string{"CHAINWRIGHT_TOKEN=" + token}
			url := h.serve(t)
			ran := 0
			for _, each := range snippets(t, "docs/clients/"+page+".md") {
				if each.language != "python" {
					continue
				}
				ran++
				model := newOpenAI(t)
				cmd := exec.CommandContext(t.Context(), python, "-c", strings.ReplaceAll(each.text, "http://127.0.0.1:8080/mcp", url))
				cmd.Dir = h.dir
				cmd.Env = append(h.environment(), "PATH="+programs+":"+os.Getenv("PATH"), "PYTHONWARNINGS=ignore", "OPENAI_AGENTS_DISABLE_TRACING=1",
					"OPENAI_API_KEY=none", "OPENAI_BASE_URL="+model.URL+"/v1")
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, "%s\n%s", each.text, out)
				if strings.Contains(each.text, "Measure the CPU") {
					require.Contains(t, string(out), "both were measured", each.text)
					require.Len(t, model.results, 1)
					require.Contains(t, strings.ReplaceAll(model.results[0], `\`, ""), `"status":"completed"`)
				} else if strings.Contains(each.text, "print(") {
					require.Contains(t, string(out), "run_task_tree", each.text)
				}
			}
			require.Greater(t, ran, 1)
		})
	}
}

// TestCommandsOfInspectorsPage runs the commands on Inspector's page that end by
// themselves, over stdio and HTTP.
func TestCommandsOfInspectorsPage(t *testing.T) {
	folder := installed(t, "inspector")
	launcher := filepath.Join(folder, "node_modules", "@modelcontextprotocol", "inspector", "clients", "launcher", "build", "index.js")
	list, err := os.ReadFile("testdata/interop/clients.txt")
	require.NoError(t, err)
	programs := t.TempDir()
	require.NoError(t, os.Symlink(peers.Chainwright(t), filepath.Join(programs, "chainwright")))
	h := newHome(t, map[string]any{"executors_dir": "none"})
	url := h.serve(t)
	ran := 0
	for _, each := range snippets(t, "docs/clients/inspector.md") {
		for line := range strings.Lines(each.text) {
			npx, rest, ok := strings.Cut(line, " --cli ")
			if each.language != "sh" || !ok {
				continue
			}
			ran++
			require.Contains(t, string(list), strings.TrimPrefix(npx, "npx -y "), "the page has the version of make interop")
			rest = strings.ReplaceAll(rest, "http://127.0.0.1:8080/mcp", url)
			cmd := exec.CommandContext(t.Context(), "sh", "-c", node(t)+" "+launcher+" --cli "+rest)
			cmd.Env = append(h.environment(), "PATH="+programs+":"+os.Getenv("PATH"), "MCP_AUTO_OPEN_ENABLED=false")
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s\n%s", line, out)
			if strings.Contains(rest, "tools/list") {
				require.Contains(t, string(out), "run_task_tree", line)
			} else {
				require.Contains(t, string(out), `"status": "completed"`, line)
			}
		}
	}
	require.Greater(t, ran, 4)
}
