package endtoend

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/transport/mcp/client"
)

// modelFolder is the environment variable that names the folder of the small
// model and of the library that runs it. `make test-model` sets it.
const modelFolder = "CHAINWRIGHT_TEST_MODEL"

// TestSmallModel uses a real language model with 135 million parameters. What it
// writes is poor, and differs between processors. So the tests check what holds
// for every reply: it fits what was asked for, or is an error that says why.
func TestSmallModel(t *testing.T) {
	h := newHome(t, map[string]any{"executors_dir": "none", "llm": map[string]any{"provider": "openai"}})
	h.variables = []string{"OPENAI_API_KEY=none", "OPENAI_BASE_URL=" + smallModel(t)}
	t.Run("one request", func(t *testing.T) { oneRequest(t, h) })
	t.Run("chain", func(t *testing.T) { facts(t, h) })
	t.Run("batch", func(t *testing.T) { atomicTasks(t, h) })
	t.Run("plan", func(t *testing.T) { planned(t, h) })
}

// smallModel starts the model and returns the base URL of its endpoint.
func smallModel(t *testing.T) string {
	folder := os.Getenv(modelFolder)
	if folder == "" {
		t.Skipf("%s is not set: `make test-model` installs the model and runs this test", modelFolder)
	}
	cmd := exec.CommandContext(t.Context(), "node", "testdata/small_model.mjs", folder, filepath.Join(folder, "smollm2-135m-instruct.gguf"))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	url, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, "the model did not start")
	return strings.TrimSpace(url)
}

// oneRequest calls llm_executor over HTTP, streamed and not.
func oneRequest(t *testing.T, h home) {
	var reports atomic.Int64
	c := h.connect(t, h.serve(t), client.Options{OnProgress: func(float64, float64, string) { reports.Add(1) }})
	for name, schema := range map[string]string{
		"text":   "",
		"object": `{"type": "object", "properties": {"city": {"type": "string"}, "people": {"type": "integer"}}, "required": ["city", "people"], "additionalProperties": false}`,
		// The last two have conditions that grammars don't hold.
		"array":  `{"type": "object", "properties": {"rivers": {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 3, "uniqueItems": true}}, "required": ["rivers"], "additionalProperties": false}`,
		"bounds": `{"type": "object", "properties": {"kind": {"enum": ["city", "river"]}, "name": {"type": "string", "maxLength": 12, "pattern": "^[A-Z]"}}, "required": ["kind", "name"], "additionalProperties": false}`,
	} {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s streamed=%v", name, stream), func(t *testing.T) {
				before, start := reports.Load(), time.Now()
				inputs := map[string]any{"prompt": "Tell me about the largest city in France.", "temperature": 0.5, "seed": 7, "max_tokens": 60, "stream": stream}
				if schema != "" {
					inputs["output_schema"] = json.RawMessage(schema)
				}
				envelope := call(t.Context(), t, c, "llm_executor", inputs)
				result, _ := envelope["result"].(map[string]any)
				t.Logf("%s after %s: %.300s", envelope["status"], time.Since(start).Round(time.Second/10), encoded(t, result))
				require.NotEmpty(t, result["content"], "the reply is kept, whatever it is: %v", envelope)
				if envelope["status"] != "completed" {
					require.NotEmpty(t, schema, "a text is no error: %v", envelope)
					clearly(t, envelope)
					return
				}
				if schema == "" {
					require.Contains(t, []any{"stop", "length"}, result["finish_reason"])
				} else {
					compiled, err := executors.CompileSchema("reply", json.RawMessage(schema))
					require.NoError(t, err)
					require.Empty(t, compiled.Validate(result["json"]))
				}
				usage := result["usage"].(map[string]any)
				require.Positive(t, usage["input_tokens"])
				require.Positive(t, usage["output_tokens"])
				if stream {
					require.Greater(t, reports.Load(), before, "a streamed reply is reported")
				}
			})
		}
	}
	t.Run("cut off", func(t *testing.T) {
		envelope := call(t.Context(), t, c, "llm_executor", map[string]any{"prompt": "Tell me a long story.", "temperature": 0, "max_tokens": 5})
		require.Equal(t, "length", envelope["result"].(map[string]any)["finish_reason"], envelope)
	})
	t.Run("too long", func(t *testing.T) {
		clearly(t, call(t.Context(), t, c, "llm_executor", map[string]any{"prompt": strings.Repeat("a long story ", 4000)}))
	})
	t.Run("no such model", func(t *testing.T) {
		clearly(t, call(t.Context(), t, c, "llm_executor", map[string]any{"prompt": "Hello.", "model": "no-such-model"}))
	})
}

// clearly checks that a call failed with an error that has a message and a hint.
func clearly(t *testing.T, envelope map[string]any) {
	t.Helper()
	require.Equal(t, "failed", envelope["status"], envelope)
	t.Logf("%s: %s (%s)", envelope["error_type"], envelope["error"], envelope["hint"])
	for _, member := range []string{"error_type", "error", "hint"} {
		require.NotEmpty(t, envelope[member], envelope)
	}
}

// facts runs the example of prompt_chain, which is Together's, at the command
// line: three prompts, each with the reply to the one before.
func facts(t *testing.T, h home) {
	var inputs struct {
		Input string `json:"input"`
		Steps []any  `json:"steps"`
	}
	for _, def := range definitions(t) {
		if def.ID == "prompt_chain" {
			require.NoError(t, json.Unmarshal(def.Examples[0].Inputs, &inputs))
		}
	}
	require.Len(t, inputs.Steps, 3)
	text, err := yaml.Marshal(map[string]any{"steps": inputs.Steps})
	require.NoError(t, err)
	file := filepath.Join(h.dir, "facts.yaml")
	require.NoError(t, os.WriteFile(file, text, 0o600))

	printed, exit := h.command(t, "chain", file, "--input", inputs.Input, "--json")
	var out struct {
		Status    string
		Responses []string
		Answer    string
		Steps     []struct {
			Name, Status, Error, Content string
			Usage                        struct {
				Input  int `json:"input_tokens"`
				Output int `json:"output_tokens"`
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(printed), &out), printed)
	require.Len(t, out.Steps, 3)
	for _, step := range out.Steps {
		t.Logf("%s: %s%s", step.Name, step.Content, step.Error)
	}
	if exit != 0 {
		require.Equal(t, "failed", out.Status)
		require.Contains(t, printed, `"error":`)
		require.NotEmpty(t, out.Responses, "the replies before the failure are kept")
		return
	}
	require.Len(t, out.Responses, 3)
	require.Equal(t, out.Responses[2], out.Answer)
	for i, step := range out.Steps {
		require.Equal(t, out.Responses[i], step.Content)
		require.NotEmpty(t, step.Content)
		require.Positive(t, step.Usage.Output)
	}
	require.NotEqual(t, out.Steps[0].Usage.Input, out.Steps[1].Usage.Input, "each step has the reply before it")
}

// atomicTasks makes tasks from a table with 20 rows at the command line.
func atomicTasks(t *testing.T, h home) {
	const rows = 20
	out := filepath.Join(h.dir, "out.jsonl")
	start := time.Now()
	printed, exit := h.command(t, "generate", "sequential", "--input", absolute(t, "testdata/atomic_tasks.jsonl"), "--output", out,
		"--input-task-key", "task", "--workers", "2", "--temperature", "0.3", "--seed", "7", "--max-tokens", "120")
	t.Logf("after %s: %s", time.Since(start).Round(time.Second), printed)
	var report struct {
		Counts struct{ OK, Failed, Unreached int }
	}
	require.NoError(t, json.Unmarshal([]byte(printed), &report), printed)
	require.Equal(t, rows, report.Counts.OK+report.Counts.Failed, printed)
	require.Equal(t, report.Counts.Failed > 0, exit == 1, "exit code %d", exit)

	text, err := os.ReadFile(out)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	require.Len(t, lines, rows, "no row is lost")
	shown, err := os.ReadFile("../../tools/sequential/prompts/examples.yaml")
	require.NoError(t, err)
	passed := 0
	for i, line := range lines {
		t.Logf("%.400s", line)
		row := decoded(t, line).(map[string]any)
		require.Equal(t, fmt.Sprint(i+1), fmt.Sprint(row["id"]), "the rows are in order")
		if row["error"] != nil {
			for _, member := range []string{"error", "error_type", "raw_reply"} {
				require.NotEmpty(t, row[member], line)
			}
			continue
		}
		passed++
		subsequent, composed, given := folded(row["subsequent_task"]), folded(row["composition_task"]), folded(row["task"])
		require.NotEmpty(t, subsequent, line)
		require.NotEmpty(t, composed, line)
		require.NotEqual(t, subsequent, composed, line)
		require.NotContains(t, []string{subsequent, composed}, given, "the given task is no answer")
		for example := range strings.Lines(string(shown)) {
			if _, value, found := strings.Cut(example, ": "); found {
				require.NotContains(t, subsequent+" "+composed, folded(value), "a copy of an example passed: %s", line)
			}
		}
	}
	require.Equal(t, report.Counts.OK, passed)
}

// planned has the model plan. Its tree is valid and none of the brief's examples,
// or the error says what is wrong with it.
func planned(t *testing.T, h home) {
	envelope := call(t.Context(), t, h.stdio(t), "task_tree_generator", map[string]any{
		"requirement": "Fetch the price of tea from the API of the shop and write it to tea.txt", "llm_provider": "openai", "max_tokens": 256,
		"allowed_executors": []any{"rest_executor", "file_writer"},
	})
	if envelope["status"] != "completed" {
		clearly(t, envelope)
		return
	}
	tree := encoded(t, envelope["result"])
	t.Log(tree)
	file := filepath.Join(h.dir, "plan.json")
	require.NoError(t, os.WriteFile(file, []byte(tree), 0o600))
	_, exit := h.command(t, "validate", file)
	require.Zero(t, exit)
	require.NotContains(t, tree, "inputs.list_a", "a copy of an example passed")
	require.NotContains(t, tree, "/customers", "a copy of an example passed")
}

// folded returns the letters and digits of a text in lower case.
func folded(value any) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, fmt.Sprint(value))
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	require.NoError(t, err)
	return path
}
